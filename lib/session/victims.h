/* session/victims.h: which waiting message gives way to a new one, found
 * without a search through all that wait. Part of the outbox. */
#ifndef UM_SESSION_VICTIMS_H
#define UM_SESSION_VICTIMS_H

#include "session/op.h"
#include <uvmqtt/options.h>

/* in the order in which they are served */
enum um_lane { UM_URGENT, UM_NORMAL, UM_BULK, UM_LANES };

struct um_victims {
  uvmqtt_overflow_t policy;
  struct um_list *queued; /* the outbox's lanes, each oldest first */
  struct um_list *lists;  /* LATEST_PER_TOPIC: by the topic's hash;
                             DROP_OLDEST_QOS0: those of QoS 0, by lane */
  size_t n_lists;         /* a power of two, or UM_LANES; 0: not needed yet */
  size_t n;               /* ops in them */
};

void um_victims_init(struct um_victims *v, uvmqtt_overflow_t policy,
                     struct um_list queued[UM_LANES]);
void um_victims_done(struct um_victims *v);
/* Memory for one more, so that the next put cannot fail. UM_ENOMEM. */
int um_victims_reserve(struct um_victims *v);
/* A PUBLISH that waits now: at the end of its lane, or at its front. */
void um_victims_keep(struct um_victims *v, struct um_op *op, bool front);
static inline void um_victims_put(struct um_victims *v, struct um_op *op,
                                  bool front) {
  if (v->policy >= UVMQTT_OVERFLOW_DROP_OLDEST_QOS0)
    um_victims_keep(v, op, front);
}

static inline void um_victims_remove(struct um_victims *v, struct um_op *op) {
  if (um_list_empty(&op->also))
    return;
  v->n--;
  um_list_remove(&op->also);
}

/* SUBSCRIBE and UNSUBSCRIBE wait for nobody. */
static inline size_t um_lane_of(const struct um_op *op) {
  size_t lane = op->u.message.lane;
  if (op->kind != UM_OP_PUBLISH)
    return UM_URGENT;
  return lane ^ (lane <= UVMQTT_LANE_URGENT); /* these two are exchanged */
}

/* What would give way to op first, and after prev; NULL: nothing more. op may
 * itself wait already, behind all of them. */
struct um_op *um_victims_next(const struct um_victims *v,
                              const struct um_op *op, const struct um_op *prev);

#endif
