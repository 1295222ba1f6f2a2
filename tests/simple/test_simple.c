/* Each call: the bytes it sends, what it answers when all is well, when the
 * server says no, says nothing, and goes away. The bytes are those of the
 * umqtt documentation's calls, from MQTT 3.1.1. */
#include "rig.h"

SUITE(simple);

static const char *const lines_none[] = {NULL};

static void expect_offline(struct rig *rig) {
  uvmqtt_simple_t *c = rig->c;
  cr_assert(uvmqtt_simple_ping(c) == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 0) == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 1) == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_subscribe(c, "a", 0) == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_unsubscribe(c, "a") == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_wait_msg(c, -1) == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_check_msg(c) == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_disconnect(c) == 0);
}

/* connect, disconnect */

/* [MQTT-3.1.0-1/311] */
Test(simple, connects_and_disconnects) {
  static const char *const lines[] = {ONLINE, GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  uint64_t start = now_ms();
  cr_assert(uvmqtt_simple_disconnect(rig.c) == 0);
  between(0, now_ms() - start, 500);
  cr_assert(uvmqtt_simple_last_error(rig.c)->code == 0);
  expect_offline(&rig);
  rig_free(&rig);
}

Test(simple, connect_says_everything_it_was_told) {
  static const char *const lines[] = {
      "accept",
      "< 10 1c | 00 04 \"MQTT\" 04 ec 00 3c | 00 01 \"c\" |"
      "  00 01 \"w\" | 00 04 \"gone\" | 00 01 \"u\" | 00 01 \"p\"",
      "> 20 02 01 00", GOODBYE, NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.user = "u";
  rig.options.password = "p";
  rig.options.keepalive = 60;
  rig_open(&rig);
  cr_assert(uvmqtt_simple_set_last_will(rig.c, "w", text("gone"), true, 1) ==
            0);
  cr_assert(uvmqtt_simple_connect(rig.c, false, 5000) == 1);
  rig_done(&rig);
}

Test(simple, every_connect_is_a_new_one) {
  static const char *const lines[] = {
      ONLINE,          GOODBYE, "accept", CONNECT,
      "> 20 02 00 00", "eof",   "accept", CONNECT,
      "> 20 02 00 00", GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_disconnect(rig.c) == 0);
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == 0);
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == 0); /* cuts it */
  rig_done(&rig);
}

Test(simple, a_made_up_client_id_is_kept) {
  static const char *const lines[] = {
      "accept", "packet 10",     "> 20 02 00 00", GOODBYE, "accept",
      "again",  "> 20 02 00 00", GOODBYE,         NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.client_id = NULL;
  rig_open(&rig);
  cr_assert(uvmqtt_simple_connect(rig.c, false, 5000) == 0);
  cr_assert(uvmqtt_simple_disconnect(rig.c) == 0);
  cr_assert(uvmqtt_simple_connect(rig.c, false, 5000) == 0);
  rig_done(&rig);
}

Test(simple, speaks_5_0_when_told) {
  static const char *const lines[] = {
      "accept",    "packet 10",           "> 20 03 00 00 00",
      "packet 82", "> 90 04 00 01 00 87", "packet e0",
      NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.version = UVMQTT_VERSION_5;
  rig_open(&rig);
  rig_connect(&rig);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a", 0) == UVMQTT_EREASON);
  rig_done(&rig);
}

Test(simple, connect_tells_the_servers_no) {
  static const char *const lines[] = {"accept", CONNECT, "> 20 02 00 05", "eof",
                                      NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig_open(&rig);
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == UVMQTT_EREFUSED);
  const uvmqtt_error_t *error = uvmqtt_simple_last_error(rig.c);
  cr_assert(error->code == UVMQTT_EREFUSED && error->hint[0] != '\0');
  expect_offline(&rig);
  rig_free(&rig);
}

Test(simple, connect_tells_that_nobody_listens) {
  struct rig rig;
  rig_init(&rig, lines_none);
  peer_done(&rig.peer);
  rig_open(&rig);
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == UV_ECONNREFUSED);
  expect_offline(&rig);
  uvmqtt_simple_free(rig.c);
}

Test(simple, connect_waits_no_longer_than_told) {
  static const char *const lines[] = {"accept", CONNECT, "eof", NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig_open(&rig);
  uint64_t start = now_ms();
  cr_assert(uvmqtt_simple_connect(rig.c, true, 150) == UV_ETIMEDOUT);
  between(140, now_ms() - start, 1000);
  expect_offline(&rig);
  rig_free(&rig);
}

Test(simple, connect_at_once_does_not_wait) {
  static const char *const lines[] = {"accept", NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig_open(&rig);
  uint64_t start = now_ms();
  cr_assert(uvmqtt_simple_connect(rig.c, true, 0) < 0);
  between(0, now_ms() - start, 200);
  rig_free(&rig);
}

Test(simple, connect_without_bound_waits_for_the_server) {
  static const char *const lines[] = {"accept",        CONNECT, "sleep 60",
                                      "> 20 02 00 00", GOODBYE, NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig_open(&rig);
  cr_assert(uvmqtt_simple_connect(rig.c, true, -1) == 0);
  rig_done(&rig);
}

Test(simple, connect_tells_that_the_server_left) {
  static const char *const lines[] = {"accept", CONNECT, "close", NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig_open(&rig);
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == UV_EOF);
  expect_offline(&rig);
  rig_free(&rig);
}

Test(simple, messages_behind_connack_are_delivered_in_connect) {
  static const char *const lines[] = {"accept", CONNECT,
                                      "> 20 02 00 00 30 04 00 01 \"a\" \"1\"",
                                      GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert_str_eq(rig.heard, "a=1 ");
  rig_done(&rig);
}

Test(simple, free_cuts_without_a_word) {
  static const char *const lines[] = {ONLINE, "eof", NULL};
  struct rig rig;
  rig_online(&rig, lines);
  rig_free(&rig);
}

/* publish */

/* [MQTT-4.3.1-1/311], [MQTT-4.3.2-1/311], [MQTT-4.3.3-1/311] */
Test(simple, publishes_at_each_qos) {
  static const char *const lines[] = {ONLINE,
                                      "< 30 06 00 01 \"a\" \"123\"",
                                      "< 33 06 00 01 \"a\" 00 01 \"x\"",
                                      "> 40 02 00 01",
                                      "< 34 06 00 01 \"a\" 00 02 \"y\"",
                                      "> 50 02 00 02",
                                      "< 62 02 00 02",
                                      "> 70 02 00 02",
                                      "< 30 03 00 01 \"a\"",
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("123"), false, 0) == 0);
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("x"), true, 1) == 0);
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("y"), false, 2) == 0);
  uvmqtt_bytes_t empty = {NULL, 0};
  cr_assert(uvmqtt_simple_publish(rig.c, "a", empty, false, 0) == 0);
  rig_done(&rig);
}

