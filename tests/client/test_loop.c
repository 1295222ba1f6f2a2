/* What clients of one loop share, and how they hold it. */
#include "client/rig.h"
#include "support/suite.h"
#include <stdlib.h>
#include <string.h>

SUITE(loop);

static struct rig r;

static unsigned handles;

static void count_handle(uv_handle_t *h, void *arg) {
  handles += !rig_owns(arg, h);
}

/* How many of the client's are on the loop. */
static unsigned client_handles(void) {
  handles = 0;
  uv_walk(&r.loop, count_handle, &r);
  return handles;
}

/* Nothing of it keeps uv_run from returning: the guard of the rig is unref'd
 * and the peer, too. */
static void run_returns_at_once(void) {
  uint64_t before = rig_clock();
  cr_expect_eq(uv_run(&r.loop, UV_RUN_DEFAULT), 0);
  cr_expect_lt(rig_clock() - before, 100);
}

Test(loop, a_new_client_has_no_handle_and_holds_nothing) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_expect_eq(client_handles(), 0);
  cr_expect_not(uv_loop_alive(&r.loop));
  run_returns_at_once();
  rig_close(&r);
}

Test(loop, an_offline_client_holds_nothing) {
  rig_open(&r);
  r.b.polite = true;
  rig_online(&r, NULL, NULL);
  cr_expect(uv_loop_alive(&r.loop));
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  uv_run(&r.loop, UV_RUN_DEFAULT); /* the end of leaving is waited for */
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_OFFLINE);
  cr_expect_eq(r.g.n[LEFT], 1);
  run_returns_at_once();
  rig_close(&r);
}

Test(loop, a_client_that_gave_up_holds_nothing) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_max = UVMQTT_OFF};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  uv_run(&r.loop, UV_RUN_DEFAULT);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  run_returns_at_once();
  rig_close(&r);
}

/* Waiting for the next attempt is work: a ref'd client holds uv_run. */
Test(loop, a_waiting_client_holds_the_loop) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  cr_expect(uv_loop_alive(&r.loop));
  uvmqtt_unref(r.g.m);
  cr_expect_not(uv_loop_alive(&r.loop));
  uvmqtt_ref(r.g.m);
  cr_expect(uv_loop_alive(&r.loop));
  rig_close(&r);
}

Test(loop, an_unrefd_client_does_not_hold_it_and_a_refd_again_does) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  uvmqtt_unref(r.g.m);
  run_returns_at_once();
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_ONLINE);
  uvmqtt_ref(r.g.m);
  cr_expect(uv_loop_alive(&r.loop));
  uvmqtt_ref(r.g.m); /* once is enough for both */
  uvmqtt_unref(r.g.m);
  run_returns_at_once();
  rig_close(&r);
}

/* "present and future" */
Test(loop, handles_of_later_connections_are_unrefd_too) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1};
  static char payload[600000];
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  uvmqtt_unref(r.g.m);
  rig_online(&r, NULL, NULL);
  run_returns_at_once();
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  run_returns_at_once();
  uv_read_stop((uv_stream_t *)&r.b.link->tcp); /* the writer's, too */
  memset(payload, 'x', sizeof payload - 1);
  for (int i = 0; i < 20; i++)
    guest_publish(&r.g, "t", payload, 0);
  rig_rest(&r, 3);
  run_returns_at_once();
  rig_close(&r);
}

/* Idle clients. */

static unsigned turns;

static void on_prepare(uv_prepare_t *h) {
  (void)h;
  turns++;
}

static struct broker_thread elsewhere;

Test(loop, an_idle_client_wakes_at_most_twice_per_keep_alive) {
  uv_prepare_t prepare;
  broker_start(&elsewhere);
  rig_open(&r);
  r.crowded = true;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 1,
                        .url = elsewhere.b.url};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_rest(&r, 10);
  uv_prepare_init(&r.loop, &prepare);
  uv_unref((uv_handle_t *)&prepare);
  uv_prepare_start(&prepare, on_prepare);
  turns = 0;
  rig_rest(&r, 3700); /* four pings, at 0.9 s each */
  uvmqtt_stats_t s = guest_stats(&r.g);
  unsigned pings = (unsigned)s.packets_sent - 1;
  cr_expect(pings >= 3 && pings <= 4, "%u pings", pings);
  /* one more is the end of the rest itself, one its handle's close */
  cr_expect_leq(turns, 2 * pings + 2, "%u turns for %u pings", turns, pings);
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  uv_close((uv_handle_t *)&prepare, NULL);
  r.crowded = false;
  rig_close(&r);
  broker_stop(&elsewhere);
}

Test(loop, an_idle_client_without_keep_alive_never_wakes) {
  uv_prepare_t prepare;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = UVMQTT_OFF};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  r.crowded = true;
  rig_rest(&r, 5);
  uv_prepare_init(&r.loop, &prepare);
  uv_unref((uv_handle_t *)&prepare);
  uv_prepare_start(&prepare, on_prepare);
  turns = 0;
  rig_rest(&r, 300);
  cr_expect_leq(turns, 2, "%u turns", turns);
  uv_close((uv_handle_t *)&prepare, NULL);
  r.crowded = false;
  rig_close(&r);
}

