/* What a caller may do wrong, in each state: a code each, nothing sent, nothing
 * hangs. Played with simple and with robust. */
#include "either.h"

#include <stdlib.h>
#include <string.h>

SUITE(misuse);

static const uvmqtt_bytes_t nowhere = {NULL, 3};
static char *too_long; /* a topic of 65,536 bytes */

static int publish(struct either *e, const char *topic, uint8_t qos) {
  return EITHER(e, publish, topic, text("x"), false, qos);
}
static int will(struct either *e, const char *topic, uint8_t qos) {
  return EITHER(e, set_last_will, topic, text("x"), false, qos);
}
static int subscribe(struct either *e, const char *filter, uint8_t qos) {
  return EITHER(e, subscribe, filter, qos);
}
static int unsubscribe(struct either *e, const char *filter, uint8_t unused) {
  (void)unused;
  return EITHER(e, unsubscribe, filter);
}
static int publish_nothing(struct either *e, const char *topic, uint8_t qos) {
  return EITHER(e, publish, topic, nowhere, false, qos);
}
static int will_nothing(struct either *e, const char *topic, uint8_t qos) {
  return EITHER(e, set_last_will, topic, nowhere, false, qos);
}

#define TOO_LONG "(too long)"

/* [MQTT-3.3.2-2/311], [MQTT-4.7.1-2/311], [MQTT-4.7.1-3/311],
 * [MQTT-4.7.3-1/311], [MQTT-4.7.3-3/311], [MQTT-3.3.1-4/311] */
static const struct {
  int (*call)(struct either *e, const char *topic, uint8_t qos);
  const char *topic;
  uint8_t qos;
  int want;
} arguments[] = {
    {publish, NULL, 0, UVMQTT_ETOPIC},
    {publish, NULL, 1, UVMQTT_ETOPIC},
    {publish, "", 0, UVMQTT_ETOPIC},
    {publish, TOO_LONG, 0, UVMQTT_ETOPIC},
    {publish, TOO_LONG, 1, UVMQTT_ETOPIC},
    {publish, "a/#", 0, UVMQTT_ETOPIC},
    {publish, "a/+/b", 1, UVMQTT_ETOPIC},
    {publish, "\xff", 2, UVMQTT_ETOPIC},
    {publish, "a", 3, UVMQTT_EQOS},
    {publish, "a", 255, UVMQTT_EQOS},
    {publish_nothing, "a", 0, UV_EINVAL},
    {publish_nothing, "a", 1, UV_EINVAL},
    {subscribe, NULL, 0, UVMQTT_EFILTER},
    {subscribe, "", 0, UVMQTT_EFILTER},
    {subscribe, TOO_LONG, 0, UVMQTT_EFILTER},
    {subscribe, "a#", 0, UVMQTT_EFILTER},
    {subscribe, "#/a", 0, UVMQTT_EFILTER},
    {subscribe, "a+/b", 0, UVMQTT_EFILTER},
    {subscribe, "\xff", 0, UVMQTT_EFILTER},
    {subscribe, "a", 3, UVMQTT_EQOS},
    {unsubscribe, NULL, 0, UVMQTT_EFILTER},
    {unsubscribe, "", 0, UVMQTT_EFILTER},
    {unsubscribe, TOO_LONG, 0, UVMQTT_EFILTER},
    {unsubscribe, "a#", 0, UVMQTT_EFILTER},
    {will, "", 0, UVMQTT_ETOPIC},
    {will, TOO_LONG, 0, UVMQTT_ETOPIC},
    {will, "a/+", 0, UVMQTT_ETOPIC},
    {will, "a", 3, UVMQTT_EQOS},
    {will_nothing, "a", 0, UV_EINVAL},
};

#define N(array) (sizeof(array) / sizeof(array)[0])

static int play(struct either *e, size_t i) {
  const char *topic = arguments[i].topic;
  bool is_long = topic != NULL && strcmp(topic, TOO_LONG) == 0;
  return arguments[i].call(e, is_long ? too_long : topic, arguments[i].qos);
}

static void open_online(struct either *e, struct peer *p, bool robust,
                        const char *const *lines, uvmqtt_simple_cb cb) {
  peer_start(p, lines);
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .server = "127.0.0.1", .port = p->port};
  either_new(e, robust, &o);
  EITHER(e, set_callback, cb, e);
  cr_assert(EITHER(e, connect, false, 5000) == 0);
  peer_go(p);
}

#define ANY_ONLINE "accept", "packet 10", "> 20 02 00 00", "await"

static void ignore(const char *topic, uvmqtt_bytes_t payload, void *arg) {
  (void)topic, (void)payload, (void)arg;
}

static void refuse_arguments(bool robust) {
  static const char *const lines[] = {ANY_ONLINE, "silent 50", "tell", GOODBYE,
                                      NULL};
  struct either e;
  struct peer p;
  too_long = calloc(65537, 1);
  memset(too_long, 'a', 65536);
  open_online(&e, &p, robust, lines, ignore);
  for (size_t i = 0; i < N(arguments); i++) {
    int r = play(&e, i);
    cr_assert(r == arguments[i].want, "row %zu: %s", i, uvmqtt_err_name(r));
    const char *words = EITHER_0(&e, error_text);
    cr_assert(*words != '\0' && strstr(words, uvmqtt_strerror(r)) == words);
  }
  peer_told(&p);
  cr_assert(EITHER_0(&e, disconnect) == 0);
  either_free(&e);
  peer_done(&p);
  free(too_long);
}

