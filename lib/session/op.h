/* session/op.h: one outgoing request, and the memory they come from.
 *
 * An op is one allocation: the header below, then copies of everything the
 * caller passed. It keeps plain values, not bytes: packet id, DUP, version and
 * the server's limits are known only when it is encoded. */
#ifndef UM_SESSION_OP_H
#define UM_SESSION_OP_H

#include "base/list.h"
#include "wire/packet.h"

enum um_op_kind { UM_OP_PUBLISH, UM_OP_SUBSCRIBE, UM_OP_UNSUBSCRIBE };

enum um_op_state {
  UM_OP_QUEUED,   /* waits.  next: SENT, DONE                                */
  UM_OP_SENT,     /* packet encoded, id taken.  next: RELEASED, DONE, QUEUED
                     (session lost; SUBSCRIBE: connection lost)              */
  UM_OP_RELEASED, /* QoS 2: PUBREC came.  next: DONE                         */
  UM_OP_DONE,     /* completion is due or delivered; freed after it          */
};

struct um_op {
  struct um_list link; /* in exactly one list of the outbox */
  struct um_list also; /* QUEUED: what victims.c finds it by; detached: its
                          completion is due */
  uint64_t id;         /* of the request, never 0; 0: made by the session */
  uint8_t kind;
  uint8_t state;
  uint8_t size_class; /* which free list it goes back to */
  uint8_t wrong_acks; /* PUBACKs for a QoS 2 message, see acks.c */
  bool sent_before;   /* on an earlier connection: DUP */
  bool counted;       /* takes a place of the send quota */
  bool charged;       /* counts for the budget */
  bool dropped;       /* by the overflow policy: no longer, see overflow.h */
  bool detached;      /* complete for the user; sent, so it goes on */
  bool overdue;       /* due once, and nothing was read since */
  uint16_t pid;       /* packet identifier, 0: none */
  uint8_t reason;     /* with DONE: what to report */
  int status;
  size_t charge;      /* bytes it counts for in the queue's budget */
  uint64_t expires;   /* ms; UINT64_MAX: never */
  uint64_t times_out; /* the same for the user's time-out */
  uint64_t due;       /* whichever counts in this state */
  size_t timer;       /* place among the timeouts, 0: none */
  uvmqtt_request_cb cb;
  void *arg;
  uvmqtt_property_t *properties; /* of whichever kind; ours to change */
  size_t n_properties;
  union {
    uvmqtt_message_t message;
    struct um_subscribe subscribe;
    struct um_unsubscribe unsubscribe;
  } u;
};

#define UM_OP_CLASSES 3

/* Finished ops whose memory the next ones take: nothing is allocated per
 * message in steady state. Bounded in bytes for each class. */
struct um_op_pool {
  struct um_list *free[UM_OP_CLASSES]; /* links of ops, by next; NULL: none */
  uint32_t n[UM_OP_CLASSES];
};

void um_op_pool_init(struct um_op_pool *pool);
void um_op_pool_done(struct um_op_pool *pool);

/* NULL: no memory. The values are checked (wire/packet.h). pool NULL, here and
 * when it is freed: none, for the one op that lives long. */
struct um_op *um_op_publish(struct um_op_pool *pool, const uvmqtt_message_t *m);
struct um_op *um_op_subscribe(struct um_op_pool *pool,
                              const uvmqtt_subscription_t *filters, size_t n,
                              const uvmqtt_property_t *properties,
                              size_t n_properties);
struct um_op *um_op_unsubscribe(struct um_op_pool *pool,
                                const char *const *filters, size_t n,
                                const uvmqtt_property_t *properties,
                                size_t n_properties);
void um_op_free(struct um_op_pool *pool, struct um_op *op); /* NULL is fine */
/* A SUBSCRIBE of one filter that was not sent shall ask for more: for at least
 * this QoS, and for retained messages as this Retain Handling does. */
void um_op_raise(struct um_op *op, uint8_t qos, uint8_t retain_handling);

/* The packet that says it, ready for um_encode. */
void um_op_packet(const struct um_op *op, struct um_packet *ret);

#endif
