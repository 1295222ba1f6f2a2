/* How ends are judged, one by one and in a row, and the user's word. */
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

SUITE(verdict);

static struct rig r;

static unsigned asked;
static uvmqtt_retry_t proposed, answer;
static int asked_code;
static bool close_there;

static uvmqtt_retry_t on_retry(uvmqtt_t *m, const uvmqtt_error_t *error,
                               uvmqtt_retry_t own) {
  struct guest *g = uvmqtt_get_data(m);
  cr_assert(!g->rig->in_call);
  asked++;
  proposed = own;
  asked_code = error->code;
  if (close_there)
    guest_close(g);
  return answer;
}

static void begin(uint32_t min, uint32_t max) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_retry = on_retry,
                        .reconnect_min = min, .reconnect_max = max};
  asked = 0;
  close_there = false;
  rig_open(&r);
  guest_open(&r, &r.g, &o);
}

static void refused_with(const char *connack) {
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, connack);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
}

Test(verdict, a_permanent_error_may_be_made_an_ordinary_one) {
  begin(1, 20);
  answer = UVMQTT_RETRY_TRANSIENT;
  refused_with("CONNACK reason=0x86");
  cr_expect_eq(asked, 1);
  cr_expect_eq(asked_code, UVMQTT_EREFUSED);
  cr_expect_eq(proposed, UVMQTT_RETRY_SLOW);
  cr_expect_leq(r.g.retry_in, 20);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

Test(verdict, the_own_proposal_is_what_the_table_says) {
  begin(1, 20);
  answer = UVMQTT_RETRY_SLOW;
  refused_with("CONNACK reason=0x86");
  cr_expect(r.g.retry_in >= 30000 && r.g.retry_in <= 60000);
  rig_close(&r);
}

/* Nothing stops without a word, and it can be started again. */
Test(verdict, the_user_may_stop_it) {
  begin(1, 20);
  answer = UVMQTT_RETRY_STOP;
  broker_refuses(&r.b);
  rig_rest(&r, 1);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  cr_expect_eq(proposed, UVMQTT_RETRY_TRANSIENT);
  cr_expect_eq(r.g.retry_in, UVMQTT_OFF);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  cr_expect_eq(uvmqtt_last_error(r.g.m)->code, UV_ECONNREFUSED);
  rig_rest(&r, 50);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  broker_listens(&r.b);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

Test(verdict, the_client_may_be_closed_where_it_asks) {
  begin(1, 20);
  answer = UVMQTT_RETRY_TRANSIENT;
  close_there = true;
  broker_refuses(&r.b);
  rig_rest(&r, 1);
  guest_connect(&r.g);
  UNTIL(&r, r.g.m == NULL);
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  rig_close(&r);
}

Test(verdict, nobody_is_asked_when_the_user_left) {
  begin(1, 20);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
  HEARS(&r, "DISCONNECT ...");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(asked, 0);
  rig_close(&r);
}

/* Fights. */

static void accepted_and_cut(unsigned i, bool reset) {
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK code=0");
  UNTIL(&r, r.g.n[CONNECTED] == i);
  if (reset)
    broker_resets(&r.b);
  else
    broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == i);
}

static void kick(struct guest *g) {
  if (uvmqtt_state(g->m) == UVMQTT_STATE_WAITING)
    guest_connect(g);
}

/* 3.1.1 has no 0x8E, and mosquitto 2.0 does not always send it. */
Test(verdict, two_clients_with_one_identifier_show_by_what_they_do) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = UVMQTT_VERSION_311,
                        .reconnect_min = 1};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  r.g.on[STATE] = kick;
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 4; i++) {
    accepted_and_cut(i, i % 2 == 0);
    cr_expect_eq(r.g.n[NOTICE], i >= 3, "told once");
    if (i < 3)
      cr_expect_lt(r.g.retry_in, 10000);
    else
      cr_expect(r.g.retry_in >= 10000 && r.g.retry_in <= 20000, "%d ms",
                (int)r.g.retry_in);
  }
  rig_close(&r);
}

