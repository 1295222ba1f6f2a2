/* session/pending.h: looking through the requests that are not complete. */
#ifndef UM_SESSION_PENDING_H
#define UM_SESSION_PENDING_H

#include "session/outbox.h"

/* The one with this id, NULL: none. Walks from both ends of each list: what is
 * looked for is mostly old or new. */
struct um_op *um_pending_find(const struct um_outbox *o, uint64_t id);
size_t um_pending_count(const struct um_outbox *o);
/* The n oldest of them, in order; returns how many were filled in. */
size_t um_pending_list(const struct um_outbox *o, uvmqtt_pending_t *list,
                       size_t n);

#endif