/* Many. */

#define MANY 100

static struct guest *guests;

static unsigned sum(enum heard what) {
  unsigned n = 0;
  for (int i = 0; i < MANY; i++)
    n += guests[i].n[what];
  return n;
}

Test(loop, a_hundred_clients_connect_exchange_and_close) {
  char id[32];
  rig_open(&r);
  r.b.polite = r.b.echo = true;
  r.crowded = true;
  guest_open(&r, &r.g, NULL); /* the rig wants one */
  guests = calloc(MANY, sizeof *guests);
  for (int i = 0; i < MANY; i++) {
    snprintf(id, sizeof id, "c%d", i);
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = id};
    guest_open(&r, &guests[i], &o);
    guest_publish(&guests[i], "t", id, 0);
    guest_publish(&guests[i], "t", id, 1);
    guest_publish(&guests[i], "t", id, 2);
    guest_subscribe(&guests[i], id, 1);
    guest_connect(&guests[i]);
  }
  UNTIL(&r, sum(COMPLETED) == 4 * MANY && sum(MESSAGE) == MANY);
  cr_expect_eq(sum(CONNECTED), MANY);
  cr_expect_eq(r.b.accepted, MANY);
  for (int i = 0; i < MANY; i++) {
    snprintf(id, sizeof id, "message t c%d\n", i);
    cr_expect(strstr(guests[i].log, id) != NULL, "not its own echo");
    if (i % 2)
      guest_leave(&guests[i], UVMQTT_DISCONNECT_FLUSH, 0);
  }
  UNTIL(&r, sum(LEFT) == MANY / 2);
  for (int i = 0; i < MANY; i++)
    guest_close(&guests[i]);
  UNTIL(&r, sum(CLOSED) == MANY);
  for (int i = 0; i < MANY; i++)
    guest_all_completed(&guests[i]);
  cr_expect_eq(sum(DISCONNECTED), MANY / 2);
  free(guests);
  r.crowded = false;
  rig_close(&r);
}

/* The clients asked for in one callback each write for themselves, and the
 * order within each holds, whoever is closed in between. */
Test(loop, some_of_many_close_while_the_others_go_on) {
  rig_open(&r);
  r.b.polite = r.b.echo = true;
  r.crowded = true;
  guest_open(&r, &r.g, NULL);
  guests = calloc(MANY, sizeof *guests);
  for (int i = 0; i < MANY; i++) {
    guest_open(&r, &guests[i], NULL);
    if (i % 3 == 0)
      guests[i].close_at = (unsigned)i % 11 + 1;
    guest_publish(&guests[i], "t", "x", 1);
    guest_publish(&guests[i], "t", "y", 0);
    guest_connect(&guests[i]);
  }
  UNTIL(&r, sum(COMPLETED) == 2 * MANY);
  for (int i = 0; i < MANY; i++)
    guest_close(&guests[i]);
  UNTIL(&r, sum(CLOSED) == MANY);
  for (int i = 0; i < MANY; i++)
    guest_all_completed(&guests[i]);
  free(guests);
  r.crowded = false;
  rig_close(&r);
}

/* Two loops on two threads share nothing but the list under the mutex. */

struct life {
  uv_loop_t loop;
  uv_thread_t thread;
  const char *url;
  unsigned messages, closed, completed;
};

static void life_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  struct life *l = uvmqtt_get_data(m);
  (void)message;
  l->messages++;
}

static void life_closed(void *arg) {
  ((struct life *)arg)->closed++;
}

static void life_completed(uvmqtt_t *m, const uvmqtt_result_t *result,
                           void *arg) {
  struct life *l = arg;
  if (result->status == 0 && ++l->completed % 20 == 0)
    uvmqtt_close(m, life_closed, l);
}

static void live(void *arg) {
  struct life *l = arg;
  uvmqtt_message_t message = {.topic = "t", .payload = {"x", 1}, .qos = 1};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = l->url,
                        .on_message = life_message, .data = l};
  for (int i = 0; i < 10; i++) {
    uvmqtt_t *m;
    if (uvmqtt_new(&l->loop, &o, &m))
      abort();
    for (int k = 0; k < 20; k++)
      uvmqtt_publish(m, &message, life_completed, l, NULL);
    uvmqtt_connect(m);
    uv_run(&l->loop, UV_RUN_DEFAULT);
  }
}

Test(loop, two_loops_on_two_threads_do_not_meet) {
  static struct life lives[2];
  broker_start(&elsewhere);
  for (int i = 0; i < 2; i++) {
    uv_loop_init(&lives[i].loop);
    lives[i].url = elsewhere.b.url;
    uv_thread_create(&lives[i].thread, live, &lives[i]);
  }
  for (int i = 0; i < 2; i++) {
    uv_thread_join(&lives[i].thread);
    cr_expect_eq(lives[i].closed, 10);
    cr_expect_eq(lives[i].completed, 200);
    cr_expect_eq(uv_loop_close(&lives[i].loop), 0);
  }
  broker_stop(&elsewhere);
}