/* O19: in between it was not even accepted; that is no fight. */
Test(verdict, a_flapping_network_is_no_fight) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = UVMQTT_VERSION_311,
                        .reconnect_min = 1, .reconnect_max = 4};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 6; i++) {
    HEARS(&r, "CONNECT ...");
    if (i % 3 != 0)
      SAYS(&r, "CONNACK code=0");
    if (i % 3 != 0)
      UNTIL(&r, r.g.n[CONNECTED] == i - i / 3);
    broker_resets(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
  }
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(verdict, connections_that_lasted_are_no_fight) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = UVMQTT_VERSION_311,
                        .reconnect_min = 1, .reconnect_stable = 20};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 4; i++) {
    HEARS(&r, "CONNECT ...");
    SAYS(&r, "CONNACK code=0");
    UNTIL(&r, r.g.n[CONNECTED] == i);
    rig_rest(&r, 30);
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
  }
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

/* A server at a unix socket that accepts us, and is then taken over by the
 * other one: before our next bytes come. */
struct taken {
  uv_pipe_t listener, peer;
  char path[64], url[80];
};

static void make_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret) {
  static char room[1024];
  (void)h, (void)suggested;
  *ret = uv_buf_init(room, sizeof room);
}

static void accept_and_cut(uv_stream_t *peer, ssize_t n, const uv_buf_t *in) {
  static char connack[] = {0x20, 2, 0, 0};
  uv_buf_t out = uv_buf_init(connack, sizeof connack);
  (void)in;
  if (n > 0)
    cr_assert_eq(uv_try_write(peer, &out, 1), (int)sizeof connack);
  uv_close((uv_handle_t *)peer, NULL);
}

static void take_peer(uv_stream_t *listener, int status) {
  struct taken *t = listener->data;
  cr_assert_eq(status, 0);
  cr_assert_eq(uv_pipe_init(listener->loop, &t->peer, 0), 0);
  cr_assert_eq(uv_accept(listener, (uv_stream_t *)&t->peer), 0);
  cr_assert_eq(
      uv_read_start((uv_stream_t *)&t->peer, make_room, accept_and_cut), 0);
}

static void listen_at(struct taken *t) {
  snprintf(t->path, sizeof t->path, "/tmp/uvmqtt-verdict-%ld",
           (long)uv_os_getpid());
  snprintf(t->url, sizeof t->url, "unix:%s", t->path);
  unlink(t->path);
  cr_assert_eq(uv_pipe_init(&r.loop, &t->listener, 0), 0);
  t->listener.data = t;
  cr_assert_eq(uv_pipe_bind(&t->listener, t->path), 0);
  cr_assert_eq(uv_listen((uv_stream_t *)&t->listener, 8, take_peer), 0);
}

static void publish_at_once(struct guest *g) {
  guest_publish(g, "t", "x", 0);
}

Test(verdict, a_write_that_finds_the_connection_cut_counts_as_a_cut) {
  static struct taken t;
  rig_open(&r);
  r.crowded = true;
  listen_at(&t);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = t.url, .reconnect_min = 1,
                        .version = UVMQTT_VERSION_311};
  guest_open(&r, &r.g, &o);
  r.g.on[STATE] = kick;
  r.g.on[CONNECTED] = publish_at_once;
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 3; i++) {
    UNTIL(&r, r.g.n[DISCONNECTED] >= i);
    cr_expect_eq(r.g.error.code, UV_EPIPE);
  }
  cr_expect(strstr(r.g.log, "another client seems to use") != NULL);
  guest_close(&r.g);
  uv_close((uv_handle_t *)&t.listener, NULL);
  UNTIL(&r, r.g.m == NULL);
  unlink(t.path);
  rig_close(&r);
}
