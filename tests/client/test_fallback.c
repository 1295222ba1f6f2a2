/* From 5.0 to 3.1.1: in three ways, and in no other (DESIGN section 4). */
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(fallback);

static struct rig r;

#define FAST .reconnect_min = 4, .reconnect_max = 40

static void begin(uvmqtt_protocol_t version) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .version = version};
  rig_open(&r);
  r.b.in_turn = true;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
}

/* Speaks 3.1.1 now, says so once, and stays with it. */
static void has_fallen_back(void) {
  HEARS(&r, "CONNECT version=4 client_id=c keep_alive=60");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(r.g.n[NOTICE], 1);
  cr_expect(strstr(r.g.log, "notice falling back to MQTT 3.1.1") != NULL);
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=4 ..."); /* remembered */
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "DISCONNECT");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=4 ...");
  cr_expect_eq(r.g.n[NOTICE], 1);
  rig_close(&r);
}

Test(fallback, after_the_reason_unsupported_version) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "CONNACK reason=0x84");
  rig_hears_end(&r); /* no DISCONNECT */
  cr_expect_leq(r.g.retry_in, 1);
  has_fallen_back();
}

/* N65 */
Test(fallback, after_a_311_server_said_unacceptable_version) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "20 02 00 01");
  rig_hears_end(&r);
  has_fallen_back();
}

Test(fallback, after_two_connections_closed_without_a_byte) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  cr_expect_eq(r.g.n[NOTICE], 0);
  broker_hangs_up(&r.b);
  has_fallen_back();
}

Test(fallback, a_reset_counts_as_closed) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  broker_resets(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  broker_resets(&r.b);
  has_fallen_back();
}

Test(fallback, not_when_pinned_to_5) {
  begin(UVMQTT_VERSION_5);
  for (unsigned i = 1; i <= 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
  }
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "20 02 00 01");
  UNTIL(&r, r.g.n[DISCONNECTED] == 4);
  cr_expect_eq(r.g.error.code, UVMQTT_EVERSION);
  cr_expect_geq(r.g.retry_in, 30000);
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(fallback, not_after_a_byte_came) {
  begin(UVMQTT_VERSION_ANY);
  for (unsigned i = 1; i <= 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    uint64_t before = guest_stats(&r.g).bytes_received;
    SAYS(&r, "20");
    UNTIL(&r, guest_stats(&r.g).bytes_received > before);
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
  }
  HEARS(&r, "CONNECT version=5 ...");
  rig_close(&r);
}

Test(fallback, not_when_an_answer_lay_between_two_silent_ends) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(fallback, not_after_time_outs) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .connect_timeout = 20};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    UNTIL(&r, r.g.n[DISCONNECTED] >= i); /* more when we are slow */
    cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  }
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

/* Without waiting for the delay, however short it is. */
static void kick(struct guest *g) {
  if (uvmqtt_state(g->m) == UVMQTT_STATE_WAITING)
    guest_connect(g);
}

Test(fallback, not_after_other_refusals) {
  static const char *const answers[] = {"CONNACK reason=0x88", "20 02 00 03",
                                        "20 02 00 02"};
  begin(UVMQTT_VERSION_ANY);
  r.g.on[STATE] = kick;
  for (unsigned i = 0; i < 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    SAYS(&r, answers[i]);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
  }
  HEARS(&r, "CONNECT version=5 ...");
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(fallback, not_when_nobody_listened) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 4);
  broker_listens(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  rig_close(&r);
}

Test(fallback, not_on_our_own_wish_to_leave) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  for (unsigned i = 1; i <= 3; i++) {
    guest_connect(&r.g);
    HEARS(&r, "CONNECT version=5 ...");
    guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
    UNTIL(&r, r.g.n[LEFT] == i);
  }
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

/* Messages with properties cannot be said in 3.1.1. */
Test(fallback, queued_messages_go_over_in_what_311_can_say) {
  static const uvmqtt_property_t p[] = {UVMQTT_CONTENT_TYPE("x")};
  uvmqtt_message_t message = {
      .topic = "t", .qos = 1, .properties = p, .n_properties = 1};
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_assert_eq(guest_publish(&r.g, "t", "plain", 1), 0);
  cr_assert_eq(uvmqtt_publish(r.g.m, &message, guest_completed(),
                              (char *)&r.g + r.g.requests++, NULL),
               0);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "20 02 00 01");
  HEARS(&r, "CONNECT version=4 ...");
  SAYS(&r, "CONNACK");
  HEARS(&r, "PUBLISH id=1 qos=1 topic=t payload=plain");
  SAYS(&r, "PUBACK id=1");
  UNTIL(&r, r.g.n[COMPLETED] == 2);
  cr_expect_eq(r.g.status[0], 0);
  cr_expect_eq(r.g.status[1], UVMQTT_ENOTSUP);
  rig_close(&r);
}

/* The one attempt without delay is not a licence for more. */
Test(fallback, a_server_gone_meanwhile_is_not_tried_at_speed) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 40,
                        .reconnect_max = 60000};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 ...");
  broker_refuses(&r.b);
  SAYS(&r, "20 02 00 01");
  rig_rest(&r, 300);
  cr_expect_leq(guest_stats(&r.g).attempts, 20, "%u attempts",
                (unsigned)guest_stats(&r.g).attempts);
  rig_close(&r);
}

/* Several servers: each is spoken to as it can. */

static struct broker second;

