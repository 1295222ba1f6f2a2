/* sim/link.h: the inner half of the driver: the loop, the link's states, the
 * pump. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "sim/driver.h"

/* The loop of one client: served when the outermost call unwinds. */
void link_enter_loop(struct driver *d);
void link_exit_loop(struct world *w);
void link_mark(struct world *w);

void link_online(struct world *w);
void link_failed(struct world *w, int code);
void link_relieve(struct world *w);
void link_steer(struct world *w);

#endif
