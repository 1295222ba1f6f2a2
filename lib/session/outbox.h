/* session/outbox.h: outgoing requests from acceptance to completion. Holds the
 * lists, the packet ids, the quota and the budget; knows nothing of packets'
 * bytes. An op is in exactly one list at any time. */
#ifndef UM_SESSION_OUTBOX_H
#define UM_SESSION_OUTBOX_H

#include "session/op.h"
#include "session/packet_id.h"
#include "session/timeouts.h"
#include "session/victims.h"

struct um_outbox {
  struct um_op_pool pool;
  struct um_packet_ids ids;
  struct um_timeouts timeouts;
  struct um_victims victims;
  /* waiting, in the order they leave: */
  struct um_list requests;   /* SUBSCRIBE, UNSUBSCRIBE: wait for no quota */
  struct um_list rereleases; /* RELEASED on an earlier connection */
  struct um_list resends;    /* SENT on an earlier connection */
  struct um_list queued[UM_LANES]; /* PUBLISH, new */
  /* sent, awaiting the server: */
  struct um_list asked;    /* SUBSCRIBE, UNSUBSCRIBE */
  struct um_list sent;     /* PUBLISH, in the order sent */
  struct um_list released; /* QoS 2 after PUBREC, in its order */
  /* finished, completion due: */
  struct um_list done;
  struct um_list cut; /* detached, completion due; by their other link */
  size_t n_waiting, n_inflight; /* n_inflight: sent + released + again */
  size_t n_detached;            /* of those in flight */
  size_t inflight_quota;        /* ops with counted set */
  size_t n_messages;            /* budget: ops held, and their bytes */
  uint64_t n_bytes;
  size_t n_dropped; /* made room already; completion due */
  uint64_t dropped_bytes;
  size_t max_messages;
  uint64_t max_bytes;
};

/* One that holds nothing, for all sessions that have asked for nothing.
 * Whatever does not add may be called with it; its memory cannot be written. */
struct um_outbox *um_outbox_none(void);
/* *o, when it is none, becomes one to add to. 0 or UM_ENOMEM. */
int um_outbox_open(struct um_outbox **o, uvmqtt_overflow_t overflow,
                   size_t max_messages, uint64_t max_bytes);
/* *o becomes none again and its memory is free, unless it holds something. */
void um_outbox_rest(struct um_outbox **o);
/* Frees all without completing; *o is none then. */
void um_outbox_close(struct um_outbox **o);

void um_outbox_init(struct um_outbox *o, uvmqtt_overflow_t overflow,
                    size_t max_messages, uint64_t max_bytes);
void um_outbox_done(struct um_outbox *o); /* frees without completing */

/* Memory for adding it, so that it cannot fail. op->due is set. UM_ENOMEM. */
static inline int um_outbox_reserve(struct um_outbox *o,
                                    const struct um_op *op) {
  int r = 0;
  if (o->victims.policy >= UVMQTT_OVERFLOW_DROP_OLDEST_QOS0)
    r = um_victims_reserve(&o->victims);
  if (r == 0 && op->due != UINT64_MAX)
    r = um_timeouts_reserve(&o->timeouts);
  return r;
}
/* Takes a QUEUED op; it is ours now. */
void um_outbox_add(struct um_outbox *o, struct um_op *op);
/* All that were not sent finish with UVMQTT_EDROPPED; how many. */
size_t um_outbox_drop_queued(struct um_outbox *o);
/* A whole list of SUBSCRIBE ops, before all others, outside the budget. */
void um_outbox_add_first(struct um_outbox *o, struct um_list *ops);
/* Frees waiting SUBSCRIBE ops of the session's own (id 0). */
void um_outbox_drop_restores(struct um_outbox *o);
/* The next op to encode: SUBSCRIBE, PUBREL again, PUBLISH again, and, when the
 * quota is not used up, PUBLISH lane by lane. NULL: nothing may leave now. */
struct um_op *um_outbox_next(const struct um_outbox *o, size_t quota);
bool um_outbox_idle(const struct um_outbox *o); /* nothing waits to be sent */

/* State changes; each moves the op to the list of its new state. */
int um_outbox_take_id(struct um_outbox *o, struct um_op *op); /* or UM_ENOMEM:
                                                        all ids are held */
void um_outbox_sent(struct um_outbox *o, struct um_op *op);
void um_outbox_released(struct um_outbox *o, struct um_op *op);
void um_outbox_requeue(struct um_outbox *o, struct um_op *op); /* as new, at
                                                     the front of its lane */
/* Of a detached op status and reason are what they were. */
void um_outbox_finish(struct um_outbox *o, struct um_op *op, int status,
                      uint8_t reason);
/* An op that was sent completes now, and keeps its id and its place until the
 * server answered. */
void um_outbox_detach(struct um_outbox *o, struct um_op *op, int status);
/* The completion of the first detached op was told: forgets who waited. */
void um_outbox_told(struct um_op *op);
/* It makes room from now on, though it is not freed yet. */
void um_outbox_uncharge(struct um_outbox *o, struct um_op *op);
/* Unlinks a DONE op and gives its memory back. */
void um_outbox_free(struct um_outbox *o, struct um_op *op);

/* Looks at it again at this time instead of at its time-out. */
void um_outbox_put_off(struct um_outbox *o, struct um_op *op, uint64_t until);

/* All lists of ops that are not done, in the order in which their ops would
 * leave or left. For looking only. */
#define UM_OUTBOX_LISTS (6 + UM_LANES)
void um_outbox_lists(const struct um_outbox *o, const struct um_list *ret[]);

/* The connection ended: SUBSCRIBEs wait again, the rest keeps its state. */
void um_outbox_link_down(struct um_outbox *o);
/* Session Present: what was in flight is sent again, in order. */
void um_outbox_resume(struct um_outbox *o);
/* The session is lost: in-flight ops start anew (status 0) or finish with
 * this status; RELEASED ones have arrived and finish with 0, detached ones
 * finish. Returns how many were sent and not acknowledged. */
size_t um_outbox_session_lost(struct um_outbox *o, int status);
/* Everything finishes with this status, in the order it was asked. */
void um_outbox_cancel_all(struct um_outbox *o, int status);

#endif
