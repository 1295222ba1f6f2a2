/* Manual acknowledgement: what conversations (manual_ack.script) cannot say,
 * numbers and memory. */
#include "session/confirm.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/clock.h"
#include "support/suite.h"
#include <string.h>

SUITE(confirm);

#define OPEN_MAX 65535u

static struct um_session s;
static struct um_session_config config;
static struct um_identity who;
static struct um_commons commons;
static struct um_session_events events;
static uint64_t tokens[OPEN_MAX + 1];
static size_t n_tokens;

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)up, (void)connack;
}

static void on_message(void *up, const uvmqtt_message_t *m) {
  (void)up;
  tokens[n_tokens++ % (OPEN_MAX + 1)] = m->token;
}

static void on_commit(void *up, const struct um_store_op *ops, size_t n,
                      uint64_t batch) {
  (void)up, (void)ops, (void)n, (void)batch; /* later, perhaps */
}

static void take_out(void) {
  um_session_written(&s, s.out.len);
  um_buf_consume(&s.out, s.out.len);
}

static void open_session(uvmqtt_protocol_t version) {
  who = (struct um_identity){.client_id = "c"};
  config = (struct um_session_config){.version = version,
                                      .mode = UVMQTT_SESSION_RESUME,
                                      .session_expiry = 300,
                                      .receive_maximum = 64,
                                      .maximum_packet_size = 1024,
                                      .queue_messages = 10,
                                      .queue_bytes = 1024,
                                      .manual_ack = true};
  events.connected = on_connected;
  events.message = on_message;
  um_session_init(&s, &config, &who, &events, NULL, &commons);
  cr_assert_eq(um_session_up(&s, CLOCK_START), 0);
  take_out();
  uint8_t connack[] = {0x20, 3, 0, 0, 0};
  if (version == UVMQTT_VERSION_311)
    connack[1] = 2;
  cr_assert_eq(um_session_feed(&s, CLOCK_START, connack, connack[1] + 2u), 0);
}

static void close_session(void) {
  um_session_down(&s, CLOCK_START, 0);
  um_session_done(&s);
  um_commons_done(&commons);
}

static int arrive(uint8_t qos, uint16_t id) {
  uint8_t p[] = {0x30, 6, 0, 1, 'a', (uint8_t)(id >> 8), (uint8_t)id, 0};
  p[0] = (uint8_t)(p[0] | qos << 1);
  if (s.version == UM_V311)
    p[1] = 5;
  return um_session_feed(&s, CLOCK_START, p, p[1] + 2u);
}

static int ack(size_t i) {
  return um_session_ack(&s, CLOCK_START, tokens[i % (OPEN_MAX + 1)], 0);
}

Test(confirm, allocates_nothing_in_steady_state) {
  open_session(UVMQTT_VERSION_5);
  size_t acked = 0;
  for (uint16_t id = 1; id <= 30; id++)
    cr_assert_eq(arrive(1, id), 0);
  while (acked < 30)
    cr_assert_eq(ack(acked++), 0);
  take_out();
  um_alloc_fail_at(1, true);
  for (int round = 0; round < 1000; round++) {
    for (uint16_t id = 1; id <= 16; id++)
      cr_assert_eq(arrive(1, id), 0);
    for (size_t last = n_tokens; last > acked; last--)
      cr_assert_eq(ack(last - 1), 0);
    acked = n_tokens;
    cr_assert_eq(s.out.len, 16 * 4);
    take_out();
  }
  um_alloc_fail_at(0, false);
  cr_assert_eq(s.unacked[0].n, 0);
  close_session();
}

/* 3.1.1 has no Receive Maximum: there are no more ids. N53 */
Test(confirm, holds_as_many_as_there_are_ids) {
  open_session(UVMQTT_VERSION_311);
  for (unsigned id = 1; id <= OPEN_MAX; id++)
    cr_assert_eq(arrive(id % 2 ? 1 : 2, (uint16_t)id), 0);
  cr_assert_leq(s.unacked[0].cap + s.unacked[1].cap, 2 * 65536);
  cr_assert_eq(arrive(1, 1), UVMQTT_EQUOTA);
  close_session();
}

Test(confirm, gives_no_token_twice) {
  open_session(UVMQTT_VERSION_5);
  for (uint16_t id = 1; id <= 60; id++)
    cr_assert_eq(arrive(id % 2 ? 1 : 2, id), 0);
  for (size_t i = 0; i < 60; i++) {
    cr_assert_neq(tokens[i], 0);
    for (size_t k = 0; k < i; k++)
      cr_assert_neq(tokens[i], tokens[k]);
  }
  close_session();
}

Test(confirm, knows_no_token_when_it_gave_none) {
  open_session(UVMQTT_VERSION_5);
  cr_assert_eq(um_session_ack(&s, CLOCK_START, 0, 0), UM_ENOENT);
  cr_assert_eq(um_session_ack(&s, CLOCK_START, 1, 0), UM_ENOENT);
  cr_assert_eq(um_session_ack(&s, CLOCK_START, 2, 0), UM_ENOENT);
  cr_assert_eq(um_session_ack(&s, CLOCK_START, UINT64_MAX, 0), UM_ENOENT);
  close_session();
}

/* Accepted is accepted: with the memory that comes back it leaves. */
Test(confirm, sends_in_drain_what_found_no_memory) {
  open_session(UVMQTT_VERSION_5);
  cr_assert_eq(arrive(1, 1), 0);
  cr_assert_eq(arrive(2, 2), 0);
  um_buf_release(&s.out);
  um_pool_done(&commons.out);
  um_alloc_fail_at(1, true);
  cr_assert_eq(ack(0), 0);
  cr_assert_eq(ack(1), 0);
  um_alloc_fail_at(0, false);
  cr_assert_eq(s.out.len, 0);
  cr_assert_eq(um_session_drain(&s, CLOCK_START), 0);
  static const uint8_t acks[] = {0x40, 2, 0, 1, 0x50, 2, 0, 2};
  cr_assert_eq(s.out.len, sizeof acks);
  cr_assert_arr_eq(um_buf_head(&s.out), acks, sizeof acks);
  close_session();
}

Test(confirm, ends_the_connection_when_there_is_still_no_memory) {
  open_session(UVMQTT_VERSION_5);
  cr_assert_eq(arrive(1, 1), 0);
  um_buf_release(&s.out);
  um_pool_done(&commons.out);
  um_alloc_fail_at(1, true);
  cr_assert_eq(ack(0), 0);
  cr_assert_eq(um_session_drain(&s, CLOCK_START), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(s.state, UM_SESSION_FAILED);
  close_session();
}

/* R11: what cannot be noted is not accepted, and may be tried again. */
Test(confirm, accepts_nothing_that_it_cannot_note) {
  events.commit = on_commit;
  open_session(UVMQTT_VERSION_5);
  um_session_stored(&s, 99, 0);
  uint8_t connack[] = {0x20, 3, 0, 0, 0};
  if (s.state == UM_SESSION_GREETING)
    um_session_feed(&s, CLOCK_START, connack, sizeof connack);
  cr_assert_eq(arrive(2, 1), 0);
  cr_assert_eq(n_tokens, 1);
  um_free(s.journal.ledger->ops);
  s.journal.ledger->ops = NULL;
  s.journal.ledger->cap = 0;
  um_alloc_fail_at(1, true);
  cr_assert_eq(ack(0), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(s.inbox.n_open, 0);
  cr_assert_eq(ack(0), 0);
  cr_assert_eq(s.inbox.n_open, 1);
  close_session();
}
