/* session/timeouts.h: when which op must be looked at, the earliest first. A
 * heap: putting in, moving and taking out cost the logarithm of its length.
 *
 * An op with a time-out or an expiry is in it from acceptance to its end, with
 * UINT64_MAX while nothing can become due, so that moving never needs memory.
 */
#ifndef UM_SESSION_TIMEOUTS_H
#define UM_SESSION_TIMEOUTS_H

#include "session/op.h"

struct um_timeouts {
  struct um_op **heap; /* heap[i] is due no later than heap[2i+1], [2i+2] */
  size_t n, cap;
};

void um_timeouts_done(struct um_timeouts *t); /* all zero is empty */
/* Room for one more, so that the next put cannot fail. UM_ENOMEM. */
int um_timeouts_reserve(struct um_timeouts *t);
/* By op->due. */
void um_timeouts_put(struct um_timeouts *t, struct um_op *op);
/* op->due has changed. */
void um_timeouts_moved(struct um_timeouts *t, struct um_op *op);
void um_timeouts_remove(struct um_timeouts *t, struct um_op *op);

static inline struct um_op *um_timeouts_first(const struct um_timeouts *t) {
  return t->n == 0 ? NULL : t->heap[0];
}

static inline uint64_t um_timeouts_deadline(const struct um_timeouts *t) {
  return t->n == 0 ? UINT64_MAX : t->heap[0]->due;
}

#endif
