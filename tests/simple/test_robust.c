/* umqtt.robust's calls against a server that goes away. */
#include "rig.h"
#include <uvmqtt/robust.h>

#include <stdio.h>
#include <string.h>

SUITE(robust);

#define CONNECT_0 CONNECT_WITH("c4", "00 00")
#define NEW "> 20 02 00 00"
#define PRESENT "> 20 02 01 00"
/* what follows does not come before connect has returned */
#define ONLINE_0 "accept", CONNECT_0, NEW, "await"
#define PUBLISH_X "< 32 06 00 01 \"a\" 00 01 \"x\""
#define PUBLISH_X_DUP "< 3a 06 00 01 \"a\" 00 01 \"x\""

struct robust {
  struct rig rig; /* its c is not used */
  uvmqtt_robust_t *c;
  uvmqtt_robust_options_t options;
  char logged[256]; /* "lost EOF; failed ECONNREFUSED; " */
  unsigned attempts[16];
  size_t n_attempts;
  int64_t delay; /* what the hook says from last_attempt on */
  unsigned last_attempt;
  void (*in_log)(struct robust *r);
};

static void on_log(bool in_reconnect, const uvmqtt_error_t *error, void *arg) {
  struct robust *r = arg;
  size_t len = strlen(r->logged);
  snprintf(r->logged + len, sizeof r->logged - len, "%s %s; ",
           in_reconnect ? "failed" : "lost", uvmqtt_err_name(error->code));
  if (r->in_log != NULL)
    r->in_log(r);
}

static int64_t on_delay(unsigned attempt, int64_t suggested, void *arg) {
  struct robust *r = arg;
  cr_assert(suggested > 0);
  if (r->n_attempts < 16)
    r->attempts[r->n_attempts++] = attempt;
  return attempt >= r->last_attempt ? r->delay : 1;
}

static void init(struct robust *r, const char *const *lines) {
  memset(r, 0, sizeof *r);
  rig_init(&r->rig, lines);
  r->options =
      (uvmqtt_robust_options_t){UVMQTT_ROBUST_OPTIONS_INIT, .delay_min = 1,
                                .delay_max = 20, .log = on_log, .arg = r};
}

static void open_it(struct robust *r) {
  cr_assert(uvmqtt_robust_new(&r->rig.options, &r->options, &r->c) == 0);
  uvmqtt_robust_set_callback(r->c, rig_hear, &r->rig);
}

static void go_online(struct robust *r) {
  open_it(r);
  cr_assert(uvmqtt_robust_connect(r->c, false, 5000) == 0);
  peer_go(&r->rig.peer);
}

static void start(struct robust *r, const char *const *lines) {
  init(r, lines);
  go_online(r);
}

static void end(struct robust *r) {
  uvmqtt_robust_free(r->c);
  peer_done(&r->rig.peer);
}

static void leave(struct robust *r) {
  cr_assert(uvmqtt_robust_disconnect(r->c) == 0);
  end(r);
}

static int publish(struct robust *r, const char *payload, uint8_t qos) {
  return uvmqtt_robust_publish(r->c, "a", text(payload), false, qos);
}

static void notice_the_end(struct robust *r) {
  while (uvmqtt_robust_is_online(r->c))
    cr_assert(uvmqtt_robust_check_msg(r->c, 0) == 0);
}

static void expect_offline(struct robust *r) {
  uvmqtt_robust_t *c = r->c;
  cr_assert_not(uvmqtt_robust_is_online(c));
  cr_assert(uvmqtt_robust_ping(c) == UV_ENOTCONN);
  cr_assert(publish(r, "x", 0) == UV_ENOTCONN);
  cr_assert(publish(r, "x", 1) == UV_ENOTCONN);
  cr_assert(uvmqtt_robust_subscribe(c, "a", 0) == UV_ENOTCONN);
  cr_assert(uvmqtt_robust_unsubscribe(c, "a") == UV_ENOTCONN);
  cr_assert(uvmqtt_robust_wait_msg(c, -1) == UV_ENOTCONN);
  cr_assert(uvmqtt_robust_check_msg(c, 2) == UV_ENOTCONN);
  cr_assert(uvmqtt_robust_disconnect(c) == 0);
}

