/* client/verdict.h: what an end means for the next attempt: the table of
 * backoff.c, what the ends before it were like, and the user's word. Part of
 * the client. */
#ifndef UM_CLIENT_VERDICT_H
#define UM_CLIENT_VERDICT_H

#include "client/backoff.h"
#include <uvmqtt/message.h>

struct um_past {
  unsigned violated; /* connections in a row, soon after CONNACK */
  unsigned cut;      /* by the peer without a word, the same */
};

/* A connection or attempt ended; m->error says how. Once for each: it counts,
 * and gives notice of what it finds. */
void um_verdict_count(uvmqtt_t *m, int code, uint64_t now);
bool um_verdict_is_poison(const uvmqtt_t *m);
/* Asks the user, so the client may be closing afterwards. */
enum um_backoff_class um_verdict(uvmqtt_t *m, int code);

#endif
