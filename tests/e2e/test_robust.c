/* umqtt.robust while its broker is ended and started again: between the calls
 * and during each of them, with SIGTERM (mosquitto keeps the session), with
 * SIGKILL (it goes back to what it kept at the last SIGTERM), and with SIGKILL
 * and the loss of that. UVMQTT_ROBUST_ROUNDS rounds; without it 20. */
#include "e2e/chaos.h"

#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/robust.h>

SUITE(robust);

#define ROUNDS 20
#define LIMIT 600   /* s, for 200 of them on a busy machine */
#define BOUND 20000 /* ms, of each call: more than any restart takes */
#define SLACK 1000  /* ms, of a machine that has other things to do */
#define AT_ONCE 30u /* ms, the longest pause between two attempts */
#define MESSAGES 100000u

struct trial {
  struct chaos chaos;
  uvmqtt_robust_t *c;
  const char *topic; /* subscribed all the time, and published to */
  const char *other; /* subscribed and unsubscribed */
  unsigned sent;     /* messages of QoS 1: the next number */
  bool heard[MESSAGES];
  unsigned n_heard; /* of those numbers, each once */
  unsigned n_lost;  /* connections */
};

static void on_log(bool in_reconnect, const uvmqtt_error_t *error, void *arg) {
  struct trial *t = arg;
  (void)error;
  t->n_lost += !in_reconnect;
}

static void on_message(const char *topic, uvmqtt_bytes_t payload, void *arg) {
  struct trial *t = arg;
  char text[16] = "";
  if (strcmp(topic, t->topic) != 0 || payload.len > 10)
    return;
  memcpy(text, payload.data, payload.len);
  unsigned n = (unsigned)strtoul(text, NULL, 10);
  cr_assert_lt(n, t->sent, "number %u was never sent", n);
  t->n_heard += !t->heard[n];
  t->heard[n] = true;
}

/* The calls: each answers 0 when it did what it should. */

static int publish_1(struct trial *t) {
  char text[16];
  cr_assert_lt(t->sent, MESSAGES);
  int len = snprintf(text, sizeof text, "%u", t->sent++);
  uvmqtt_bytes_t payload = {text, (size_t)len};
  return uvmqtt_robust_publish(t->c, t->topic, payload, false, 1);
}

static int publish_0(struct trial *t) {
  return uvmqtt_robust_publish(t->c, t->other, (uvmqtt_bytes_t){"0", 1}, false,
                               0);
}

static int publish_2(struct trial *t) {
  return uvmqtt_robust_publish(t->c, t->other, (uvmqtt_bytes_t){"2", 1}, false,
                               2);
}

static int subscribe(struct trial *t) {
  return uvmqtt_robust_subscribe(t->c, t->other, 1);
}

static int unsubscribe(struct trial *t) {
  return uvmqtt_robust_unsubscribe(t->c, t->other);
}

static int none_or_one(int r) {
  return r < 0 ? r : 0;
}

static int wait_msg(struct trial *t) {
  return none_or_one(uvmqtt_robust_wait_msg(t->c, 20));
}

static int check_msg(struct trial *t) {
  uv_sleep(1);
  return none_or_one(uvmqtt_robust_check_msg(t->c, 0));
}

static int ping(struct trial *t) {
  int r = uvmqtt_robust_ping(t->c);
  if (r == UV_ENOTCONN)
    return wait_msg(t);
  return r;
}

static int reconnect(struct trial *t) {
  return none_or_one(uvmqtt_robust_reconnect(t->c, BOUND));
}

/* Tries once, as umqtt does; what it then knows nothing of is subscribed. */
static int connect_anew(struct trial *t) {
  if (uvmqtt_robust_connect(t->c, false, BOUND) < 0) {
    uv_sleep(5);
    return 0;
  }
  return uvmqtt_robust_subscribe(t->c, t->topic, 1);
}

static const struct {
  const char *name;
  int (*call)(struct trial *t);
} calls[] = {
    {"publish at QoS 1", publish_1}, {"publish at QoS 0", publish_0},
    {"publish at QoS 2", publish_2}, {"subscribe", subscribe},
    {"unsubscribe", unsubscribe},    {"wait_msg", wait_msg},
    {"check_msg", check_msg},        {"ping", ping},
    {"reconnect", reconnect},        {"connect", connect_anew},
};

#define CALLS (sizeof calls / sizeof calls[0])
#define KINDS (CALLS * 2 * CHAOS_ENDS)