Test(misuse, of_arguments_is_refused_by_simple) {
  refuse_arguments(false);
}
Test(misuse, of_arguments_is_refused_by_robust) {
  refuse_arguments(true);
}

/* Which call works in which state? */

static int q0(struct either *e) {
  return publish(e, "a", 0);
}
static int q1(struct either *e) {
  return publish(e, "a", 1);
}
static int q2(struct either *e) {
  return publish(e, "a", 2);
}
static int sub(struct either *e) {
  return subscribe(e, "a", 0);
}
static int unsub(struct either *e) {
  return unsubscribe(e, "a", 0);
}
static int ping(struct either *e) {
  return EITHER_0(e, ping);
}
static int wait_forever(struct either *e) {
  return EITHER(e, wait_msg, -1);
}
static int connect_now(struct either *e) {
  return EITHER(e, connect, false, 5000);
}
static int set_will(struct either *e) {
  return will(e, "w", 1);
}
static int leave(struct either *e) {
  return EITHER_0(e, disconnect);
}

static const struct {
  const char *name;
  int (*call)(struct either *e);
  int offline; /* before connect, and after disconnect */
  int inside;  /* a message callback */
} table[] = {
    {"publish at QoS 0", q0, UV_ENOTCONN, 0},
    {"publish at QoS 1", q1, UV_ENOTCONN, UVMQTT_EDEADLOCK},
    {"publish at QoS 2", q2, UV_ENOTCONN, UVMQTT_EDEADLOCK},
    {"subscribe", sub, UV_ENOTCONN, UVMQTT_EDEADLOCK},
    {"unsubscribe", unsub, UV_ENOTCONN, UVMQTT_EDEADLOCK},
    {"ping", ping, UV_ENOTCONN, 0},
    {"wait_msg", wait_forever, UV_ENOTCONN, UVMQTT_EDEADLOCK},
    {"check_msg", either_check_msg, UV_ENOTCONN, UVMQTT_EDEADLOCK},
    {"connect", connect_now, UV_ECONNREFUSED, UVMQTT_EDEADLOCK},
    {"set_last_will", set_will, 0, 0},
    {"disconnect", leave, 0, 0},
};

static void expect_offline(struct either *e) {
  for (size_t i = 0; i < N(table); i++) {
    int r = table[i].call(e);
    cr_assert(r == table[i].offline, "%s: %s", table[i].name,
              uvmqtt_err_name(r));
  }
}

static void call_inside(const char *topic, uvmqtt_bytes_t payload, void *arg) {
  (void)topic, (void)payload;
  for (size_t i = 0; i < N(table); i++) {
    int r = table[i].call(arg);
    cr_assert(r == table[i].inside, "%s: %s", table[i].name,
              uvmqtt_err_name(r));
  }
}

static void call_in_each_state(bool robust) {
  static const char *const lines[] = {
      ANY_ONLINE, "> 32 06 00 01 \"m\" 00 01 \"1\"",
      "< 30 04 00 01 \"a\" \"x\" c0 00 40 02 00 01", GOODBYE, NULL};
  struct either e;
  struct peer p;
  open_online(&e, &p, robust, lines, call_inside);
  cr_assert(wait_forever(&e) == 1);
  peer_done(&p); /* nobody listens any more */
  expect_offline(&e);
  either_free(&e);
}

Test(misuse, in_a_wrong_state_is_refused_by_simple) {
  call_in_each_state(false);
}
Test(misuse, in_a_wrong_state_is_refused_by_robust) {
  call_in_each_state(true);
}

static void call_before_connect(bool robust) {
  struct either e;
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .server = "127.0.0.1", .port = 1};
  either_new(&e, robust, &o);
  EITHER(&e, set_callback, ignore, NULL);
  cr_assert_str_empty(EITHER_0(&e, error_text));
  expect_offline(&e);
  EITHER(&e, set_callback, NULL, NULL);
  cr_assert(sub(&e) == UVMQTT_ENOCALLBACK);
  cr_assert_not_null(strstr(EITHER_0(&e, error_text), "callback"));
  either_free(&e);
}

Test(misuse, before_connect_is_refused) {
  call_before_connect(false);
  call_before_connect(true);
}

/* [MQTT-3.1.2-22/311] */
Test(misuse, a_password_without_a_user_is_refused) {
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT,
                               .server = "localhost", .password = "p"};
  uvmqtt_simple_t *simple;
  uvmqtt_robust_t *robust;
  cr_assert(uvmqtt_simple_new(&o, &simple) == UVMQTT_ENOTSUP);
  cr_assert(uvmqtt_robust_new(&o, NULL, &robust) == UVMQTT_ENOTSUP);
}
