#include "client/backoff.h"

#include "support/suite.h"
#include <uv.h>
#include <uvmqtt.h>

SUITE(backoff);

#define TOP UINT64_MAX

/* The greatest of what one more attempt may wait; the state advances. */
static uint64_t greatest(struct um_backoff *b, enum um_backoff_class c,
                         uint64_t span) {
  return um_backoff_next(b, c, span - 1);
}

Test(backoff, transient_is_full_jitter_over_a_doubling_span) {
  struct um_backoff b = {.min = 1000, .max = 60000};
  static const uint64_t spans[] = {1000,  2000,  4000,  8000,
                                   16000, 32000, 60000, 60000};
  for (size_t i = 0; i < 8; i++) {
    struct um_backoff low = b, over = b;
    cr_expect_eq(um_backoff_next(&low, UM_BACKOFF_TRANSIENT, 0), 1);
    cr_expect_eq(um_backoff_next(&over, UM_BACKOFF_TRANSIENT, spans[i]), 1);
    cr_expect_eq(greatest(&b, UM_BACKOFF_TRANSIENT, spans[i]), spans[i]);
  }
}

Test(backoff, reset_begins_anew) {
  struct um_backoff b = {.min = 10, .max = 1000};
  for (int i = 0; i < 5; i++)
    um_backoff_next(&b, UM_BACKOFF_TRANSIENT, 0);
  um_backoff_reset(&b);
  cr_expect_eq(greatest(&b, UM_BACKOFF_TRANSIENT, 10), 10);
}

Test(backoff, never_overflows_and_never_exceeds_the_maximum) {
  struct um_backoff b = {.min = UINT32_MAX, .max = UINT32_MAX};
  for (int i = 0; i < 200; i++) {
    uint64_t d = um_backoff_next(&b, UM_BACKOFF_TRANSIENT, TOP - (uint64_t)i);
    cr_expect(d >= 1 && d <= UINT32_MAX);
  }
}

Test(backoff, is_at_least_one_millisecond_in_every_class) {
  static const uint32_t limits[][2] = {
      {0, 0}, {1, 1}, {1000, 0}, {5000, 1000}, {1000, 60000}};
  for (size_t i = 0; i < 5; i++)
    for (int c = UM_BACKOFF_TRANSIENT; c <= UM_BACKOFF_DISPLACED; c++) {
      struct um_backoff b = {.min = limits[i][0], .max = limits[i][1]};
      for (int n = 0; n < 40; n++)
        cr_expect_geq(um_backoff_next(&b, (enum um_backoff_class)c, 0), 1,
                      "class %d with %u..%u", c, limits[i][0], limits[i][1]);
    }
}

Test(backoff, classes_have_their_floor) {
  static const struct {
    enum um_backoff_class c;
    uint64_t least;
  } rows[] = {{UM_BACKOFF_BUSY, 5000},
              {UM_BACKOFF_TAKEOVER, 10000},
              {UM_BACKOFF_SLOW, 30000},
              {UM_BACKOFF_POISON, 60000}};
  for (size_t i = 0; i < 4; i++)
    for (uint64_t random = 0; random < 200000; random += 9973) {
      struct um_backoff b = {.min = 1000, .max = 60000};
      uint64_t d = um_backoff_next(&b, rows[i].c, random);
      cr_expect_geq(d, rows[i].least);
      cr_expect_leq(d, 2 * rows[i].least);
    }
}