Test(simple, publish_waits_for_its_own_acknowledgement) {
  static const char *const lines[] = {ONLINE,
                                      "< 32 06 00 01 \"a\" 00 01 \"x\"",
                                      "< 32 06 00 01 \"a\" 00 02 \"y\"",
                                      "> 40 02 00 01",
                                      "sleep 100",
                                      "> 40 02 00 02",
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.timeout_ms = 150;
  rig_open(&rig);
  rig_connect(&rig);
  uint64_t start = now_ms();
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("x"), false, 1) ==
            UV_ETIMEDOUT);
  between(149, now_ms() - start, 1000);
  start = now_ms();
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("y"), false, 1) == 0);
  between(99, now_ms() - start, 150);
  rig_done(&rig);
}

Test(simple, publish_delivers_what_arrives_meanwhile) {
  static const char *const lines[] = {
      ONLINE,
      "< 32 06 00 01 \"a\" 00 01 \"x\"",
      "> 30 04 00 01 \"b\" \"1\" 32 06 00 01 \"b\" 00 07 \"2\"",
      "< 40 02 00 07",
      "> 40 02 00 01 30 04 00 01 \"b\" \"3\"",
      GOODBYE,
      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("x"), false, 1) == 0);
  cr_assert_str_eq(rig.heard, "b=1 b=2 b=3 ");
  rig_done(&rig);
}

Test(simple, publish_refuses_what_cannot_be_sent) {
  static const char *const lines[] = {ONLINE, "silent 50", "tell", GOODBYE,
                                      NULL};
  struct rig rig;
  uvmqtt_bytes_t nowhere = {NULL, 3};
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_publish(rig.c, NULL, text("x"), false, 0) < 0);
  cr_assert(uvmqtt_simple_publish(rig.c, "", text("x"), false, 0) ==
            UVMQTT_ETOPIC);
  cr_assert(uvmqtt_simple_publish(rig.c, "a/#", text("x"), false, 0) ==
            UVMQTT_ETOPIC);
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("x"), false, 3) ==
            UVMQTT_EQOS);
  cr_assert(uvmqtt_simple_publish(rig.c, "a", nowhere, false, 0) < 0);
  cr_assert(uvmqtt_simple_publish(NULL, "a", text("x"), false, 0) == UV_EINVAL);
  peer_told(&rig.peer);
  rig_done(&rig);
}

Test(simple, publish_tells_that_the_server_left) {
  static const char *const lines[] = {
      ONLINE,      "< 32 06 00 01 \"a\" 00 01 \"x\"",
      "close",     "accept",
      CONNECT,     "> 20 02 00 00",
      "silent 50", "tell",
      GOODBYE,     NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("x"), false, 1) == UV_EOF);
  cr_assert(uvmqtt_simple_last_error(rig.c)->code == UV_EOF);
  expect_offline(&rig);
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == 0);
  peer_told(&rig.peer); /* what failed is not sent by the next client */
  rig_done(&rig);
}