/* connect */

Test(robust, continues_its_session) {
  static const char *const lines[] = {"accept", CONNECT_0, PRESENT, GOODBYE,
                                      NULL};
  struct robust r;
  init(&r, lines);
  open_it(&r);
  expect_offline(&r);
  cr_assert(uvmqtt_robust_reconnect(r.c, 100) == UV_ENOTCONN);
  cr_assert(uvmqtt_robust_connect(r.c, false, 5000) == 1);
  cr_assert(uvmqtt_robust_is_online(r.c));
  cr_assert(uvmqtt_robust_disconnect(r.c) == 0);
  expect_offline(&r);
  end(&r);
}

/* [MQTT-3.1.2-6/311]: what begins clean does not last, so it is thrown away. */
Test(robust, asks_the_server_to_forget_and_keeps_the_next_session) {
  static const char *const lines[] = {
      "accept",
      CONNECT,
      NEW,
      GOODBYE,
      "accept",
      "< 10 3b | 00 04 \"MQTT\" 04 cc 00 00 | 00 01 \"c\" | 00 01 \"w\" |"
      " 00 01 \"x\" | 00 12 \"" PLANTED_USER "\" 00 12 \"" PLANTED_PASSWORD
      "\"",
      NEW,
      GOODBYE,
      NULL};
  struct robust r;
  init(&r, lines);
  open_it(&r);
  cr_assert(uvmqtt_robust_set_last_will(r.c, "w", text("x"), false, 1) == 0);
  cr_assert(uvmqtt_robust_connect(r.c, true, 5000) == 0);
  leave(&r);
}

Test(robust, keeps_a_made_up_client_id) {
  static const char *const lines[] = {"accept", "packet 10", NEW,     "close",
                                      "accept", "again",     PRESENT, "close",
                                      "tell",   NULL};
  struct robust r;
  init(&r, lines);
  r.rig.options.client_id = NULL;
  go_online(&r);
  cr_assert(uvmqtt_robust_reconnect(r.c, 5000) == 1);
  peer_told(&r.rig.peer);
  end(&r);
}

/* As in umqtt: only what was online once comes back. */
Test(robust, a_first_connect_tries_once) {
  struct robust r;
  static const char *const none[] = {NULL};
  init(&r, none);
  peer_done(&r.rig.peer);
  open_it(&r);
  cr_assert(uvmqtt_robust_connect(r.c, false, 5000) == UV_ECONNREFUSED);
  cr_assert_str_eq(r.logged, "failed ECONNREFUSED; ");
  cr_assert_not_null(strstr(uvmqtt_robust_error_text(r.c), "127.0.0.1"));
  expect_offline(&r);
  cr_assert(uvmqtt_robust_connect(r.c, true, 5000) == UV_ECONNREFUSED);
  expect_offline(&r);
  uvmqtt_robust_free(r.c);
}

Test(robust, a_first_connect_waits_no_longer_than_told) {
  static const char *const lines[] = {"accept", CONNECT,   NEW,   GOODBYE,
                                      "accept", CONNECT_0, "eof", NULL};
  struct robust r;
  init(&r, lines);
  open_it(&r);
  uint64_t begin = now_ms();
  cr_assert(uvmqtt_robust_connect(r.c, true, 300) == UV_ETIMEDOUT);
  between(290, now_ms() - begin, 1300);
  expect_offline(&r);
  end(&r);
}

