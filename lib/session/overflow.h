/* session/overflow.h: the outbox's budget, and what happens beyond it. */
#ifndef UM_SESSION_OVERFLOW_H
#define UM_SESSION_OVERFLOW_H

#include "session/outbox.h"

/* How many waiting messages must give way to this op, which is not added yet;
 * UVMQTT_EFULL when it is over the budget and that does not help. */
int um_overflow_find_room(const struct um_outbox *o, const struct um_op *op,
                          size_t *ret_victims);
static inline int um_overflow_admit(const struct um_outbox *o,
                                    const struct um_op *op,
                                    size_t *ret_victims) {
  bool none = o->n_messages < o->max_messages && op->charge <= o->max_bytes &&
              o->n_bytes + op->charge <= o->max_bytes &&
              o->victims.policy != UVMQTT_OVERFLOW_LATEST_PER_TOPIC;
  *ret_victims = 0;
  return none ? 0 : um_overflow_find_room(o, op, ret_victims);
}

/* The next one to drop for an op that was admitted so, and added. */
static inline struct um_op *um_overflow_victim(const struct um_outbox *o,
                                               const struct um_op *op) {
  return um_victims_next(&o->victims, op, NULL);
}

/* Finishes a victim with UVMQTT_EDROPPED. Its room is free at once, though
 * its memory only after its completion; of a message that nobody waits for
 * nothing is left. With LATEST_PER_TOPIC op takes its place. */
void um_overflow_drop(struct um_outbox *o, struct um_op *victim,
                      struct um_op *op);

#endif
