/* client/servers.h: the servers beside the one of .url. */
#ifndef UM_CLIENT_SERVERS_H
#define UM_CLIENT_SERVERS_H

#include "client/url.h"
#include "net/route.h"
#include <uvmqtt/options.h>

#define UM_SERVERS_MAX (UVMQTT_SERVERS_MAX + 1)

struct um_servers {
  struct um_url *urls; /* NULL: none */
  size_t n;
};

/* The errors of uvmqtt_new; *ret needs um_servers_done in any case. */
int um_servers_read(const uvmqtt_options_t *o, struct um_servers *ret);
void um_servers_done(struct um_servers *s);

/* first, and then the others. Returns how many. */
size_t um_servers_list(const struct um_url *first, const struct um_servers *s,
                       struct um_server ret[UM_SERVERS_MAX]);

/* A number for the session: the same for the same host, port and transport, and
 * for no other but by a chance of 1 in 2^64. seed: random, or a server that
 * redirects could choose names to hit another one's. */
uint64_t um_servers_number(enum um_transport transport,
                           const struct um_server *server, uint64_t seed);

#endif
