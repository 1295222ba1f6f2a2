/* session/outbox.h: outgoing requests from acceptance to completion. Holds the
 * lists, the packet ids, the quota and the budget; knows nothing of packets'
 * bytes. An op is in exactly one list at any time. */
#ifndef UM_SESSION_OUTBOX_H
#define UM_SESSION_OUTBOX_H

#include "session/op.h"
#include "session/packet_id.h"

struct um_outbox {
  struct um_op_pool pool;
  struct um_packet_ids ids;
  /* waiting, in the order they leave: */
  struct um_list requests;   /* SUBSCRIBE, UNSUBSCRIBE: wait for no quota */
  struct um_list rereleases; /* RELEASED on an earlier connection */
  struct um_list resends;    /* SENT on an earlier connection */
  struct um_list queued;     /* PUBLISH, new */
  /* sent, awaiting the server: */
  struct um_list asked;    /* SUBSCRIBE, UNSUBSCRIBE */
  struct um_list sent;     /* PUBLISH, in the order sent */
  struct um_list released; /* QoS 2 after PUBREC, in its order */
  /* finished, completion due: */
  struct um_list done;
  size_t n_waiting, n_inflight; /* n_inflight: sent + released + again */
  size_t inflight_quota;        /* ops with counted set */
  size_t n_messages;            /* budget: ops held, and their bytes */
  uint64_t n_bytes;
  size_t max_messages;
  uint64_t max_bytes;
};

void um_outbox_init(struct um_outbox *o, size_t max_messages,
                    uint64_t max_bytes);
void um_outbox_done(struct um_outbox *o); /* frees without completing */

/* UVMQTT_EFULL when one more op of so many bytes is over the budget. */
int um_outbox_admit(const struct um_outbox *o, size_t charge);
/* Takes a QUEUED op; it is ours now. */
void um_outbox_add(struct um_outbox *o, struct um_op *op);
/* A whole list of SUBSCRIBE ops, before all others, whatever the budget. */
void um_outbox_add_first(struct um_outbox *o, struct um_list *ops);
/* Frees waiting SUBSCRIBE ops of the session's own (id 0). */
void um_outbox_drop_restores(struct um_outbox *o);
/* The next op to encode: SUBSCRIBE lane, PUBREL again, PUBLISH again, and,
 * when the quota is not used up, PUBLISH. NULL: nothing may leave now. */
struct um_op *um_outbox_next(const struct um_outbox *o, size_t quota);
bool um_outbox_idle(const struct um_outbox *o); /* nothing waits to be sent */

/* State changes; each moves the op to the list of its new state. */
int um_outbox_take_id(struct um_outbox *o, struct um_op *op); /* or UM_ENOMEM:
                                                        all ids are held */
void um_outbox_sent(struct um_outbox *o, struct um_op *op);
void um_outbox_released(struct um_outbox *o, struct um_op *op);
void um_outbox_requeue(struct um_outbox *o, struct um_op *op); /* as new, at
                                                     the front of its lane */
void um_outbox_finish(struct um_outbox *o, struct um_op *op, int status,
                      uint8_t reason);
/* Unlinks a DONE op and gives its memory back. */
void um_outbox_free(struct um_outbox *o, struct um_op *op);

/* The connection ended: SUBSCRIBEs wait again, the rest keeps its state. */
void um_outbox_link_down(struct um_outbox *o);
/* Session Present: what was in flight is sent again, in order. */
void um_outbox_resume(struct um_outbox *o);
/* The session is lost: in-flight ops start anew (fail false) or finish with
 * UVMQTT_ESESSIONLOST; RELEASED ones have arrived and finish with 0. Returns
 * how many were sent and not acknowledged. */
size_t um_outbox_session_lost(struct um_outbox *o, bool fail);
/* Everything finishes with this status, in the order it was asked. */
void um_outbox_cancel_all(struct um_outbox *o, int status);

#endif
