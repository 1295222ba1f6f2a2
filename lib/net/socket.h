/* net/socket.h: what a caller may want of a TCP socket beyond its address. */
#ifndef UM_NET_SOCKET_H
#define UM_NET_SOCKET_H

#include "net/address.h"

struct um_socket_options {
  const struct um_address *local; /* to bind to, port 0; NULL: any */
  const char *interface;          /* to bind to, NULL: any */
  /* Sees each socket before it connects; 0, or a negative code, with which
   * this address has failed. May be NULL. */
  int (*hook)(void *arg, uv_os_sock_t fd, int family);
  void *hook_arg;
  unsigned keepalive;    /* s until the first probe, 0: none */
  unsigned user_timeout; /* ms, 0: the system's */
  bool delay;            /* waits to fill segments (Nagle) */
};

/* Before connecting. 0, or a negative code: UV_EADDRNOTAVAIL when the local
 * address is of another family. */
int um_socket_prepare(const struct um_socket_options *o, uv_tcp_t *tcp,
                      int family);
/* Once connected. What fails here costs no more than time. */
void um_socket_tune(const struct um_socket_options *o, uv_tcp_t *tcp);

/* What differs between systems. UV_ENOTSUP: not here. */
int um_socket_bind_interface(uv_os_sock_t fd, const char *name);
int um_socket_user_timeout(uv_os_sock_t fd, unsigned ms);

#endif
