/* sim/ledger.h: every message and every request, and what became of it. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uvmqtt/message.h>

struct world;

/* What the application publishes on; what others publish on, of which the last
 * ones have filters with handlers; requests of others are answered here; and
 * ours asked; answers to them come there. */
#define TOPICS 8
#define HEARD_TOPICS 10
#define TOPIC_ANSWERS 10
#define TOPIC_QUESTIONS 11
#define TOPIC_REPLIES 12
#define ALL_TOPICS 15
extern const char *const topics[ALL_TOPICS];

/* What the application subscribes to; what it has handlers for; where the
 * library listens for answers. */
#define PLAIN_FILTERS 8
#define HANDLED_FILTERS 11
#define FILTERS 14
extern const char *const filters[FILTERS];

enum request_kind {
  ASK_PUBLISH,
  ASK_SUBSCRIBE, /* and handlers */
  ASK_UNSUBSCRIBE,
  ASK_REQUEST, /* a PUBLISH that wants an answer */
  ASK_REAUTH,
  ASK_NOTHING, /* refused, or complete without a packet */
};

/* One accepted request of the application. */
struct request {
  enum request_kind kind;
  uint64_t id;       /* as the library gave it */
  uint64_t accepted; /* when */
  uint32_t life;     /* of which client object */
  bool accepting;    /* the call has not returned */
  unsigned completed;
  int status;
  bool no_callback; /* nobody wants to know */
  bool cancelled;   /* uvmqtt_cancel said 0 */
  bool never;       /* it ended before it was sent: it must not be */
  unsigned filter;  /* index; of SUBSCRIBE */
  uint8_t qos;

  /* PUBLISH */
  unsigned topic;
  bool retain, properties;
  uint8_t lane;
  uint32_t size;     /* payload */
  uint32_t interval; /* expiry, s; 0: none */
  uint32_t timeout;  /* ms; 0: none */
  uint32_t answers;  /* the number of the request of others + 1; 0: none */
  unsigned reply;    /* ASK_REQUEST: index of its reply topic */
  bool bare;         /* the same, said in 3.1.1: by its topic alone */
  unsigned routed;   /* times the broker took it: Brk */
  unsigned allowed;  /* QoS 2: at most */
  unsigned written;  /* times its first byte went to the network */
  bool in_session;   /* written in the session of now */
  bool answered;     /* PUBACK, PUBCOMP, PUBREC >= 0x80 came */
  uint8_t answer;
  bool received;  /* PUBREC < 0x80 came */
  bool swallowed; /* the broker held its id from an earlier client object */
  bool lost;      /* was in flight when the session was lost */
};

/* One message of somebody else, to the client. */
struct inbound {
  unsigned topic;
  uint8_t qos;
  bool retain, properties;
  uint32_t size;
  unsigned sends;     /* PUBLISHes made of it */
  unsigned delivered; /* callbacks that returned */
  uint32_t life;      /* of the last delivery */
  unsigned in_life;   /* deliveries in it */
  bool planted;       /* made to break a rule: never to be delivered */
  bool asks;          /* has a Response Topic and Correlation Data */
  uint32_t replies;   /* to our request of this number + 1; 0: none */
  bool accepted;      /* manual acknowledgement: by the application */
  uint8_t correlation[16];
  size_t n_correlation;
};

struct ledger {
  struct request *requests;
  size_t n_requests, cap_requests;
  struct inbound *inbound;
  size_t n_inbound, cap_inbound;
};

void ledger_done(struct world *w);
uint32_t ledger_add_request(struct world *w, const struct request *r);
uint32_t ledger_add_inbound(struct world *w, const struct inbound *m);

/* Payloads tell what they are: kind 'A' out, 'B' in, number, filler. */
#define PAYLOAD_LEAST 6u
void payload_write(uint8_t *to, uint32_t size, char kind, uint32_t number);
/* Which one; UINT32_MAX when it is damaged. */
uint32_t payload_read(const void *data, size_t len, char kind);

bool is_message(const struct request *r);
unsigned topic_index(const char *topic);   /* ALL_TOPICS: unknown */
unsigned filter_index(const char *filter); /* FILTERS: unknown */
/* 4.7 in our own words. */
bool filter_matches(const char *filter, const char *topic);
/* The expectation that a message carries the properties it was given. */
bool properties_intact(const uvmqtt_property_t *p, size_t n, uint32_t number,
                       bool has);

#endif