Test(robust, a_first_connect_tells_the_servers_no) {
  static const char *const lines[] = {"accept", CONNECT_0, "> 20 02 00 05",
                                      "eof", NULL};
  struct robust r;
  init(&r, lines);
  open_it(&r);
  cr_assert(uvmqtt_robust_connect(r.c, false, 5000) == UVMQTT_EREFUSED);
  expect_offline(&r);
  end(&r);
}

/* publish */

/* [MQTT-3.3.1-1/311], [MQTT-4.4.0-1/311] */
Test(robust, publishes_the_same_message_until_it_is_acknowledged) {
  static const char *const lines[] = {
      ONLINE_0, PUBLISH_X,     "close",         "accept", CONNECT_0,
      PRESENT,  PUBLISH_X_DUP, "reset",         "accept", CONNECT_0,
      PRESENT,  PUBLISH_X_DUP, "> 40 02 00 01", GOODBYE,  NULL};
  struct robust r;
  start(&r, lines);
  cr_assert(publish(&r, "x", 1) == 0);
  cr_assert_str_eq(r.logged, "lost EOF; lost ECONNRESET; ");
  leave(&r);
}

/* [MQTT-4.3.3-1/311], [MQTT-4.4.0-1/311] */
Test(robust, publishes_exactly_once_over_two_connections) {
  static const char *const lines[] = {
      ONLINE_0,        "< 34 06 00 01 \"a\" 00 01 \"x\"",
      "> 50 02 00 01", "< 62 02 00 01",
      "close",         "accept",
      CONNECT_0,       PRESENT,
      "< 62 02 00 01", "> 70 02 00 01",
      GOODBYE,         NULL};
  struct robust r;
  start(&r, lines);
  cr_assert(publish(&r, "x", 2) == 0);
  leave(&r);
}

Test(robust, sends_anew_what_the_server_forgot_behind_its_subscriptions) {
  static const char *const lines[] = {ONLINE_0,
                                      "< 82 06 00 01 | 00 01 \"a\" 01",
                                      "> 90 03 00 01 01",
                                      "< 32 06 00 01 \"a\" 00 02 \"x\"",
                                      "close",
                                      "accept",
                                      CONNECT_0,
                                      NEW,
                                      "< 82 06 00 03 | 00 01 \"a\" 01",
                                      "< 32 06 00 01 \"a\" 00 04 \"x\"",
                                      "> 90 03 00 03 01",
                                      "> 32 06 00 01 \"a\" 00 09 \"x\"",
                                      "< 40 02 00 09",
                                      "> 40 02 00 04",
                                      GOODBYE,
                                      NULL};
  struct robust r;
  start(&r, lines);
  cr_assert(uvmqtt_robust_subscribe(r.c, "a", 1) == 0);
  cr_assert(publish(&r, "x", 1) == 0);
  cr_assert_str_eq(r.rig.heard, "a=x ");
  leave(&r);
}

Test(robust, publishes_at_qos_0_when_it_is_back) {
  static const char *const lines[] = {ONLINE_0,
                                      "close",
                                      "tell",
                                      "accept",
                                      CONNECT_0,
                                      PRESENT,
                                      "< 30 04 00 01 \"a\" \"x\"",
                                      GOODBYE,
                                      NULL};
  struct robust r;
  start(&r, lines);
  peer_told(&r.rig.peer);
  notice_the_end(&r);
  cr_assert(publish(&r, "x", 0) == 0);
  leave(&r);
}

/* The peer has stopped listening. What was not sent in time never is. */
Test(robust, publishes_no_longer_than_its_bound) {
  static const char *const lines[] = {ONLINE_0, "close", NULL};
  struct robust r;
  init(&r, lines);
  r.rig.options.timeout_ms = 300;
  go_online(&r);
  notice_the_end(&r);
  for (uint8_t qos = 0; qos <= 2; qos++) {
    uint64_t begin = now_ms();
    cr_assert(publish(&r, "x", qos) == UV_ETIMEDOUT);
    between(299, now_ms() - begin, 1000);
  }
  cr_assert_str_eq(uvmqtt_robust_error_text(r.c), "connection timed out");
  cr_assert(uvmqtt_robust_subscribe(r.c, "a", 0) == UV_ETIMEDOUT);
  cr_assert(uvmqtt_robust_unsubscribe(r.c, "a") == UV_ETIMEDOUT);
  end(&r);
}

