/* sim/net.h: connections as TCP makes them. Each direction is a byte stream in
 * order; what varies is how it is cut, how long it takes, how much is taken at
 * once, and how it ends. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim/bytes.h"
#include "sim/peer.h"
#include <stdbool.h>

struct world;

#define CONNS_MAX 16

enum direction { UP, DOWN }; /* from the client, to it */

struct pipe {
  struct bytes flight;
  bool fin;         /* an end follows the bytes */
  bool ended;       /* and was delivered */
  bool dark;        /* what goes in never comes out */
  bool armed;       /* a delivery is planned */
  uint64_t stalled; /* nothing is delivered before */
};

/* A packet on its way to the client; the judge takes them in order. */
struct arrival {
  uint8_t type, flags, reason;
  uint16_t pid;
  uint32_t message; /* PUBLISH: which */
};

struct conn {
  uint64_t id;
  bool used;
  bool connected;   /* the client knows */
  bool client_here; /* its stream is not closed */
  bool broker_here;
  bool reading; /* the client wants bytes */
  size_t window;
  struct pipe pipe[2];
  struct arrival *arrivals;
  size_t n_arrivals, cap_arrivals, n_judged;
  unsigned server; /* by the name it goes to */
  struct peer peer;
};

struct net {
  struct conn conns[CONNS_MAX];
  uint64_t next_id;
  uint64_t refusing_until, black_until;
};

void net_init(struct world *w);
void net_done(struct world *w);
struct conn *net_find(struct world *w, uint64_t id); /* NULL: gone */

/* The client's end. */
uint64_t net_connect(struct world *w);
/* How many of the bytes the kernel took; driver_writable tells of room. */
size_t net_send(struct world *w, struct conn *c, const uint8_t *data,
                size_t len);
void net_read(struct world *w, struct conn *c, bool on);
void net_finish(struct world *w, struct conn *c); /* half-close */
void net_close(struct world *w, struct conn *c);

/* The broker's end. */
void net_broker_send(struct world *w, struct conn *c, const struct bytes *b,
                     const struct arrival *a);
void net_broker_close(struct world *w, struct conn *c, bool reset);

/* Faults. */
void net_stall(struct world *w, struct conn *c, enum direction d,
               uint64_t until);
void net_darken(struct world *w, struct conn *c, enum direction d);
void net_heal(struct world *w); /* dark connections are reset */

#endif
