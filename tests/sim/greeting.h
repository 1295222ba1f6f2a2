/* sim/greeting.h: the broker's CONNECT and CONNACK, and where sessions begin
 * and end. */
#ifndef SIM_GREETING_H
#define SIM_GREETING_H

#include "sim/broker.h"

void greeting_receive(struct world *w, struct conn *c,
                      const struct um_packet *connect);
/* The connection is over: the session rests, or goes. */
void greeting_end(struct world *w, struct conn *c);

/* It is as authentic as it must be: CONNACK. */
void greeting_decide(struct world *w, struct conn *c);
struct bytes;
/* With 0x9C and 0x9D. */
void greeting_put_reference(struct bytes *properties, uint8_t reason);

#endif
