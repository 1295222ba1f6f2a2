/* sim/broker.h: a server of the standard, written from it and not from
 * lib/session. It keeps every "may" of the standard open: when and in which
 * order it answers, what it limits, whether it remembers. */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include "sim/ledger.h"
#include "sim/peer.h"
#include "wire/packet.h"

struct world;
struct conn;

#define SESSIONS 4
#define INBOUND_MAX 8000u /* bytes of payload, to the client */

enum outgoing_state { OUT_QUEUED, OUT_SENT, OUT_RECEIVED };

struct outgoing { /* a message for the client */
  uint32_t message;
  uint16_t pid;
  uint8_t state;
  bool here; /* sent on this connection */
};

struct incoming { /* a QoS 2 message of the client's, not released */
  uint16_t pid;
  uint32_t message;
};

struct bsession {
  bool exists;
  char id[24];
  uint64_t conn; /* 0: offline */
  uint64_t expires, generation;
  uint64_t touched;
  struct {
    bool on;
    uint8_t qos;
    uint32_t identifier;
  } subs[FILTERS];
  struct outgoing *out;
  size_t n_out, cap_out;
  struct incoming *in;
  size_t n_in, cap_in;
  uint16_t last_pid;
};

/* An acknowledgement that will be sent. */
struct answer {
  uint64_t conn;
  uint8_t type, reason, n;
  uint16_t pid;
  uint8_t codes[FILTERS];
};

struct broker {
  struct bsession sessions[SESSIONS];
  struct answer *answers;
  size_t n_answers, cap_answers;
  struct um_scratch scratch;
  uint64_t assigned;    /* client ids given */
  uint64_t generations; /* sessions made */
};

void broker_init(struct world *w);
void broker_done(struct world *w);

/* From the network. */
void broker_accept(struct world *w, struct conn *c);
void broker_bytes(struct world *w, struct conn *c, const uint8_t *data,
                  size_t len);
void broker_ended(struct world *w, struct conn *c); /* FIN or RST came */
void broker_lost(struct world *w, struct conn *c);  /* it is forgotten */

/* What it does of its own. */
void broker_traffic(struct world *w);
void broker_restart(struct world *w, bool remember);
void broker_disconnect(struct world *w, struct conn *c, uint8_t reason);
void broker_take_over(struct world *w);
struct conn *broker_client(struct world *w); /* an accepted one, or NULL */

/* Between its parts: broker.c, greeting.c, outgoing.c, incoming.c, traffic.c,
 * byzantine.c. */
/* In its own time, so that answers overtake each other. */
void broker_answer(struct world *w, struct conn *c, struct answer a);
void broker_handle(struct world *w, struct conn *c, const struct um_packet *p);
void broker_acked(struct world *w, struct conn *c, uint16_t pid);
void broker_received(struct world *w, struct conn *c, uint16_t pid,
                     uint8_t reason);
void broker_replies(struct world *w, struct conn *c, uint32_t number,
                    const struct um_packet *p);
struct bsession *broker_session(struct world *w, struct conn *c);
void broker_send(struct world *w, struct conn *c, uint8_t first,
                 const struct bytes *body, uint16_t pid, uint8_t reason,
                 uint32_t message);
void broker_pump(struct world *w, struct conn *c);
void broker_resume(struct world *w, struct conn *c);
void broker_drop_session(struct bsession *s);
uint32_t broker_new_message(struct world *w, unsigned topic, uint8_t qos,
                            uint32_t size);
void broker_publish(struct world *w, struct conn *c, uint32_t message,
                    uint16_t pid, bool dup);

#endif