Test(backoff, server_reasons_and_own_errors_choose_the_class) {
  static const struct {
    int err;
    uint8_t reason;
    enum um_backoff_class c;
  } rows[] = {
      {UV_ECONNREFUSED, 0, UM_BACKOFF_TRANSIENT},
      {UV_EOF, 0, UM_BACKOFF_TRANSIENT},
      {UVMQTT_EKEEPALIVE, 0, UM_BACKOFF_TRANSIENT},
      {UVMQTT_EREFUSED, UVMQTT_REASON_SERVER_UNAVAILABLE, UM_BACKOFF_TRANSIENT},
      {UVMQTT_EREFUSED, UVMQTT_REASON_BAD_USER_NAME_OR_PASSWORD,
       UM_BACKOFF_SLOW},
      {UVMQTT_EREFUSED, UVMQTT_REASON_NOT_AUTHORIZED, UM_BACKOFF_SLOW},
      {UVMQTT_EREFUSED, UVMQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
       UM_BACKOFF_SLOW},
      {UVMQTT_EREFUSED, UVMQTT_REASON_BANNED, UM_BACKOFF_SLOW},
      {UVMQTT_EREFUSED, UVMQTT_REASON_BAD_AUTHENTICATION_METHOD,
       UM_BACKOFF_SLOW},
      {UVMQTT_EDISCONNECTED, UVMQTT_REASON_SESSION_TAKEN_OVER,
       UM_BACKOFF_TAKEOVER},
      {UVMQTT_EDISCONNECTED, UVMQTT_REASON_SERVER_BUSY, UM_BACKOFF_BUSY},
      {UVMQTT_EDISCONNECTED, UVMQTT_REASON_SERVER_SHUTTING_DOWN,
       UM_BACKOFF_BUSY},
      {UVMQTT_EDISCONNECTED, UVMQTT_REASON_QUOTA_EXCEEDED, UM_BACKOFF_BUSY},
      {UVMQTT_EDISCONNECTED, UVMQTT_REASON_CONNECTION_RATE_EXCEEDED,
       UM_BACKOFF_BUSY},
      {UVMQTT_EVERSION, UVMQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION,
       UM_BACKOFF_SLOW},
      {UVMQTT_EINSECURE, 0, UM_BACKOFF_SLOW},
      {UVMQTT_ENOCLIENTID, 0, UM_BACKOFF_SLOW},
      {UVMQTT_ECLIENTID, 0, UM_BACKOFF_SLOW},
      {UVMQTT_EAUTH, 0, UM_BACKOFF_SLOW},
      {UVMQTT_EPROXYAUTH, 0, UM_BACKOFF_SLOW},
      {UVMQTT_EPROXYPROTOCOL, 0, UM_BACKOFF_SLOW},
      {UVMQTT_EURL, 0, UM_BACKOFF_STOP},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    cr_expect_eq(um_backoff_class_of(rows[i].err, rows[i].reason), rows[i].c,
                 "%s 0x%02x", uvmqtt_err_name(rows[i].err), rows[i].reason);
}

Test(backoff, a_suspected_fight_waits_ten_seconds_or_the_maximum) {
  struct um_backoff patient = {.min = 1000, .max = 60000};
  struct um_backoff hasty = {.min = 4, .max = 40};
  cr_expect_eq(um_backoff_next(&patient, UM_BACKOFF_DISPLACED, 0), 10000);
  cr_expect_eq(um_backoff_next(&hasty, UM_BACKOFF_DISPLACED, 0), 40);
  cr_expect_lt(um_backoff_next(&hasty, UM_BACKOFF_DISPLACED, TOP), 80);
}

Test(backoff, what_the_user_says_is_a_class) {
  for (int c = UM_BACKOFF_TRANSIENT; c <= UM_BACKOFF_STOP; c++) {
    uvmqtt_retry_t said = um_backoff_public((enum um_backoff_class)c);
    cr_expect_eq(um_backoff_of(said), (enum um_backoff_class)c);
  }
  cr_expect_eq(um_backoff_public(UM_BACKOFF_POISON), UVMQTT_RETRY_SLOW);
  cr_expect_eq(um_backoff_public(UM_BACKOFF_DISPLACED),
               UVMQTT_RETRY_TAKEN_OVER);
  cr_expect_eq(um_backoff_of((uvmqtt_retry_t)99), UM_BACKOFF_SLOW);
}
