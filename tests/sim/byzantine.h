/* sim/byzantine.h: a server that breaks the standard, by a list of bad packets
 * whose answer is known, or by changing bytes at random. */
#ifndef SIM_BYZANTINE_H
#define SIM_BYZANTINE_H

#include "sim/bytes.h"

struct world;
struct conn;

/* MUTATED: now and then changes a packet on its way to the network. */
void byzantine_touch(struct world *w, struct conn *c, struct bytes *packet);
/* BAD_PACKETS: one from the list, then one that must not be looked at. */
void byzantine_send(struct world *w, struct conn *c);

#endif
