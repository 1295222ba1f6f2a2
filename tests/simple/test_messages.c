/* wait_msg, check_msg and what may be done inside the callback. */
#include "rig.h"

#include <string.h>

SUITE(messages);

#define QOS0(n) "30 04 00 01 \"m\" \"" n "\" "
#define QOS1(n) "32 06 00 01 \"m\" 00 0" n " \"" n "\" "
#define PUBACK(n) "< 40 02 00 0" n

/* [MQTT-4.3.2-2/311]: the peer sees no acknowledgement of the second before
 * the second was delivered, though all five are there. */
Test(messages, come_one_by_one_and_are_acknowledged_after_the_callback) {
  static const char *const lines[] = {
      ONLINE,       "> " QOS1("1") QOS1("2") QOS1("3") QOS1("4") QOS1("5"),
      PUBACK("1"),  "silent 100",
      "tell",       PUBACK("2"),
      "silent 100", "tell",
      PUBACK("3"),  "silent 50",
      "tell",       PUBACK("4"),
      PUBACK("5"),  GOODBYE,
      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert_str_eq(rig.heard, "m=1 ");
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, -1) == 1);
  cr_assert_str_eq(rig.heard, "m=1 m=2 ");
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == 1);
  cr_assert_str_eq(rig.heard, "m=1 m=2 m=3 ");
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 0) == 1);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == 1);
  cr_assert_str_eq(rig.heard, "m=1 m=2 m=3 m=4 m=5 ");
  cr_assert(uvmqtt_simple_check_msg(rig.c) == 0);
  rig_done(&rig);
}

/* What waits is delivered by the next call that delivers all. */
Test(messages, that_were_left_are_delivered_by_the_next_call) {
  static const char *const lines[] = {ONLINE,
                                      "> " QOS1("1") QOS1("2") QOS1("3"),
                                      PUBACK("1"),
                                      "< c0 00",
                                      "silent 50",
                                      "tell",
                                      "< 30 04 00 01 \"a\" \"x\"",
                                      PUBACK("2"),
                                      PUBACK("3"),
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert(uvmqtt_simple_ping(rig.c) == 0);
  peer_told(&rig.peer);
  cr_assert_str_eq(rig.heard, "m=1 ");
  cr_assert(uvmqtt_simple_publish(rig.c, "a", text("x"), false, 0) == 0);
  cr_assert_str_eq(rig.heard, "m=1 m=2 m=3 ");
  rig_done(&rig);
}

Test(messages, that_come_after_a_delivery_are_found_by_one_check_msg) {
  static const char *const lines[] = {
      ONLINE, "> " QOS0("1"), "await", "> " QOS0("2"), "tell", GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  peer_go(&rig.peer);
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == 1);
  cr_assert_str_eq(rig.heard, "m=1 m=2 ");
  rig_done(&rig);
}

/* [MQTT-4.3.3-2/311] */
Test(messages, at_qos_2_come_once) {
  static const char *const lines[] = {
      ONLINE,
      "> 34 06 00 01 \"m\" 00 01 \"1\" 3c 06 00 01 \"m\" 00 01 \"1\"",
      "< 50 02 00 01 50 02 00 01",
      "> 62 02 00 01",
      "< 70 02 00 01",
      GOODBYE,
      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 100) == 0);
  cr_assert_str_eq(rig.heard, "m=1 ");
  rig_done(&rig);
}

Test(messages, are_waited_for_no_longer_than_told) {
  static const char *const lines[] = {ONLINE, GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  uint64_t start = now_ms();
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 150) == 0);
  between(149, now_ms() - start, 1000);
  start = now_ms();
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 0) == 0);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == 0);
  between(0, now_ms() - start, 20);
  rig_done(&rig);
}