/* Is heard next, at this one. */
static void hears_at(struct broker *b, const char *expected) {
  const char *got = NULL;
  UNTIL(&r, (got = broker_next(b)) != NULL);
  cr_assert(broker_matches(got, expected), "expected %s, heard %s", expected,
            got);
}

static void begin_with_two(uvmqtt_options_t o) {
  rig_open(&r);
  r.crowded = true;
  broker_open(&second, &r.loop);
  o.url = r.b.url;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
}

static void end_with_two(void) {
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  broker_close(&second);
  rig_close(&r);
}

static void begin_with_list(void) {
  begin_with_two((uvmqtt_options_t){
      UVMQTT_OPTIONS_INIT, FAST, .servers = (const char *const[]){second.url},
      .n_servers = 1});
}

/* From the one to the other, by the death of the one. */
static void move(struct broker *from, struct broker *to, const char *greeting) {
  unsigned before = r.g.n[CONNECTED];
  broker_listens(to);
  broker_refuses(from);
  broker_hangs_up(from);
  hears_at(to, greeting);
  broker_says(to, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] > before);
}

/* A cut soon after CONNACK is noticed, too. */
static unsigned fallen(void) {
  unsigned n = 0;
  for (const char *at = r.g.log; (at = strstr(at, "falling back")); at++)
    n++;
  return n;
}

Test(fallback, is_remembered_of_each_server_and_never_ping_pongs) {
  begin_with_list();
  broker_refuses(&second);
  hears_at(&r.b, "CONNECT version=5 ...");
  broker_says(&r.b, "20 02 00 01");
  hears_at(&r.b, "CONNECT version=4 ...");
  broker_says(&r.b, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  for (unsigned i = 0; i < 3; i++) {
    move(&r.b, &second, "CONNECT version=5 ...");
    move(&second, &r.b, "CONNECT version=4 ...");
  }
  cr_expect_eq(fallen(), 1);
  cr_expect_eq(r.b.accepted, 5, "one of them in vain");
  cr_expect_eq(second.accepted, 3);
  end_with_two();
}

/* At once to the same server, whatever the other one is. */
Test(fallback, leads_to_the_same_server_of_a_list) {
  begin_with_list();
  hears_at(&r.b, "CONNECT version=5 ...");
  broker_says(&r.b, "CONNACK reason=0x84");
  hears_at(&r.b, "CONNECT version=4 ...");
  cr_expect_leq(r.g.retry_in, 1);
  cr_expect_eq(second.accepted, 0);
  end_with_two();
}

static unsigned fives, fours;

/* Of a peer that closes on every CONNECT: what CONNECT said. */
static void close_on(struct broker_link *l, const uint8_t *data, size_t len) {
  struct broker *b = l->broker;
  size_t level = 1;
  while (data[level] & 0x80) /* of the Remaining Length */
    level++;
  level += sizeof "\0\4MQTT";
  cr_assert(len > level && data[0] == 0x10);
  fives += data[level] == 5;
  fours += data[level] == 4;
  b->link = l;
  broker_hangs_up(b);
}

/* Whatever the order: two ends of each in 5.0, and then never again. */
Test(fallback, two_servers_without_a_word_fall_back_each_for_itself) {
  fives = fours = 0;
  begin_with_list();
  r.b.bytes = second.bytes = close_on;
  UNTIL(&r, r.g.n[NOTICE] == 2);
  cr_expect_eq(fives, 4);
  unsigned before = fours;
  UNTIL(&r, fours >= before + 6);
  cr_expect_eq(fives, 4);
  cr_expect_eq(r.g.n[NOTICE], 2);
  end_with_two();
}

static uvmqtt_redirect_verdict_t go(uvmqtt_t *m,
                                    const uvmqtt_redirect_t *redirect) {
  (void)m;
  (void)redirect;
  return UVMQTT_REDIRECT_FOLLOW;
}

static void sends_on(const char *greeting) {
  char line[128];
  hears_at(&r.b, greeting);
  snprintf(line, sizeof line,
           "CONNACK reason=0x9c server_reference=127.0.0.1:%u", second.port);
  broker_says(&r.b, line);
}

Test(fallback, a_server_that_a_redirect_leads_to_is_another_one) {
  begin_with_two(
      (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, FAST, .on_redirect = go});
  sends_on("CONNECT version=5 ...");
  hears_at(&second, "CONNECT version=5 ...");
  broker_says(&second, "20 02 00 01");
  hears_at(&second, "CONNECT version=4 ...");
  broker_hangs_up(&second);
  sends_on("CONNECT version=5 ...");
  hears_at(&second, "CONNECT version=4 ..."); /* remembered */
  cr_expect_eq(r.g.n[NOTICE], 1);
  end_with_two();
}

static const char *where; /* NULL: as before */

static void ask_where(uvmqtt_t *m, const uvmqtt_attempt_t *attempt) {
  uvmqtt_change_t change = {UVMQTT_CHANGE_INIT, .url = where};
  (void)attempt;
  cr_assert_eq(uvmqtt_go(m, &change), 0);
}

Test(fallback, is_remembered_when_the_user_changes_the_url_and_back) {
  begin_with_two((uvmqtt_options_t){UVMQTT_OPTIONS_INIT, FAST,
                                    .on_before_connect = ask_where});
  hears_at(&r.b, "CONNECT version=5 ...");
  where = second.url;
  broker_says(&r.b, "20 02 00 01");
  hears_at(&second, "CONNECT version=5 ...");
  where = r.b.url;
  broker_hangs_up(&second);
  hears_at(&r.b, "CONNECT version=4 ...");
  end_with_two();
}