Test(robust, what_was_given_up_unsent_is_never_sent) {
  static const char *const lines[] = {
      ONLINE_0, "close",      "await", "accept", CONNECT_0,
      PRESENT,  "silent 100", "tell",  GOODBYE,  NULL};
  struct robust r;
  init(&r, lines);
  r.rig.options.timeout_ms = 100;
  go_online(&r);
  notice_the_end(&r);
  cr_assert(publish(&r, "x", 0) == UV_ETIMEDOUT);
  cr_assert(publish(&r, "x", 1) == UV_ETIMEDOUT);
  cr_assert(uvmqtt_robust_subscribe(r.c, "a", 0) == UV_ETIMEDOUT);
  peer_go(&r.rig.peer);
  cr_assert(uvmqtt_robust_reconnect(r.c, 5000) == 1);
  peer_told(&r.rig.peer);
  leave(&r);
}

Test(robust, subscribes_through_a_loss) {
  static const char *const lines[] = {ONLINE_0,
                                      "packet 82",
                                      "close",
                                      "accept",
                                      CONNECT_0,
                                      NEW,
                                      "< 82 06 00 02 | 00 01 \"a\" 00",
                                      "> 90 03 00 02 00",
                                      "packet a2",
                                      "reset",
                                      "accept",
                                      CONNECT_0,
                                      PRESENT,
                                      "< a2 05 00 04 | 00 01 \"a\"",
                                      "> b0 02 00 04",
                                      GOODBYE,
                                      NULL};
  struct robust r;
  start(&r, lines);
  cr_assert(uvmqtt_robust_subscribe(r.c, "a", 0) == 0);
  cr_assert(uvmqtt_robust_unsubscribe(r.c, "a") == 0);
  leave(&r);
}

/* messages */

Test(robust, waits_for_messages_through_a_loss) {
  static const char *const lines[] = {
      ONLINE_0,
      "close",
      "accept",
      CONNECT_0,
      PRESENT,
      "> 32 06 00 01 \"m\" 00 01 \"1\" 30 04 00 01 \"m\" \"2\"",
      "< 40 02 00 01",
      "tell",
      GOODBYE,
      NULL};
  struct robust r;
  start(&r, lines);
  cr_assert(uvmqtt_robust_wait_msg(r.c, -1) == 1);
  cr_assert_str_eq(r.rig.heard, "m=1 ");
  peer_told(&r.rig.peer);
  cr_assert(uvmqtt_robust_check_msg(r.c, 2) == 1);
  cr_assert_str_eq(r.rig.heard, "m=1 m=2 ");
  leave(&r);
}

Test(robust, wait_msg_has_its_bound_without_a_server) {
  static const char *const lines[] = {ONLINE_0, "close", NULL};
  struct robust r;
  start(&r, lines);
  uint64_t begin = now_ms();
  cr_assert(uvmqtt_robust_wait_msg(r.c, 200) == 0);
  between(199, now_ms() - begin, 1000);
  end(&r);
}

/* It reconnects by steps, one each call. */
Test(robust, check_msg_brings_it_back) {
  static const char *const lines[] = {ONLINE_0, "close",
                                      "accept", CONNECT_0,
                                      PRESENT,  "> 30 04 00 01 \"m\" \"1\"",
                                      GOODBYE,  NULL};
  struct robust r;
  int got;
  start(&r, lines);
  do
    got = uvmqtt_robust_check_msg(r.c, 0);
  while (got == 0);
  cr_assert(got == 1);
  cr_assert_str_eq(r.rig.heard, "m=1 ");
  leave(&r);
}

