#include "client/socket.h"

#include "base/alloc.h"
#include "client/client.h"
#include <limits.h>
#include <string.h>

#define INTERFACE_MAX 15u

static int read_local(const uvmqtt_options_t *o, struct um_socket_wishes *ret) {
  if (o->bind_address == NULL)
    return 0;
  if (um_address_parse(o->bind_address, 0, &ret->local))
    return UV_EINVAL;
  ret->net.local = &ret->local;
  return 0;
}

static int read_interface(const uvmqtt_options_t *o,
                          struct um_socket_wishes *ret) {
  if (o->interface == NULL)
    return 0;
  if (*o->interface == '\0' || strlen(o->interface) > INTERFACE_MAX)
    return UV_EINVAL;
  ret->interface = um_strdup(o->interface);
  ret->net.interface = ret->interface;
  return ret->interface == NULL ? UV_ENOMEM : 0;
}

static int on_socket(void *arg, uv_os_sock_t fd, int family) {
  struct um_socket_wishes *w = arg;
  return w->hook(w->client, (int)fd, family);
}

static bool has_wishes(const uvmqtt_options_t *o) {
  return o->bind_address != NULL || o->interface != NULL ||
         o->on_socket != NULL || o->tcp_keepalive != 0 ||
         o->tcp_user_timeout != 0 || o->tcp_delay;
}

int um_socket_wishes_read(const uvmqtt_options_t *o,
                          struct um_socket_wishes **ret_wishes) {
  if (!has_wishes(o))
    return 0;
  struct um_socket_wishes *ret = *ret_wishes = um_calloc(1, sizeof *ret);
  if (ret == NULL)
    return UV_ENOMEM;
  ret->hook = o->on_socket;
  if (o->tcp_keepalive > INT16_MAX || o->tcp_user_timeout > INT_MAX)
    return UV_EINVAL;
  ret->net.keepalive = o->tcp_keepalive;
  ret->net.user_timeout = o->tcp_user_timeout;
  ret->net.delay = o->tcp_delay;
  ret->net.hook = o->on_socket == NULL ? NULL : on_socket;
  ret->net.hook_arg = ret;
  int r = read_local(o, ret);
  return r ? r : read_interface(o, ret);
}

void um_socket_wishes_done(struct um_socket_wishes *w) {
  if (w != NULL)
    um_free(w->interface);
  um_free(w);
}

const struct um_socket_options *um_socket_wishes_of(uvmqtt_t *m) {
  static const struct um_socket_options none = {.local = NULL};
  struct um_socket_wishes *w = m->options.socket;
  if (w == NULL)
    return &none;
  w->client = m;
  return &w->net;
}