/* subscribe, unsubscribe */

/* [MQTT-3.8.1-1/311], [MQTT-3.10.1-1/311] */
Test(simple, subscribes_and_unsubscribes) {
  static const char *const lines[] = {ONLINE,
                                      "< 82 08 00 01 | 00 03 \"a/#\" 01",
                                      "> 90 03 00 01 01",
                                      "< a2 07 00 02 | 00 03 \"a/#\"",
                                      "> b0 02 00 02",
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a/#", 1) == 0);
  cr_assert(uvmqtt_simple_unsubscribe(rig.c, "a/#") == 0);
  rig_done(&rig);
}

Test(simple, subscribe_tells_the_servers_no) {
  static const char *const lines[] = {ONLINE, "< 82 06 00 01 | 00 01 \"a\" 00",
                                      "> 90 03 00 01 80", GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a", 0) == UVMQTT_EREASON);
  rig_done(&rig);
}

Test(simple, subscribe_and_unsubscribe_wait_no_longer_than_told) {
  static const char *const lines[] = {ONLINE, "packet 82", "packet a2", GOODBYE,
                                      NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.timeout_ms = 100;
  rig_open(&rig);
  rig_connect(&rig);
  uint64_t start = now_ms();
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a", 0) == UV_ETIMEDOUT);
  cr_assert(uvmqtt_simple_unsubscribe(rig.c, "b") == UV_ETIMEDOUT);
  between(199, now_ms() - start, 1000);
  rig_done(&rig);
}

Test(simple, subscribe_and_unsubscribe_refuse_what_cannot_be_sent) {
  static const char *const lines[] = {ONLINE, "silent 50", "tell", GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a#", 0) == UVMQTT_EFILTER);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a", 3) == UVMQTT_EQOS);
  cr_assert(uvmqtt_simple_subscribe(rig.c, NULL, 0) < 0);
  cr_assert(uvmqtt_simple_unsubscribe(rig.c, "") == UVMQTT_EFILTER);
  cr_assert(uvmqtt_simple_unsubscribe(rig.c, NULL) < 0);
  uvmqtt_simple_set_callback(rig.c, NULL, NULL);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a", 0) == UVMQTT_ENOCALLBACK);
  peer_told(&rig.peer);
  rig_done(&rig);
}

Test(simple, subscribe_and_unsubscribe_tell_that_the_server_left) {
  static const char *const lines[] = {ONLINE,      "packet 82", "reset",
                                      "accept",    CONNECT,     "> 20 02 00 00",
                                      "packet a2", "close",     NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a", 0) == UV_ECONNRESET);
  expect_offline(&rig);
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == 0);
  cr_assert(uvmqtt_simple_unsubscribe(rig.c, "a") == UV_EOF);
  expect_offline(&rig);
  rig_free(&rig);
}

/* [MQTT-3.3.1-6/311]: retained messages may come before SUBACK. */
Test(simple, subscribe_delivers_what_arrives_meanwhile) {
  static const char *const lines[] = {
      ONLINE, "packet 82",
      "> 31 04 00 01 \"a\" \"1\" 90 03 00 01 00 31 04 00 01 \"a\" \"2\"",
      GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_subscribe(rig.c, "a", 0) == 0);
  cr_assert_str_eq(rig.heard, "a=1 a=2 ");
  rig_done(&rig);
}

/* ping and keep alive */

Test(simple, ping_sends_and_neither_waits_nor_delivers) {
  static const char *const lines[] = {ONLINE,    "> 30 04 00 01 \"a\" \"1\"",
                                      "tell",    "< c0 00",
                                      "> d0 00", "< c0 00",
                                      GOODBYE,   NULL};
  struct rig rig;
  rig_online(&rig, lines);
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_ping(rig.c) == 0);
  cr_assert(uvmqtt_simple_ping(rig.c) == 0);
  cr_assert_str_empty(rig.heard);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert_str_eq(rig.heard, "a=1 ");
  rig_done(&rig);
}

/* [MQTT-3.1.2-23/311] */
Test(simple, keep_alive_runs_inside_calls) {
  static const char *const lines[] = {"accept",
                                      CONNECT_WITH("c6", "00 01"),
                                      "> 20 02 00 00",
                                      "< c0 00",
                                      "> d0 00",
                                      "< c0 00",
                                      "> d0 00",
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.keepalive = 1;
  rig_open(&rig);
  rig_connect(&rig);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 2300) == 0);
  rig_done(&rig);
}

Test(simple, a_server_that_is_gone_does_not_hold_wait_msg) {
  static const char *const lines[] = {"accept",  "packet 10", "> 20 02 00 00",
                                      "< c0 00", "eof",       NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.keepalive = 1;
  rig_open(&rig);
  rig_connect(&rig);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, -1) == UVMQTT_EKEEPALIVE);
  expect_offline(&rig);
  rig_free(&rig);
}
