#include "session/overflow.h"

#include "base/err.h"

/* Does one more fit when n with so many bytes are gone? */
static bool fits(const struct um_outbox *o, size_t charge, size_t n,
                 uint64_t bytes) {
  return o->n_messages - n < o->max_messages &&
         o->n_bytes - bytes + charge <= o->max_bytes;
}

/* What was dropped holds memory until its completion is told. */
static bool may_drop(const struct um_outbox *o, size_t n, uint64_t bytes) {
  return o->n_dropped + n <= o->max_messages &&
         o->dropped_bytes + bytes <= o->max_bytes;
}

int um_overflow_find_room(const struct um_outbox *o, const struct um_op *op,
                          size_t *ret_victims) {
  bool always = o->victims.policy == UVMQTT_OVERFLOW_LATEST_PER_TOPIC;
  const struct um_op *victim = NULL;
  size_t n = 0, charge = op->charge;
  uint64_t bytes = 0;
  if (charge > o->max_bytes)
    return UVMQTT_EFULL;
  while (always || !fits(o, charge, n, bytes)) {
    victim = um_victims_next(&o->victims, op, victim);
    if (victim == NULL)
      break;
    n++;
    bytes += victim->charge;
  }
  if (!fits(o, charge, n, bytes) || (n != 0 && !may_drop(o, n, bytes)))
    return UVMQTT_EFULL;
  *ret_victims = n;
  return 0;
}

/* From the end of its lane to where the first of the same topic stood, so that
 * one that changes often is not overtaken for ever. */
static void take_place(struct um_outbox *o, struct um_op *op,
                       struct um_op *victim) {
  struct um_list *lane = &o->queued[um_lane_of(op)];
  if (o->victims.policy != UVMQTT_OVERFLOW_LATEST_PER_TOPIC ||
      lane != &o->queued[um_lane_of(victim)] || op->link.next != lane)
    return;
  um_list_remove(&op->link);
  um_list_insert(&victim->link, &op->link);
}

void um_overflow_drop(struct um_outbox *o, struct um_op *victim,
                      struct um_op *op) {
  take_place(o, op, victim);
  um_outbox_finish(o, victim, UVMQTT_EDROPPED, 0);
  um_outbox_uncharge(o, victim);
  if (victim->cb == NULL) {
    um_outbox_free(o, victim);
    return;
  }
  victim->dropped = true;
  o->n_dropped++;
  o->dropped_bytes += victim->charge;
}