static void make(struct trial *t, size_t i, unsigned round) {
  uint64_t begin = uv_hrtime();
  int r = calls[i].call(t);
  uint64_t ms = (uv_hrtime() - begin) / 1000000;
  cr_assert_eq(r, 0, "round %u, %s: %s", round, calls[i].name,
               uvmqtt_strerror(r));
  cr_assert_leq(ms, BOUND + SLACK, "round %u, %s took %llu ms", round,
                calls[i].name, (unsigned long long)ms);
}

/* A round. */

static void ensure_connected(struct trial *t, unsigned round) {
  for (int i = 0; i < 100; i++)
    if (connect_anew(t) == 0 && uvmqtt_robust_is_online(t->c))
      return;
  cr_assert_fail("round %u: no connection", round);
}

/* All that was acknowledged has come, and the subscription is alive. */
static void settle(struct trial *t, unsigned round) {
  uint64_t begin = uv_hrtime();
  cr_assert_eq(publish_1(t), 0);
  while (t->n_heard < t->sent) {
    cr_assert_geq(uvmqtt_robust_wait_msg(t->c, 100), 0);
    cr_assert_lt((uv_hrtime() - begin) / 1000000, BOUND,
                 "round %u: %u messages of %u came", round, t->n_heard,
                 t->sent);
  }
}

/* The calls are repeated as long as the broker is being restarted, so that its
 * end, its absence and its return fall into them. */
static void play(struct trial *t, unsigned round) {
  size_t i = round % CALLS;
  bool during = round / CALLS & 1;
  enum chaos_end how = (enum chaos_end)(round / (2 * CALLS) % CHAOS_ENDS);
  chaos_begin(&t->chaos, how, during ? round * 7 % 23 : 0);
  if (!during)
    chaos_end(&t->chaos);
  do
    make(t, i, round);
  while (during && atomic_load(&t->chaos.busy));
  if (during)
    chaos_end(&t->chaos);
  if (calls[i].call == connect_anew)
    ensure_connected(t, round);
  settle(t, round);
}

/* Few rounds are a sample: 7 has no divisor in common with the number of
 * kinds. */
static void play_all(struct trial *t) {
  const char *asked = getenv("UVMQTT_ROBUST_ROUNDS");
  unsigned n = asked == NULL ? ROUNDS : (unsigned)atoi(asked);
  cr_assert_gt(n, 0);
  for (unsigned i = 0; i < n; i++)
    play(t, i * 7 % KINDS);
  cr_assert_geq(t->n_lost, n / 2, "the restarts were not felt");
}

static void nothing_is_lost(struct host *h, uvmqtt_protocol_t version) {
  static struct trial t;
  struct broker b;
  broker_start(h, &b, "set_tcp_nodelay true\nmax_inflight_messages 0");
  uvmqtt_simple_options_t simple = {
      UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "robust",
      .server = "127.0.0.1",      .port = (uint16_t)site_port(&b.site),
      .version = version,         .timeout_ms = BOUND};
  uvmqtt_robust_options_t robust = {UVMQTT_ROBUST_OPTIONS_INIT, .delay_min = 1,
                                    .delay_max = AT_ONCE, .log = on_log,
                                    .arg = &t};
  t = (struct trial){.topic = unique("robust"), .other = unique("other")};
  cr_assert_eq(uvmqtt_robust_new(&simple, &robust, &t.c), 0);
  uvmqtt_robust_set_callback(t.c, on_message, &t);
  cr_assert_eq(uvmqtt_robust_connect(t.c, true, BOUND), 0);
  cr_assert_eq(uvmqtt_robust_subscribe(t.c, t.topic, 1), 0);
  chaos_open(&t.chaos, &b);
  play_all(&t);
  chaos_close(&t.chaos);
  cr_assert_eq(uvmqtt_robust_disconnect(t.c), 0);
  uvmqtt_robust_free(t.c);
  broker_end(h, &b);
}
static void nothing_is_lost_311(struct host *h) {
  nothing_is_lost(h, UVMQTT_VERSION_311);
}
static void nothing_is_lost_5(struct host *h) {
  nothing_is_lost(h, UVMQTT_VERSION_5);
}
Test(robust, nothing_is_lost_when_the_broker_restarts_311, .timeout = LIMIT) {
  alone(nothing_is_lost_311);
}
Test(robust, nothing_is_lost_when_the_broker_restarts_5, .timeout = LIMIT) {
  alone(nothing_is_lost_5);
}
