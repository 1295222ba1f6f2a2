/* What conversations (auth.script) cannot show: memory, and odd moments. */
#include "session/auth.h"

#include "base/alloc.h"
#include "base/err.h"
#include "session/session.h"
#include "support/clock.h"
#include "support/packets.h"
#include "support/suite.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

SUITE(auth);

#define SECRET "planted-secret"

static struct um_session s;
static struct um_session_config config;
static struct um_identity who;
static struct um_commons commons;
static uvmqtt_bytes_t answer; /* given inside START, when not {NULL, 0} */
static int answers[2];        /* what two calls there returned */
static uvmqtt_auth_step_t steps[32];
static size_t n_steps;
static const uint8_t *seen_data; /* of the latest event */
static size_t seen_len;
static uint8_t *fed;
static size_t n_completed;
static int status;

static void on_auth(void *up, const uvmqtt_auth_t *a) {
  cr_assert_eq(up, &s);
  steps[n_steps++ % 32] = a->step;
  seen_data = a->data.data;
  seen_len = a->data.len;
  for (int i = 0; i < 2 && a->step == UVMQTT_AUTH_START && answer.data; i++)
    answers[i] = um_session_auth(&s, CLOCK_START, answer, NULL, 0);
}

static void on_connected(void *up, const uvmqtt_connack_t *c) {
  const uvmqtt_property_t *p = uvmqtt_property_find(
      c->properties, c->n_properties, UVMQTT_PROPERTY_AUTHENTICATION_DATA);
  (void)up;
  if (p != NULL) /* not wiped too early */
    cr_assert_arr_eq(p->value.bin.data, SECRET, strlen(SECRET));
}

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *result) {
  (void)up, (void)cb, (void)arg;
  n_completed++;
  status = result->status;
}

static void on_notice(void *up, const uvmqtt_notice_t *notice) {
  (void)up, (void)notice;
}

static void cb(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m, (void)result, (void)arg;
}

static const struct um_session_events events = {.connected = on_connected,
                                                .completed = on_completed,
                                                .notice = on_notice,
                                                .auth = on_auth};

static uvmqtt_bytes_t bytes(const char *text) {
  return (uvmqtt_bytes_t){text, strlen(text)};
}

static void begin(void) {
  who = (struct um_identity){.client_id = "c", .auth_method = "m"};
  config = (struct um_session_config){.version = UVMQTT_VERSION_5,
                                      .maximum_packet_size = 1000,
                                      .receive_maximum = 10,
                                      .queue_messages = 10,
                                      .queue_bytes = 10000};
  answer = (uvmqtt_bytes_t){NULL, 0};
  n_steps = n_completed = 0;
  um_session_init(&s, &config, &who, &events, &s, &commons);
}

static void end(void) {
  um_session_done(&s);
  um_commons_done(&commons);
  free(fed);
  fed = NULL;
}

static int up(void) {
  int r = um_session_ask(&s);
  return r ? r : um_session_up(&s, CLOCK_START);
}

/* The bytes stay in `fed`, to look at what became of them. */
static int feed(const char *packet) {
  size_t len;
  free(fed);
  fed = packet_text_bytes(packet, UM_V5, &len);
  return um_session_feed(&s, CLOCK_START, fed, len);
}

/* What client/pump.c does once the kernel took all. */
static void sent(void) {
  size_t len = s.out.len;
  um_buf_consume(&s.out, len);
  um_buf_release(&s.out);
  um_session_written(&s, len);
}

static bool holds(const void *p, size_t len, const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; p != NULL && i + n <= len; i++)
    if (memcmp((const char *)p + i, text, n) == 0)
      return true;
  return false;
}

/* What is freed from now on, and whether the secret was in it. */
static unsigned n_freed, n_leaked;

static void on_free(const void *p) {
  n_freed++;
  n_leaked += holds(p, malloc_usable_size((void *)(uintptr_t)p), SECRET);
}

static void watch_memory(void) {
  n_freed = n_leaked = 0;
  um_alloc_watch(on_free);
}

static void expect_wiped(void) {
  um_alloc_watch(NULL);
  cr_assert_gt(n_freed, 0);
  cr_assert_eq(n_leaked, 0);
}

