/* sim/pump.h: client/pump.c, client/loop.c for one client, and the stream. */
#ifndef SIM_PUMP_H
#define SIM_PUMP_H

#include "sim/driver.h"

struct conn;

/* The loop of one client: served when the outermost call unwinds. */
void pump_enter_loop(struct driver *d);
void pump_exit_loop(struct world *w);
void pump_mark(struct world *w);

struct conn *pump_stream(struct world *w); /* NULL: none */
int pump_write(struct world *w);
void pump_relieve(struct world *w);
void pump_steer(struct world *w);
/* The stream's close; link_closed follows. */
void pump_close_stream(struct world *w);

#endif
