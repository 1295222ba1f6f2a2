#include "client/backoff.h"

#include "base/err.h"
#include "base/mutant.h"
#include <stddef.h>
#include <uvmqtt/reason.h>

#define DOUBLINGS_MAX 31u

/* What waits longer than a lost connection. */
static const struct {
  uint8_t reason;
  enum um_backoff_class c;
} by_reason[] = {
    {UVMQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_BAD_USER_NAME_OR_PASSWORD, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_NOT_AUTHORIZED, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_BANNED, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_BAD_AUTHENTICATION_METHOD, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_USE_ANOTHER_SERVER, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_SERVER_MOVED, UM_BACKOFF_SLOW},
    {UVMQTT_REASON_SESSION_TAKEN_OVER, UM_BACKOFF_TAKEOVER},
    {UVMQTT_REASON_SERVER_BUSY, UM_BACKOFF_BUSY},
    {UVMQTT_REASON_SERVER_SHUTTING_DOWN, UM_BACKOFF_BUSY},
    {UVMQTT_REASON_QUOTA_EXCEEDED, UM_BACKOFF_BUSY},
    {UVMQTT_REASON_CONNECTION_RATE_EXCEEDED, UM_BACKOFF_BUSY},
};

/* The shortest wait of each class, ms. */
static const uint32_t floor_of[] = {
    [UM_BACKOFF_TRANSIENT] = 1,
    [UM_BACKOFF_BUSY] = 5000,
    [UM_BACKOFF_TAKEOVER] = 10000,
    [UM_BACKOFF_SLOW] = 30000,
    [UM_BACKOFF_STOP] = 30000 /* asked for in spite of it */,
    [UM_BACKOFF_POISON] = 1,
    [UM_BACKOFF_DISPLACED] = 10000,
};

void um_backoff_reset(struct um_backoff *b) {
  b->n = 0;
}

static uint64_t ceiling(struct um_backoff *b) {
  uint64_t most = (uint64_t)b->min << b->n;
  if (b->n < DOUBLINGS_MAX)
    b->n++;
  return most < b->max || UM_MUTANT(13) ? most : b->max;
}

uint64_t um_backoff_next(struct um_backoff *b, enum um_backoff_class c,
                         uint64_t random) {
  uint64_t most = ceiling(b);
  if (c == UM_BACKOFF_POISON)
    return b->max == 0 ? 1 : b->max;
  if (c == UM_BACKOFF_TRANSIENT)
    return 1 + random % (most == 0 ? 1 : most);
  uint64_t least = floor_of[c];
  if (c == UM_BACKOFF_DISPLACED && b->max != 0 && b->max < least)
    least = b->max;
  return least + random % (most > least ? most : least);
}

enum um_backoff_class um_backoff_class_of(int err, uint8_t reason) {
  if (UM_MUTANT(14) && reason == UVMQTT_REASON_SESSION_TAKEN_OVER)
    return UM_BACKOFF_TRANSIENT; /* two clients with one id fight */
  for (size_t i = 0; i < sizeof by_reason / sizeof by_reason[0]; i++)
    if (reason == by_reason[i].reason)
      return by_reason[i].c;
  switch (err) {
  case UVMQTT_EURL: /* from .on_before_connect: will not be better */
    return UM_BACKOFF_STOP;
  case UVMQTT_EINSECURE: /* nothing will change by itself */
  case UVMQTT_EVERSION:
  case UVMQTT_ENOTSUP:
  case UVMQTT_ECLIENTID:
  case UVMQTT_ENOCLIENTID:
  case UVMQTT_EAUTH:
  case UVMQTT_ESTORE:
  case UVMQTT_ECERT:
  case UVMQTT_EHOSTNAME:
  case UVMQTT_EPIN:
  case UVMQTT_ETLSCONFIG:
  case UVMQTT_EPROXYAUTH:
  case UVMQTT_EPROXYPROTOCOL:
    return UM_BACKOFF_SLOW;
  default:
    return UM_BACKOFF_TRANSIENT;
  }
}

static const struct {
  uvmqtt_retry_t said;
  enum um_backoff_class c;
} by_word[] = {
    {UVMQTT_RETRY_TRANSIENT, UM_BACKOFF_TRANSIENT},
    {UVMQTT_RETRY_BUSY, UM_BACKOFF_BUSY},
    {UVMQTT_RETRY_TAKEN_OVER, UM_BACKOFF_TAKEOVER},
    {UVMQTT_RETRY_SLOW, UM_BACKOFF_SLOW},
    {UVMQTT_RETRY_STOP, UM_BACKOFF_STOP},
    {UVMQTT_RETRY_SLOW, UM_BACKOFF_POISON}, /* these two only this way round */
    {UVMQTT_RETRY_TAKEN_OVER, UM_BACKOFF_DISPLACED},
};

uvmqtt_retry_t um_backoff_public(enum um_backoff_class c) {
  size_t i = 0;
  while (by_word[i].c != c)
    i++;
  return by_word[i].said;
}

enum um_backoff_class um_backoff_of(uvmqtt_retry_t said) {
  for (size_t i = 0; i < sizeof by_word / sizeof by_word[0]; i++)
    if (by_word[i].said == said)
      return by_word[i].c;
  return UM_BACKOFF_SLOW; /* no such word: nothing at speed, nothing stops */
}