static void online(void) {
  cr_assert_eq(up(), 0);
  sent();
  cr_assert_eq(feed("CONNACK authentication_method=m"), 0);
  cr_assert_eq(s.state, UM_SESSION_UP);
}

Test(auth, the_secret_of_connect_is_wiped_when_it_is_sent) {
  begin();
  answer = bytes(SECRET);
  watch_memory();
  cr_assert_eq(up(), 0);
  cr_assert(holds(um_buf_head(&s.out), s.out.len, SECRET));
  expect_wiped();
  sent();
  cr_assert_not_null(commons.out.block);
  cr_assert_not(holds(commons.out.block, commons.out.size, SECRET));
  end();
}

static uint64_t committed;

static void on_commit(void *up, const struct um_store_op *ops, size_t n,
                      uint64_t batch) {
  (void)up, (void)ops, (void)n;
  committed = batch;
}

/* CONNECT is held back until the store answered. */
Test(auth, the_secret_of_connect_is_wiped_where_it_waited) {
  struct um_session_events late = events;
  begin();
  um_session_done(&s);
  um_commons_done(&commons);
  late.commit = on_commit;
  um_session_init(&s, &config, &who, &late, &s, &commons);
  answer = bytes(SECRET);
  cr_assert_eq(up(), 0);
  cr_assert_eq(s.out.len, 0);
  cr_assert(holds(um_buf_head(&s.journal.ledger->held),
                  s.journal.ledger->held.len, SECRET));
  um_buf_release(&s.out); /* as the pump does while it is empty */
  um_session_stored(&s, committed, 0);
  cr_assert(holds(um_buf_head(&s.out), s.out.len, SECRET));
  cr_assert_null(s.journal.ledger->held.data);
  sent();
  cr_assert_not(holds(commons.out.block, commons.out.size, SECRET));
  end();
}

Test(auth, a_password_is_wiped_when_it_is_sent) {
  begin();
  who.auth_method = NULL;
  who.password = bytes(SECRET);
  cr_assert_eq(up(), 0);
  cr_assert(holds(um_buf_head(&s.out), s.out.len, SECRET));
  sent();
  cr_assert_not(holds(commons.out.block, commons.out.size, SECRET));
  end();
}

Test(auth, secrets_that_are_never_sent_are_wiped) {
  begin();
  answer = bytes(SECRET);
  cr_assert_eq(up(), 0);
  um_session_down(&s, CLOCK_START, 0);
  cr_assert_not_null(commons.out.block);
  cr_assert_not(holds(commons.out.block, commons.out.size, SECRET));
  cr_assert_eq(um_session_ask(&s), 0); /* and no up */
  watch_memory();
  um_session_down(&s, CLOCK_START, 0);
  expect_wiped();
  end();
}

/* Other packets in the same buffer, behind it and before it. */
Test(auth, the_secret_of_auth_is_wiped_when_it_is_sent) {
  uvmqtt_message_t m = {.topic = "t"};
  begin();
  online();
  um_session_publish(&s, CLOCK_START, &m, NULL, NULL, NULL);
  cr_assert_eq(um_session_reauthenticate(&s, CLOCK_START, bytes(SECRET), NULL,
                                         0, NULL, NULL, NULL),
               0);
  for (int i = 0; i < 100; i++)
    um_session_publish(&s, CLOCK_START, &m, NULL, NULL, NULL);
  sent();
  cr_assert_not_null(commons.out.block);
  cr_assert_not(holds(commons.out.block, commons.out.size, SECRET));
  end();
}

Test(auth, what_the_server_sent_is_wiped_after_the_callbacks) {
  begin();
  cr_assert_eq(up(), 0);
  sent();
  cr_assert_eq(feed("AUTH reason=0x18 authentication_method=m "
                    "authentication_data=" SECRET),
               0);
  cr_assert_eq(seen_len, strlen(SECRET));
  cr_assert_geq(seen_data, fed); /* in place */
  cr_assert_eq(*seen_data, 0);
  cr_assert_eq(seen_data[seen_len - 1], 0);
  cr_assert_eq(um_session_auth(&s, CLOCK_START, bytes("x"), NULL, 0), 0);
  cr_assert_eq(
      feed("CONNACK authentication_method=m authentication_data=" SECRET), 0);
  cr_assert_eq(s.state, UM_SESSION_UP);
  cr_assert_eq(steps[n_steps - 1], UVMQTT_AUTH_SUCCESS);
  cr_assert_eq(seen_len, strlen(SECRET));
  cr_assert_eq(*seen_data, 0);
  end();
}

