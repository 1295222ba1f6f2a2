/* net/proxied.h: a tower with a proxy in it. */
#ifndef NET_PROXIED_H
#define NET_PROXIED_H

#include "tower.h"

/* What goes to the proxy and what comes from it, as literals with NULs. */
#define HEARS(t, bytes) tower_hears(t, bytes, sizeof bytes - 1)
#define SAYS(t, bytes) tower_feed(t, bytes, sizeof bytes - 1)

/* The layers over a connection to the proxy; reads once it is through. */
void proxied_open(struct tower *t, um_layer *const *layers, const char *host,
                  const char *user, const char *password);
/* It is through: bytes go both ways, and an end is an end. Ends the tower. */
void proxied_works(struct tower *t);

#endif
