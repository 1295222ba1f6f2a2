/* client/socket.h: the options about sockets. */
#ifndef UM_CLIENT_SOCKET_H
#define UM_CLIENT_SOCKET_H

#include "net/socket.h"
#include <uvmqtt/options.h>

struct um_socket_wishes {
  struct um_socket_options net; /* points into the rest */
  struct um_address local;
  char *interface;
  uvmqtt_socket_cb hook;
  uvmqtt_t *client; /* for the hook; as um_socket_wishes_of was told */
};

/* NULL when there are none. The errors of uvmqtt_new; *ret needs
 * um_socket_wishes_done in any case. */
int um_socket_wishes_read(const uvmqtt_options_t *o,
                          struct um_socket_wishes **ret);
void um_socket_wishes_done(struct um_socket_wishes *w); /* NULL is fine */
/* Of this client's next connection. */
const struct um_socket_options *um_socket_wishes_of(uvmqtt_t *m);

#endif
