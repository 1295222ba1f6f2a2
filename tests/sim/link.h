/* sim/link.h: client/link.c and client/redirect.c. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "sim/driver.h"

void link_connected(struct world *w);
void link_online(struct world *w);
void link_failed(struct world *w, int code);
void link_closed(struct world *w);
void link_step(struct world *w);
bool link_wants_step(const struct driver *d);
void link_tick(struct world *w);
uint64_t link_deadline(const struct driver *d);
void link_tear_down(struct world *w);
unsigned link_target(const struct driver *d);    /* which of the SERVERS */
bool link_knows_secrets(const struct driver *d); /* the server of now may */

static inline bool link_is_leaving(const struct driver *d) {
  return d->leave.asked && !d->leave.draining;
}

#endif