Test(messages, in_half_do_not_hold_check_msg) {
  static const char *const lines[] = {
      ONLINE, "> 30 04 00", "tell", "await", "> 01 \"m\" \"1\"",
      "tell", GOODBYE,      NULL};
  struct rig rig;
  uint64_t worst = 0;
  rig_online(&rig, lines);
  peer_told(&rig.peer);
  for (int i = 0; i < 50; i++) {
    uint64_t start = uv_hrtime();
    cr_assert(uvmqtt_simple_check_msg(rig.c) == 0);
    uint64_t took = uv_hrtime() - start;
    worst = took > worst ? took : worst;
  }
  between(0, worst / 1000000, 4);
  peer_go(&rig.peer);
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == 1);
  cr_assert_str_eq(rig.heard, "m=1 ");
  rig_done(&rig);
}

Test(messages, that_came_before_the_end_are_delivered_before_it_is_told) {
  static const char *const lines[] = {
      ONLINE, "> " QOS0("1") QOS0("2") QOS0("3"), "close", "tell", NULL};
  struct rig rig;
  rig_online(&rig, lines);
  peer_told(&rig.peer);
  for (int i = 0; i < 3; i++)
    cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert_str_eq(rig.heard, "m=1 m=2 m=3 ");
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == UV_EOF);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == UV_ENOTCONN);
  rig_free(&rig);
}

static void on_waiting(uv_timer_t *timer) {
  peer_go(timer->data);
}

Test(messages, end_with_a_reset) {
  static const char *const lines[] = {ONLINE, "await", "reset", NULL};
  static uv_timer_t timer;
  struct rig rig;
  rig_online(&rig, lines);
  uv_timer_init(uvmqtt_simple_loop(rig.c), &timer);
  timer.data = &rig.peer;
  uv_timer_start(&timer, on_waiting, 1, 0); /* inside the call */
  cr_assert(uvmqtt_simple_wait_msg(rig.c, -1) == UV_ECONNRESET);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == UV_ENOTCONN);
  rig_free(&rig);
}

Test(messages, check_msg_tells_the_end_too) {
  static const char *const lines[] = {ONLINE, "close", "tell", NULL};
  struct rig rig;
  rig_online(&rig, lines);
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == UV_EOF);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == UV_ENOTCONN);
  rig_free(&rig);
}

/* [MQTT-4.8.0-1/311]: a violation is answered by closing. */
Test(messages, end_with_a_violation) {
  static const char *const lines[] = {ONLINE, "> " QOS0("1") "36 03 00 01 2a",
                                      "eof", NULL};
  struct rig rig;
  rig_online(&rig, lines);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == UVMQTT_EMALFORMED);
  rig_free(&rig);
}

Test(messages, without_a_callback_are_acknowledged_and_dropped) {
  static const char *const lines[] = {ONLINE, "> " QOS1("1"), PUBACK("1"),
                                      GOODBYE, NULL};
  struct rig rig;
  rig_online(&rig, lines);
  uvmqtt_simple_set_callback(rig.c, NULL, NULL);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  rig_done(&rig);
}

Test(messages, are_not_delivered_by_disconnect) {
  static const char *const lines[] = {ONLINE, "> " QOS1("1"), "tell", GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  peer_told(&rig.peer);
  cr_assert(uvmqtt_simple_disconnect(rig.c) == 0);
  cr_assert_str_empty(rig.heard);
  rig_free(&rig);
}

/* A message delivered, then a long pause of the program: the connection is
 * not given up before the server could answer the late PINGREQ. */
Test(messages, may_be_far_apart) {
  static const char *const lines[] = {"accept",
                                      "packet 10",
                                      "> 20 02 00 00",
                                      "await",
                                      "> " QOS1("1") QOS1("2"),
                                      PUBACK("1"),
                                      "< c0 00",
                                      "sleep 100",
                                      "> d0 00",
                                      PUBACK("2"),
                                      "< c0 00",
                                      "> d0 00 " QOS0("3"),
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.keepalive = 1;
  rig_open(&rig);
  rig_connect(&rig);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  uv_sleep(2100); /* more than two keep-alives */
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  rig_done(&rig);
}

/* Inside the callback. */

static void call_everything(struct rig *rig) {
  uvmqtt_simple_t *c = rig->c;
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 1) ==
            UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 2) ==
            UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_subscribe(c, "a", 0) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_unsubscribe(c, "a") == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_wait_msg(c, 0) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_check_msg(c) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_connect(c, true, 0) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_set_last_will(c, "w", text("x"), false, 0) == 0);
  uvmqtt_simple_free(c);
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 0) == 0);
  cr_assert(uvmqtt_simple_ping(c) == 0);
  uvmqtt_simple_set_callback(c, NULL, NULL);
}

