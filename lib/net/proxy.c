#include "net/proxy.h"

#include "base/alloc.h"
#include "net/address.h"
#include <string.h>
#include <uvmqtt/message.h>

static void wipe_string(char *s) {
  if (s != NULL)
    um_wipe(s, strlen(s));
  um_free(s);
}

void um_proxied_forget(struct um_proxied *p) {
  wipe_string(p->username);
  wipe_string(p->password);
  p->username = p->password = NULL;
}

void um_proxied_done(struct um_filter *f) {
  struct um_proxied *p = (struct um_proxied *)f;
  um_proxied_forget(p);
  um_free(p->host);
  p->host = NULL;
}

/* A proxy on this machine does not make a server elsewhere a local one, and
 * "127.0.0.1" said to a proxy elsewhere is not us. */
static bool is_local(const struct um_proxied *p) {
  struct um_address a;
  return p->f.below->loopback && um_address_parse(p->host, p->port, &a) == 0 &&
         um_address_is_loopback(&a);
}

void um_proxied_connected(struct um_proxied *p) {
  um_proxied_forget(p);
  p->f.stream.loopback = is_local(p);
  p->f.stream.server = (uint32_t)p->server;
  um_filter_connected(&p->f);
}

void um_proxied_failed(struct um_proxied *p, int code, int status,
                       const char *text, const char *more) {
  um_filter_explain(&p->f, status, text, more);
  um_filter_end(&p->f, code);
}

static int copy(const char *from, char **ret) {
  if (from == NULL)
    return 0;
  *ret = um_strdup(from);
  return *ret == NULL ? UV_ENOMEM : 0;
}

static int copy_all(struct um_proxied *p, const struct um_route *route) {
  const struct um_server *to = &route->servers[p->server];
  int r = copy(to->host, &p->host);
  if (r == 0)
    r = copy(route->proxy->username, &p->username);
  if (r == 0)
    r = copy(route->proxy->password, &p->password);
  p->port = to->port;
  return r;
}

static int open_below(struct um_proxied *p, const struct um_filter_ops *own,
                      const struct um_route *route,
                      const struct um_chain *below,
                      const struct um_stream_up *up, void *up_arg) {
  struct um_server proxy = {.host = route->proxy->host,
                            .port = route->proxy->port};
  struct um_route to_proxy = *route;
  to_proxy.servers = &proxy;
  to_proxy.n_servers = 1;
  return um_filter_init(&p->f, own, UVMQTT_PHASE_PROXY, &to_proxy, below, up,
                        up_arg);
}

int um_proxied_new(size_t size, const struct um_filter_ops *own,
                   const struct um_route *route, const struct um_chain *below,
                   const struct um_stream_up *up, void *up_arg,
                   struct um_stream **ret) {
  struct um_proxied *p = um_calloc(1, size);
  if (p == NULL)
    return UV_ENOMEM;
  p->server = route->turn % route->n_servers;
  int r = copy_all(p, route);
  if (r == 0)
    r = open_below(p, own, route, below, up, up_arg);
  if (r) {
    own->done(&p->f);
    um_free(p);
    return r;
  }
  *ret = &p->f.stream;
  return 0;
}
