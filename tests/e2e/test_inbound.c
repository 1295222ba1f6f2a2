/* Manual acknowledgement and payloads in parts, with real servers. */
#include "e2e/cuttable.h"

#include "support/suite.h"
#include <stdlib.h>
#include <string.h>

SUITE(inbound);

/* ---- manual acknowledgement ---- */

#define HELD 3

struct held {
  unsigned n, dups;
  uint64_t token[2 * HELD];
  char log[2 * HELD + 1];
};

static void hold(struct peer *p, const uvmqtt_message_t *m) {
  struct held *held = p->arg;
  cr_assert_lt(held->n, 2 * HELD);
  held->token[held->n] = m->token;
  held->log[held->n++] = *(const char *)m->payload.data;
  held->dups += m->dup;
}

static void open_holder(struct host *h, const struct site *s,
                        struct cuttable *c, struct held *held, uint8_t qos) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("holder"),
                        .manual_ack = true};
  memset(held, 0, sizeof *held);
  cuttable_new(h, s, c, &o);
  c->peer->inspect = hold;
  c->peer->arg = held;
  peer_connect(c->peer);
  peer_subscribe(c->peer, unique("news"), qos);
}

static void publish_letters(struct peer *p, const char *letters, uint8_t qos) {
  for (; *letters != '\0'; letters++) {
    char text[2] = {*letters, '\0'};
    peer_publish(p, unique("news"), text, qos);
  }
}

static void ack(struct cuttable *c, uint64_t token) {
  cr_assert_eq(uvmqtt_ack(c->peer->m, token, 0), 0);
}

/* A message sent after the acknowledgements tells, when it comes back, that the
 * server has them. */
static void let_acks_arrive(struct cuttable *c, struct peer *other) {
  size_t n = other->n_heard;
  peer_publish(c->peer, unique("done"), "!", 1);
  UNTIL(other->host, other->n_heard > n);
}

/* ejabberd sends the next message when the one before is acknowledged. */
static unsigned window_of(const struct site *s) {
  return strcmp(s->name, "ejabberd") == 0 ? 1 : 3;
}

/* Those held are acknowledged from the last to the first, and then those that
 * come because of it. */
static void acknowledge_all(struct cuttable *c, struct held *held,
                            unsigned window) {
  unsigned first = held->n - window, n = held->n;
  while (n > first)
    ack(c, held->token[--n]);
  for (n = held->n; held->n < first + 3; n++) {
    UNTIL(c->peer->host, held->n > n);
    ack(c, held->token[n]);
  }
  cr_assert_str_eq(held->log + first, "abc");
}

static void what_is_not_acknowledged_comes_again(struct host *h,
                                                 const struct site *s,
                                                 uint8_t qos) {
  struct cuttable c;
  struct held held;
  unsigned window = window_of(s);
  struct peer *other = peer_online(h, s, "other");
  peer_subscribe(other, unique("done"), 1);
  open_holder(h, s, &c, &held, qos);
  publish_letters(other, "abc", qos);
  UNTIL(h, held.n == window);
  cuttable_send_away(&c);
  cr_assert_eq(uvmqtt_ack(c.peer->m, held.token[0], 0), UVMQTT_ESTALE);
  cuttable_bring_back(&c);
  cr_assert(c.peer->connack.session_present);
  UNTIL(h, held.n == 2 * window);
  cr_assert_eq(strncmp(held.log, held.log + window, window), 0);
  if (s->version != UVMQTT_VERSION_ANY) /* aedes does not set DUP */
    cr_assert_eq(held.dups, window);
  acknowledge_all(&c, &held, window);
  let_acks_arrive(&c, other);
  held.n = 0;
  cuttable_send_away(&c);
  cuttable_bring_back(&c);
  publish_letters(other, "z", qos);
  UNTIL(h, held.n == 1);
  cr_assert_eq(held.log[0], 'z');
  cuttable_close(&c);
  peer_close(other);
}

static void acknowledging_is_the_programs_at_qos_1(struct host *h,
                                                   const struct site *s) {
  what_is_not_acknowledged_comes_again(h, s, 1);
}
TEST_ON_ALL(inbound, acknowledging_is_the_programs_at_qos_1)

static void acknowledging_is_the_programs_at_qos_2(struct host *h,
                                                   const struct site *s) {
  what_is_not_acknowledged_comes_again(h, s, 2);
}
TEST_ON_5(inbound, acknowledging_is_the_programs_at_qos_2)
TEST_ON(inbound, acknowledging_is_the_programs_at_qos_2, mosquitto_311)
TEST_ON(inbound, acknowledging_is_the_programs_at_qos_2, ejabberd_311)

/* aedes 0.51 sends again, after a reconnect, what was complete at QoS 2. */
Test(inbound, acknowledging_is_the_programs_at_qos_2_on_aedes) {
  cr_skip_test("aedes repeats what was complete at QoS 2");
}

/* ---- in parts ---- */

#define LARGE 300000u
#define THRESHOLD 1000u

struct parts {
  size_t len;
  unsigned parts, messages, wrong;
  char topic[96];
};
static struct parts parts; /* on_chunk has no peer of its own */

static char letter(size_t at) {
  return (char)('a' + at * 31 % 26);
}

static void on_chunk(uvmqtt_t *m, const uvmqtt_chunk_t *chunk) {
  const char *data = chunk->message->payload.data;
  (void)m;
  parts.parts++;
  parts.wrong += chunk->offset != parts.len || chunk->total != LARGE;
  for (size_t i = 0; i < chunk->message->payload.len; i++)
    parts.wrong += data[i] != letter(chunk->offset + i);
  parts.len = chunk->last ? 0 : chunk->offset + chunk->message->payload.len;
  parts.messages += chunk->last;
  parts.wrong += strcmp(chunk->message->topic, unique("large")) != 0;
}

static void send_large(struct peer *p, uint8_t qos) {
  char *payload = malloc(LARGE);
  for (size_t i = 0; i < LARGE; i++)
    payload[i] = letter(i);
  uvmqtt_message_t m = {
      .topic = unique("large"), .payload = {payload, LARGE}, .qos = qos};
  peer_send(p, &m);
  free(payload);
}

static void large_payloads_come_in_parts(struct host *h, const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("parts"),
                        .chunk_threshold = THRESHOLD, .on_chunk = on_chunk};
  struct peer *p = peer_new(h, s, &o);
  memset(&parts, 0, sizeof parts);
  peer_connect(p);
  peer_subscribe(p, unique("#"), 2);
  for (uint8_t qos = 0; qos <= 2; qos++) {
    send_large(p, qos);
    UNTIL(h, parts.messages == qos + 1u);
  }
  cr_assert_eq(parts.wrong, 0);
  cr_assert_gt(parts.parts, 3); /* one read takes 64 KiB at the most */
  peer_sync(p);                 /* small ones come as always */
  cr_assert_eq(p->n_heard, 0);
  peer_close(p);
}
TEST_ON_ALL(inbound, large_payloads_come_in_parts)
