/* sim/authority.h: the server's side of enhanced authentication: some rounds of
 * AUTH, in each of which the client must say one more than it was told. */
#ifndef SIM_AUTHORITY_H
#define SIM_AUTHORITY_H

#include "wire/packet.h"

struct world;
struct conn;

/* CONNECT named our method: greeting_decide follows. */
void authority_begin(struct world *w, struct conn *c);
void authority_receive(struct world *w, struct conn *c,
                       const struct um_packet *p);
/* Into CONNACK. */
struct bytes;
void authority_put(struct bytes *properties);

#endif
