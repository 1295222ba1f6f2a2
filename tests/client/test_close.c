/* The end of a client: in every state, in every callback. The rig holds what
 * must be true then: no on_* after uvmqtt_close, UV_ECANCELED for each request
 * in the order made, once, the close callback last, no handle left. */
#include "client/rig.h"
#include "client/states.h"
#include "support/suite.h"
#include <string.h>

SUITE(close);

static struct rig r;

Test(close, in_every_state) {
  for (size_t i = 0; i < n_state_rows; i++) {
    rig_open(&r);
    state_rows[i].reach(&r);
    uint64_t before = rig_clock();
    guest_close(&r.g);
    UNTIL(&r, r.g.m == NULL);
    cr_expect_lt(rig_clock() - before, 500, "%s", state_rows[i].name);
    rig_close(&r);
  }
}

static void never(void *arg) {
  (void)arg;
  cr_assert(false, "the first close callback counts");
}

Test(close, again_changes_nothing) {
  for (size_t i = 0; i < n_state_rows; i++) {
    rig_open(&r);
    state_rows[i].reach(&r);
    uvmqtt_t *m = r.g.m;
    guest_close(&r.g);
    uvmqtt_close(m, never, NULL);
    if (uv_run(&r.loop, UV_RUN_NOWAIT) && r.g.m != NULL)
      uvmqtt_close(m, never, NULL);
    UNTIL(&r, r.g.m == NULL);
    cr_expect_eq(r.g.n[CLOSED], 1);
    rig_close(&r);
  }
}

/* After some turns of the loop, so that it falls between any two steps. */
/* O23 */
Test(close, after_every_number_of_turns) {
  for (size_t i = 0; i < n_state_rows; i++)
    for (int turns = 1; turns <= 4; turns++) {
      rig_open(&r);
      state_rows[i].reach(&r);
      for (int k = 0; k < turns; k++)
        uv_run(&r.loop, UV_RUN_NOWAIT);
      guest_close(&r.g);
      rig_close(&r);
    }
}

/* A life with everything in it. It stops where the client was closed. */

#define OR_CLOSED(condition)                                                   \
  do {                                                                         \
    UNTIL(&r, r.g.closing || (condition));                                     \
    if (r.g.closing)                                                           \
      return;                                                                  \
  } while (0)

static void live(uvmqtt_protocol_t version) {
  guest_publish(&r.g, "t", "0", 0);
  guest_publish(&r.g, "t", "1", 1);
  guest_publish(&r.g, "t", "2", 2);
  guest_subscribe(&r.g, "f", 1);
  guest_unsubscribe(&r.g, "f");
  guest_connect(&r.g);
  OR_CLOSED(r.g.n[COMPLETED] == 5 && r.g.n[MESSAGE] == 1);
  guest_publish(&r.g, "t", "3", 1); /* for the other side of the cut */
  broker_hangs_up(&r.b);
  OR_CLOSED(r.g.n[COMPLETED] == 6 && r.g.n[CONNECTED] == 2);
  guest_publish(&r.g, "t", "4", 0);
  guest_publish(&r.g, "t", "5", 2);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  OR_CLOSED(uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  guest_publish(&r.g, "t", "6", 1);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  OR_CLOSED(uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
  OR_CLOSED(uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  (void)version;
}

static unsigned in_callback(unsigned n, uvmqtt_protocol_t version) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = version,
                        .reconnect_min = 1, .reconnect_max = 2};
  rig_open(&r);
  r.b.polite = r.b.echo = true;
  guest_open(&r, &r.g, &o);
  r.g.close_at = n;
  live(version);
  unsigned total = r.g.total;
  r.g.close_at = 0;
  rig_close(&r);
  return total;
}

static void in_every_callback(uvmqtt_protocol_t version) {
  unsigned total = in_callback(0, version);
  cr_assert_gt(total, 25);
  for (unsigned n = 1; n <= total; n++)
    in_callback(n, version);
}

Test(close, in_every_callback_of_a_life_in_5) {
  in_every_callback(UVMQTT_VERSION_5);
}

Test(close, in_every_callback_of_a_life_in_311) {
  in_every_callback(UVMQTT_VERSION_311);
}

static void close_there(struct guest *g) {
  guest_close(g);
}

Test(close, in_on_notice) {
  for (int late = 0; late < 2; late++) {
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1};
    rig_open(&r);
    guest_open(&r, &r.g, &o);
    r.g.on[NOTICE] = close_there;
    guest_publish(&r.g, "t", "1", 1);
    guest_connect(&r.g);
    HEARS(&r, "CONNECT ...");
    if (late) { /* SESSION_LOST, from inside CONNACK */
      SAYS(&r, "CONNACK");
      HEARS(&r, "PUBLISH ...");
      broker_hangs_up(&r.b);
      HEARS(&r, "CONNECT ...");
      SAYS(&r, "CONNACK");
    } else { /* VERSION_FALLBACK, from settle */
      SAYS(&r, "20 02 00 01");
    }
    UNTIL(&r, r.g.m == NULL);
    cr_expect_eq(r.g.n[NOTICE], 1);
    rig_close(&r);
  }
}