Test(robust, check_msg_tells_after_so_many_attempts) {
  static const char *const lines[] = {ONLINE_0, "close", NULL};
  struct robust r;
  int got;
  start(&r, lines);
  do
    got = uvmqtt_robust_check_msg(r.c, 2);
  while (got == 0);
  cr_assert(got == UV_ECONNREFUSED);
  cr_assert_str_eq(r.logged, "lost EOF; failed ECONNREFUSED; "
                             "failed ECONNREFUSED; ");
  cr_assert(uvmqtt_robust_check_msg(r.c, 2) == UV_ECONNREFUSED);
  cr_assert(uvmqtt_robust_check_msg(r.c, 0) == 0);
  cr_assert(uvmqtt_robust_ping(r.c) == UV_ENOTCONN);
  end(&r);
}

/* giving up and coming back */

Test(robust, gives_up_after_so_many_attempts) {
  static const char *const lines[] = {ONLINE_0, "close", NULL};
  struct robust r;
  init(&r, lines);
  r.options.max_attempts = 3;
  go_online(&r);
  cr_assert(publish(&r, "x", 1) == UV_ECONNREFUSED);
  cr_assert_str_eq(r.logged, "lost EOF; failed ECONNREFUSED; "
                             "failed ECONNREFUSED; failed ECONNREFUSED; ");
  expect_offline(&r);
  cr_assert(uvmqtt_robust_reconnect(r.c, -1) == UV_ECONNREFUSED);
  expect_offline(&r);
  end(&r);
}

Test(robust, goes_on_with_its_session_when_asked) {
  static const char *const lines[] = {
      ONLINE_0,        PUBLISH_X,       "close",
      "accept",        CONNECT_0,       PRESENT,
      PUBLISH_X_DUP,   "> 40 02 00 01", "< 32 06 00 01 \"a\" 00 02 \"y\"",
      "> 40 02 00 02", GOODBYE,         NULL};
  struct robust r;
  init(&r, lines);
  r.options.no_reconnect = true;
  go_online(&r);
  cr_assert(publish(&r, "x", 1) == UV_EOF);
  expect_offline(&r);
  cr_assert(uvmqtt_robust_reconnect(r.c, 5000) == 1);
  cr_assert(publish(&r, "y", 1) == 0);
  leave(&r);
}

Test(robust, replaces_a_connection_in_good_order) {
  static const char *const lines[] = {ONLINE_0,  GOODBYE, "close", "accept",
                                      CONNECT_0, PRESENT, GOODBYE, NULL};
  struct robust r;
  start(&r, lines);
  cr_assert(uvmqtt_robust_reconnect(r.c, 5000) == 1);
  cr_assert_str_empty(r.logged);
  leave(&r);
}

Test(robust, reconnect_waits_no_longer_than_told) {
  static const char *const lines[] = {ONLINE_0,  "close", "await", "accept",
                                      CONNECT_0, PRESENT, GOODBYE, NULL};
  struct robust r;
  start(&r, lines);
  uint64_t begin = now_ms();
  cr_assert(uvmqtt_robust_reconnect(r.c, 150) == UV_ETIMEDOUT);
  between(149, now_ms() - begin, 1000);
  peer_go(&r.rig.peer);
  while (!uvmqtt_robust_is_online(r.c))
    cr_assert(uvmqtt_robust_wait_msg(r.c, 10) == 0);
  leave(&r);
}

Test(robust, asks_how_long_to_wait) {
  static const char *const lines[] = {ONLINE_0, "close", NULL};
  struct robust r;
  init(&r, lines);
  r.options.delay = on_delay;
  r.delay = -1;
  r.last_attempt = 4;
  go_online(&r);
  cr_assert(uvmqtt_robust_wait_msg(r.c, 5000) == UV_ECONNREFUSED);
  cr_assert(r.n_attempts == 4);
  for (unsigned i = 0; i < 4; i++)
    cr_assert(r.attempts[i] == i + 1);
  expect_offline(&r);
  end(&r);
}