Test(auth, start_takes_one_answer) {
  begin();
  answer = bytes("x");
  cr_assert_eq(um_session_ask(&s), 0);
  cr_assert_eq(answers[0], 0);
  cr_assert_eq(answers[1], UVMQTT_ESTALE);
  end();
}

/* Connecting without the data that were given would be another question. */
Test(auth, an_answer_to_start_that_cannot_be_kept_fails_the_attempt) {
  begin();
  answer = bytes("x");
  um_alloc_fail_at(1, true);
  int r = um_session_ask(&s);
  um_alloc_fail_at(0, false);
  cr_assert_eq(answers[0], UM_ENOMEM);
  cr_assert_eq(r, UM_ENOMEM);
  cr_assert_eq(um_session_ask(&s), 0); /* the next attempt */
  end();
}

Test(auth, no_answer_goes_out_after_a_violation) {
  begin();
  cr_assert_eq(up(), 0);
  sent();
  cr_assert_eq(feed("AUTH reason=0x18 authentication_method=m"), 0);
  cr_assert_eq(feed("PINGRESP"), UVMQTT_EPROTOCOL);
  sent();
  cr_assert_eq(um_session_auth(&s, CLOCK_START, bytes("x"), NULL, 0),
               UVMQTT_ESTALE);
  cr_assert_eq(s.out.len, 0);
  end();
}

Test(auth, out_of_memory_refuses_and_leaves_the_question_open) {
  begin();
  cr_assert_eq(up(), 0);
  sent();
  cr_assert_eq(feed("AUTH reason=0x18 authentication_method=m"), 0);
  um_alloc_fail_at(1, true);
  cr_assert_eq(um_session_auth(&s, CLOCK_START, bytes("x"), NULL, 0),
               UM_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(s.out.len, 0);
  cr_assert_eq(um_session_auth(&s, CLOCK_START, bytes("x"), NULL, 0), 0);
  end();
}

Test(auth, out_of_memory_refuses_a_re_authentication_as_if_never_asked) {
  uint64_t id = 77;
  begin();
  online();
  for (uint64_t n = 1;; n++) {
    um_alloc_fail_at(n, true);
    int r = um_session_reauthenticate(&s, CLOCK_START, bytes("x"), NULL, 0, cb,
                                      NULL, &id);
    um_alloc_fail_at(0, false);
    if (r == 0)
      break;
    cr_assert_eq(r, UM_ENOMEM);
    cr_assert_eq(id, 77);
    cr_assert_eq(s.out.len, 0);
    cr_assert_lt(n, 20);
  }
  cr_assert_neq(id, 77);
  um_session_down(&s, CLOCK_START, UM_EOF);
  um_session_settle(&s);
  cr_assert_eq(n_completed, 1);
  cr_assert_eq(status, UM_ECONNRESET);
  end();
}

Test(auth, a_request_under_way_is_freed_with_the_session) {
  begin();
  online();
  cr_assert_eq(um_session_reauthenticate(&s, CLOCK_START, bytes("x"), NULL, 0,
                                         cb, NULL, NULL),
               0);
  end(); /* the leak check is the test */
}

Test(auth, the_budget_is_as_before_when_it_completed) {
  begin();
  online();
  for (int i = 0; i < 30; i++) { /* more than queue_messages */
    cr_assert_eq(um_session_reauthenticate(&s, CLOCK_START, bytes("x"), NULL, 0,
                                           cb, NULL, NULL),
                 0);
    sent();
    cr_assert_eq(feed("f0 00"), 0);
    um_session_settle(&s);
    cr_assert_eq(n_completed, (size_t)i + 1);
    cr_assert_eq(status, 0);
  }
  cr_assert_eq(s.outbox->n_messages, 0);
  cr_assert_eq(s.outbox->n_bytes, 0);
  cr_assert_eq(s.outbox->n_waiting, 0);
  cr_assert_eq(s.outbox->n_inflight, 0);
  end();
}
