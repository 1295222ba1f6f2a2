#include "net/socket.h"

static const struct um_socket_options none;

static uv_os_sock_t fd_of(const uv_tcp_t *tcp) {
  uv_os_fd_t fd = 0;
  uv_fileno((const uv_handle_t *)tcp, &fd);
  return (uv_os_sock_t)fd;
}

static int bind_local(const struct um_address *local, uv_tcp_t *tcp,
                      int family) {
  if (local == NULL)
    return 0;
  if (local->u.any.sa_family != family)
    return UV_EADDRNOTAVAIL;
  return uv_tcp_bind(tcp, &local->u.any, 0);
}

int um_socket_prepare(const struct um_socket_options *o, uv_tcp_t *tcp,
                      int family) {
  int r = 0;
  if (o == NULL)
    o = &none;
  if (o->interface != NULL)
    r = um_socket_bind_interface(fd_of(tcp), o->interface);
  if (r == 0)
    r = bind_local(o->local, tcp, family);
  if (r == 0 && o->hook != NULL)
    r = o->hook(o->hook_arg, fd_of(tcp), family);
  if (r > 0)
    r = UV_EINVAL;
  return r;
}

void um_socket_tune(const struct um_socket_options *o, uv_tcp_t *tcp) {
  if (o == NULL)
    o = &none;
  uv_tcp_nodelay(tcp, !o->delay); /* we batch by ourselves */
  if (o->keepalive != 0)
    uv_tcp_keepalive(tcp, 1, o->keepalive);
  if (o->user_timeout != 0)
    um_socket_user_timeout(fd_of(tcp), o->user_timeout);
}