Test(robust, waits_as_long_as_the_hook_says) {
  static const char *const lines[] = {ONLINE_0, "close", "accept", CONNECT_0,
                                      PRESENT,  GOODBYE, NULL};
  struct robust r;
  init(&r, lines);
  r.options.delay = on_delay;
  r.delay = 400;
  go_online(&r);
  uint64_t begin = now_ms();
  do
    cr_assert(uvmqtt_robust_wait_msg(r.c, 20) == 0);
  while (!uvmqtt_robust_is_online(r.c));
  between(399, now_ms() - begin, 2000);
  cr_assert(r.n_attempts == 1);
  leave(&r);
}

Test(robust, reconnect_overtakes_the_hooks_delay) {
  static const char *const lines[] = {ONLINE_0, "close", "accept", CONNECT_0,
                                      PRESENT,  GOODBYE, NULL};
  struct robust r;
  init(&r, lines);
  r.options.delay = on_delay;
  r.delay = 60000;
  go_online(&r);
  while (r.n_attempts == 0)
    cr_assert(uvmqtt_robust_check_msg(r.c, 2) == 0);
  cr_assert(uvmqtt_robust_reconnect(r.c, 5000) == 1);
  leave(&r);
}

/* leaving */

Test(robust, leaves_while_there_is_no_connection) {
  static const char *const lines[] = {ONLINE_0, "close", "tell", "silent 100",
                                      NULL};
  struct robust r;
  start(&r, lines);
  notice_the_end(&r);
  cr_assert(uvmqtt_robust_disconnect(r.c) == 0);
  expect_offline(&r);
  end(&r);
}

static void disconnect(struct robust *r) {
  cr_assert(uvmqtt_robust_disconnect(r->c) == 0);
  cr_assert(publish(r, "x", 0) == UV_ENOTCONN);
}

Test(robust, leaves_inside_the_log) {
  static const char *const lines[] = {ONLINE_0, PUBLISH_X, "close", NULL};
  struct robust r;
  init(&r, lines);
  r.in_log = disconnect;
  go_online(&r);
  cr_assert(publish(&r, "x", 1) == UV_ECANCELED);
  cr_assert_str_eq(r.logged, "lost EOF; ");
  expect_offline(&r);
  end(&r);
}

static int64_t leave_instead(unsigned attempt, int64_t suggested, void *arg) {
  (void)attempt;
  disconnect(arg);
  return suggested + 100;
}

Test(robust, leaves_inside_the_delay) {
  static const char *const lines[] = {ONLINE_0, "close", NULL};
  struct robust r;
  init(&r, lines);
  r.options.delay = leave_instead;
  go_online(&r);
  cr_assert(uvmqtt_robust_wait_msg(r.c, 5000) == UV_ECANCELED);
  expect_offline(&r);
  end(&r);
}

static struct robust *inside; /* whose message callback it is */

static void call_everything(struct rig *rig) {
  uvmqtt_robust_t *c = inside->c;
  (void)rig;
  cr_assert(publish(inside, "x", 1) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_robust_subscribe(c, "a", 0) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_robust_unsubscribe(c, "a") == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_robust_wait_msg(c, 0) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_robust_check_msg(c, 2) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_robust_connect(c, true, 0) == UVMQTT_EDEADLOCK);
  cr_assert(uvmqtt_robust_reconnect(c, 0) == UVMQTT_EDEADLOCK);
  uvmqtt_robust_free(c);
  cr_assert(publish(inside, "x", 0) == 0);
  cr_assert(uvmqtt_robust_ping(c) == 0);
  cr_assert(uvmqtt_robust_disconnect(c) == 0);
}

