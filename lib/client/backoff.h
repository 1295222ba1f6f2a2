/* client/backoff.h: how long to wait before the next attempt. Pure: the random
 * number is passed in. */
#ifndef UM_CLIENT_BACKOFF_H
#define UM_CLIENT_BACKOFF_H

#include <stdint.h>
#include <uvmqtt/options.h>

/* How bad the end of the last attempt was. */
enum um_backoff_class {
  UM_BACKOFF_TRANSIENT, /* full jitter: 0 .. min * 2^n, at most max */
  UM_BACKOFF_BUSY,      /* the server asks for patience: 5 s and more */
  UM_BACKOFF_TAKEOVER,  /* another client has our id: 10 s and more */
  UM_BACKOFF_SLOW,      /* refused for good, as it seems: 30 s and more */
  UM_BACKOFF_STOP,      /* no attempt until uvmqtt_connect */
  UM_BACKOFF_POISON,    /* the server keeps breaking the protocol: max */
  UM_BACKOFF_DISPLACED, /* another client has our id, as it seems: the same as
                           TAKEOVER, but no more than max when that is less */
};

struct um_backoff {
  uint32_t min, max; /* ms */
  unsigned n;        /* attempts since the last reset */
};

void um_backoff_reset(struct um_backoff *b);
/* ms, at least 1; random is uniform over 64 bits. */
uint64_t um_backoff_next(struct um_backoff *b, enum um_backoff_class c,
                         uint64_t random);
/* err: how the connection ended; reason: the server's, 0 when none. */
enum um_backoff_class um_backoff_class_of(int err, uint8_t reason);
/* What the user is told of it, and what he may say. */
uvmqtt_retry_t um_backoff_public(enum um_backoff_class c);
enum um_backoff_class um_backoff_of(uvmqtt_retry_t said);

#endif
