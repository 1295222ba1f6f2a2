/* sim/greeting.h: the broker's CONNECT and CONNACK, and where sessions begin
 * and end. */
#ifndef SIM_GREETING_H
#define SIM_GREETING_H

#include "sim/broker.h"

void greeting_receive(struct world *w, struct conn *c,
                      const struct um_packet *connect);
/* The connection is over: the session rests, or goes. */
void greeting_end(struct world *w, struct conn *c);

#endif