Test(messages, inside_the_callback_nothing_waits) {
  static const char *const lines[] = {ONLINE,
                                      "> " QOS1("1") QOS1("2"),
                                      "< 30 04 00 01 \"a\" \"x\" c0 00",
                                      PUBACK("1"),
                                      PUBACK("2"),
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  rig.in_callback = call_everything;
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  cr_assert_str_eq(rig.heard, "m=1 "); /* the callback was taken away */
  rig_done(&rig);
}

static void leave(struct rig *rig) {
  uvmqtt_simple_t *c = rig->c;
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 0) == 0);
  cr_assert(uvmqtt_simple_disconnect(c) == 0);
  cr_assert(uvmqtt_simple_disconnect(c) == 0);
  cr_assert(uvmqtt_simple_publish(c, "a", text("y"), false, 0) == UV_ENOTCONN);
  cr_assert(uvmqtt_simple_ping(c) == UV_ENOTCONN);
}

Test(messages, disconnect_inside_the_callback_ends_them) {
  static const char *const lines[] = {ONLINE,
                                      "> " QOS1("1") QOS1("2"),
                                      "< 30 04 00 01 \"a\" \"x\"",
                                      PUBACK("1"),
                                      GOODBYE,
                                      "tell",
                                      "accept",
                                      CONNECT,
                                      "> 20 02 00 00",
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  rig.in_callback = leave;
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == 1);
  peer_told(&rig.peer); /* finished in that call */
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 5000) == UV_ENOTCONN);
  cr_assert_str_eq(rig.heard, "m=1 ");
  cr_assert(uvmqtt_simple_connect(rig.c, true, 5000) == 0);
  rig_done(&rig);
}

Test(messages, disconnect_inside_the_callback_ends_the_call) {
  static const char *const lines[] = {ONLINE,
                                      "< 32 06 00 01 \"b\" 00 01 \"z\"",
                                      "> " QOS1("1") QOS1("2"),
                                      "< 30 04 00 01 \"a\" \"x\"",
                                      PUBACK("1"),
                                      GOODBYE,
                                      NULL};
  struct rig rig;
  rig_online(&rig, lines);
  rig.in_callback = leave;
  cr_assert(uvmqtt_simple_publish(rig.c, "b", text("z"), false, 1) ==
            UV_ECANCELED);
  cr_assert_str_eq(rig.heard, "m=1 ");
  cr_assert(uvmqtt_simple_check_msg(rig.c) == UV_ENOTCONN);
  rig_free(&rig);
}

/* The program's own handles on the private loop. */

static unsigned fired;

static void on_own_timer(uv_timer_t *timer) {
  uvmqtt_simple_t *c = timer->data;
  fired++;
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 1) ==
            UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_simple_publish(c, "a", text("x"), false, 0) == 0);
}

Test(messages, own_handles_run_inside_calls) {
  static const char *const lines[] = {ONLINE, "< 30 04 00 01 \"a\" \"x\"",
                                      GOODBYE, NULL};
  static uv_timer_t timer;
  struct rig rig;
  rig_online(&rig, lines);
  uv_timer_init(uvmqtt_simple_loop(rig.c), &timer);
  timer.data = rig.c;
  uv_timer_start(&timer, on_own_timer, 5, 0);
  uv_sleep(10);
  cr_assert(fired == 0);
  cr_assert(uvmqtt_simple_wait_msg(rig.c, 100) == 0);
  cr_assert(fired == 1);
  rig_done(&rig); /* closes the timer, too */
}