Test(close, in_on_notice_of_a_mismatch) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  r.g.on[NOTICE] = close_there;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK sp=1");
  UNTIL(&r, r.g.m == NULL);
  cr_expect_eq(r.g.n[NOTICE], 1);
  rig_close(&r);
}

/* In a chunk of many: nothing behind it is delivered. */
Test(close, in_on_message_ends_delivery_at_once) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.g.on[MESSAGE] = close_there;
  SAYS(&r, "30 04 00 01 \"a\" 00 30 04 00 01 \"b\" 00 30 04 00 01 \"c\" 00");
  UNTIL(&r, r.g.m == NULL);
  cr_expect_eq(r.g.n[MESSAGE], 1);
  /* [MQTT-3.1.2-8/both]: no DISCONNECT, so that the Will is published */
  rig_hears_end(&r);
  rig_close(&r);
}

Test(close, in_on_message_of_a_violating_chunk) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.g.on[MESSAGE] = close_there;
  SAYS(&r, "30 04 00 01 \"a\" 00 00 00");
  UNTIL(&r, r.g.m == NULL);
  rig_hears_end(&r);
  rig_close(&r);
}

Test(close, in_a_completion_cancels_the_rest_later) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.g.on[COMPLETED] = close_there;
  for (int i = 0; i < 20; i++)
    guest_publish(&r.g, "t", "x", (uint8_t)(i % 3));
  UNTIL(&r, r.g.m == NULL);
  cr_expect_eq(r.g.n[COMPLETED], 20);
  cr_expect_eq(r.g.status[0], 0);
  rig_close(&r);
}

static void request_while_cancelled(struct guest *g) {
  uvmqtt_message_t message = {.topic = "t"};
  if (!g->closing)
    return;
  cr_expect_eq(uvmqtt_publish(g->m, &message, NULL, NULL, NULL), UV_ECANCELED);
  cr_expect_eq(uvmqtt_connect(g->m), UV_ECANCELED);
  uvmqtt_close(g->m, never, NULL);
}

Test(close, calls_in_cancelled_completions_are_refused) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  for (int i = 0; i < 6; i++)
    guest_publish(&r.g, "t", "x", (uint8_t)(i % 3));
  r.g.on[COMPLETED] = request_while_cancelled;
  guest_close(&r.g);
  rig_close(&r);
}

/* "Requests complete with UV_ECANCELED in the order they were made", the
 * disconnect among them. */
Test(close, the_disconnect_is_cancelled_in_its_turn) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.g.log[0] = '\0';
  guest_publish(&r.g, "t", "x", 1);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  cr_expect_str_eq(r.g.log, "done 0 ECANCELED\nleft ECANCELED\nclosed\n");
  rig_close(&r);
}

static struct guest second;

static void born_again(struct guest *g) {
  guest_open(g->rig, &second, NULL);
  guest_connect(&second);
}

Test(close, a_new_client_may_be_made_in_the_close_callback) {
  rig_open(&r);
  r.b.polite = true;
  r.crowded = true;
  rig_online(&r, NULL, NULL);
  r.g.on[CLOSED] = born_again;
  guest_close(&r.g);
  UNTIL(&r, r.g.closed && second.n[CONNECTED] == 1);
  guest_close(&second);
  UNTIL(&r, second.m == NULL);
  rig_close(&r);
}

static void close_first(struct guest *g) {
  (void)g;
  guest_close(&r.g);
}

Test(close, one_client_in_the_callback_of_another) {
  for (int what = CONNECTED; what < CLOSED; what++) {
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = "2"};
    rig_open(&r);
    r.b.polite = r.b.echo = true;
    r.crowded = true;
    guest_open(&r, &second, &o);
    rig_online(&r, NULL, NULL);
    guest_publish(&r.g, "t", "x", 1);
    second.on[what] = close_first;
    guest_publish(&second, "t", "x", 0);
    guest_publish(&second, "t", "x", 1);
    guest_connect(&second);
    UNTIL(&r, second.n[COMPLETED] == 2);
    guest_leave(&second, UVMQTT_DISCONNECT_NOW, 0);
    UNTIL(&r, second.n[LEFT] == 1);
    guest_close(&second);
    UNTIL(&r, second.m == NULL);
    rig_close(&r);
  }
}