Test(robust, inside_the_callback_nothing_waits) {
  static const char *const lines[] = {
      ONLINE_0, "> 32 06 00 01 \"m\" 00 01 \"1\"",
      "< 30 04 00 01 \"a\" \"x\" c0 00 40 02 00 01", GOODBYE, NULL};
  struct robust r;
  start(&r, lines);
  inside = &r;
  r.rig.in_callback = call_everything;
  cr_assert(uvmqtt_robust_wait_msg(r.c, 5000) == 1);
  expect_offline(&r);
  end(&r);
}

/* options */

Test(robust, takes_what_simple_takes_and_its_own) {
  struct {
    uvmqtt_robust_options_t known;
    int unknown;
  } longer = {.unknown = 0};
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT,
                               .server = "localhost"};
  uvmqtt_robust_options_t own = {UVMQTT_ROBUST_OPTIONS_INIT, .delay_min = 2};
  uvmqtt_robust_t *c;
  cr_assert(uvmqtt_robust_new(&o, NULL, &c) == 0);
  cr_assert_not_null(uvmqtt_robust_loop(c));
  uvmqtt_robust_free(c);
  cr_assert(uvmqtt_robust_new(&o, &own, &c) == 0);
  uvmqtt_robust_free(c);
  own.delay_max = 1;
  cr_assert(uvmqtt_robust_new(&o, &own, &c) == UV_EINVAL);
  own = (uvmqtt_robust_options_t){.size = 0};
  cr_assert(uvmqtt_robust_new(&o, &own, &c) == UV_EINVAL);
  longer.known.size = sizeof longer;
  cr_assert(uvmqtt_robust_new(&o, &longer.known, &c) == 0);
  uvmqtt_robust_free(c);
  longer.unknown = 1;
  cr_assert(uvmqtt_robust_new(&o, &longer.known, &c) == UV_EINVAL);
  cr_assert(uvmqtt_robust_new(&o, NULL, NULL) == UV_EINVAL);
  cr_assert(uvmqtt_robust_new(NULL, NULL, &c) == UV_EINVAL);
  o.client_id = "";
  cr_assert(uvmqtt_robust_new(&o, NULL, &c) == UVMQTT_ECLIENTID);
  o.client_id = "c";
  o.server = "a b";
  cr_assert(uvmqtt_robust_new(&o, NULL, &c) == UVMQTT_EURL);
}

Test(robust, null_is_no_client) {
  uvmqtt_bytes_t x = {"x", 1};
  uvmqtt_robust_free(NULL);
  uvmqtt_robust_set_callback(NULL, NULL, NULL);
  cr_assert(uvmqtt_robust_connect(NULL, true, 0) == UV_EINVAL);
  cr_assert(uvmqtt_robust_reconnect(NULL, 0) == UV_EINVAL);
  cr_assert(uvmqtt_robust_disconnect(NULL) == UV_EINVAL);
  cr_assert(uvmqtt_robust_ping(NULL) == UV_EINVAL);
  cr_assert(uvmqtt_robust_set_last_will(NULL, "w", x, false, 0) == UV_EINVAL);
  cr_assert(uvmqtt_robust_publish(NULL, "a", x, false, 0) == UV_EINVAL);
  cr_assert(uvmqtt_robust_publish(NULL, "a", x, false, 1) == UV_EINVAL);
  cr_assert(uvmqtt_robust_subscribe(NULL, "a", 0) == UV_EINVAL);
  cr_assert(uvmqtt_robust_unsubscribe(NULL, "a") == UV_EINVAL);
  cr_assert(uvmqtt_robust_wait_msg(NULL, 0) == UV_EINVAL);
  cr_assert(uvmqtt_robust_check_msg(NULL, 2) == UV_EINVAL);
  cr_assert_not(uvmqtt_robust_is_online(NULL));
  cr_assert_null(uvmqtt_robust_loop(NULL));
  cr_assert(uvmqtt_robust_last_error(NULL)->code == 0);
  cr_assert_str_empty(uvmqtt_robust_error_text(NULL));
}
