/* sim/judge.h: sits at the client's socket and checks that what goes out is
 * what the standard and the store's rules allow after what came in. Keeps its
 * own books; of the session it looks only at how many packets it has taken in,
 * so that both know the same. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "client/backoff.h"
#include "sim/ledger.h"
#include "sim/peer.h"
#include "wire/packet.h"

struct world;
struct conn;
struct arrival;
struct request;

#define RESTORE UINT32_MAX /* as number: made by the session itself */

/* An identifier of ours in use. */
struct flight {
  uint16_t pid;
  uint8_t kind;    /* enum request_kind */
  bool released;   /* PUBREC came */
  bool here;       /* sent on this connection */
  bool counted;    /* against the server's Receive Maximum */
  uint32_t number; /* PUBLISH: of the request */
  uint64_t order;  /* of the first sending, of PUBREC */
};

/* What we owe the server, in the order in which we owe it. */
struct debt {
  uint16_t pid;
  uint8_t reason;
  uint32_t number;   /* PUBACK, PUBREC: the message */
  uint64_t callback; /* must have returned */
  bool acked;        /* manual acknowledgement: the application has spoken */
};

struct queue {
  struct debt *items;
  size_t first, n, cap; /* items[first..n) */
};

enum debts { OWE_PUBACK, OWE_PUBREC, OWE_PUBREL, OWE_PUBCOMP, DEBTS };

enum auth_turn { AUTH_NOBODY, AUTH_SERVER, AUTH_CLIENT };

struct judge {
  /* of this client object */
  struct flight *flights;
  size_t n_flights, cap_flights;
  struct incoming *open; /* QoS 2 messages received, not released */
  size_t n_open, cap_open;
  uint64_t order;
  uint64_t parted; /* when the last connection of this session ended, 0 */
  /* first sendings: number + 1, by lane, topic and QoS */
  uint32_t newest[3][ALL_TOPICS][3];
  bool restore_open;   /* subscriptions of a lost session are to be asked for */
  uint64_t generation; /* of the broker's session that we go on with */
  bool vague; /* memory ran out: what was taken in is not known exactly */
  bool had_session, connected_once, must_clean;
  bool fell_back[SERVERS]; /* was told so, of this one */
  char assigned[24];

  /* of this connection */
  uint64_t conn; /* 0: none */
  bool said_connect, welcome, said_disconnect, present, clean;
  uint8_t version;
  struct terms terms;
  uint64_t taken_before; /* packets received when it began */
  struct queue owe[DEBTS];
  struct incoming *held; /* QoS 2, manual: received, PUBREC not sent */
  size_t n_held, cap_held;
  unsigned aliases[ALIASES_MAX + 1]; /* topic index + 1, of the client's */
  enum auth_turn auth;
  bool undecided;   /* inside on_auth: shall CONNACK count? */
  bool authentic;   /* a re-authentication succeeded */
  struct queue due; /* messages to be delivered, in order */
  uint64_t callbacks_due, callbacks_done;
  size_t unacked;
  uint64_t resent; /* order of the last one sent again */
  uint64_t last_tx, last_rx, pinged;
  bool pinging;
  bool rejecting; /* the client has ended it for a violation */
  uint64_t last_busy, slept;

  /* attempts */
  uint64_t not_before, not_after; /* of the next one */
  bool kicked;
  unsigned doublings;
  struct um_scratch scratch;
};

void judge_init(struct world *w);
void judge_done(struct world *w);
void judge_reset(struct world *w); /* a new client object */

/* From the driver. */
void judge_attempt(struct world *w);
void judge_kicked(struct world *w);
void judge_delay(struct world *w, int64_t delay);
void judge_opened(struct world *w, uint64_t conn);
void judge_fed(struct world *w);
void judge_feed_done(struct world *w);
void judge_moved(struct world *w); /* what is before a PINGREQ, or it */
void judge_part(struct world *w);  /* a part of a large message came */
void judge_connected(struct world *w, const uvmqtt_connack_t *connack);
void judge_write(struct world *w, const uint8_t *data, size_t len);
void judge_failed(struct world *w, int code);
void judge_closed(struct world *w, uint64_t conn);
/* From the application: before and after its callback. */
void judge_message(struct world *w, const uvmqtt_message_t *m);
void judge_message_done(struct world *w);
/* The application acknowledges a message of this connection. */
void judge_acked(struct world *w, uint32_t number, uint8_t qos, uint8_t reason);
void judge_completion(struct world *w, uint32_t number,
                      const uvmqtt_result_t *result);
void judge_slept(struct world *w); /* time has passed at once */
/* After each event. */
void judge_time(struct world *w);

/* Between its parts: judge.c, arrivals.c (what the client took in), scrutiny.c
 * with connects.c and publishes.c (what it writes), deliveries.c, outcome.c,
 * timing.c. */
void judge_came(struct world *w, struct conn *c, const struct arrival *a);
void judge_wrote_connect(struct world *w, const struct um_packet *p);
void judge_wrote_auth(struct world *w, const struct um_packet *p);
void judge_wrote_disconnect(struct world *w, const struct um_packet *p);
void judge_wrote_publish(struct world *w, const struct um_packet *p);
/* R3. */
void judge_check_epoch(struct world *w);
struct request *judge_request(struct world *w, const struct flight *f);
void judge_remove_flight(struct world *w, struct flight *f);
int judge_find_open(const struct judge *j, uint16_t pid); /* -1 */
void judge_add_open(struct world *w, uint16_t pid, uint32_t message);
void judge_queue_add(struct queue *q, struct debt item);
void *judge_grow(void *p, size_t n, size_t *cap, size_t size);
bool judge_judging(struct world *w, const struct conn *c);
/* More or less urgent: 0 to 2. */
unsigned judge_urgency(const struct request *r);
bool judge_has_store(const struct world *w);
uint32_t judge_number_of(const struct um_packet *p, uvmqtt_property_id_t id,
                         uint32_t otherwise);

/* More than the server of this connection takes, or perhaps more. */
bool judge_beyond(struct world *w, const struct request *r);
bool judge_blind(struct world *w); /* nothing can be said */
void judge_catch_up(struct world *w);
struct flight *judge_flight(struct world *w, uint16_t pid);
struct flight *judge_add_flight(struct world *w, uint16_t pid, uint8_t kind,
                                uint32_t number);
bool judge_open(struct world *w, uint16_t pid); /* a QoS 2 message of theirs */
void judge_end_session(struct world *w);
void judge_given_up(struct world *w, uint32_t number); /* its id is free */

static inline struct debt *queue_head(struct queue *q) {
  return q->first == q->n ? NULL : &q->items[q->first];
}

#endif
