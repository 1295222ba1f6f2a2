#include "net/route.h"

#include "net/pipe.h"
#include "net/proxy.h"
#include "net/socks5.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "net/tunnel.h"
#include "net/ws.h"
#include <assert.h>
#include <string.h>

struct um_chain {
  um_layer *layers[UM_LAYERS_MAX]; /* the socket first */
  size_t n;
};

static um_layer *const transports[][UM_LAYERS_MAX] = {
    [UM_TRANSPORT_TCP] = {um_tcp_new},
    [UM_TRANSPORT_UNIX] = {um_pipe_new},
    [UM_TRANSPORT_WS] = {um_tcp_new, um_ws_new},
    [UM_TRANSPORT_TLS] = {um_tcp_new, um_tls_layer},
    [UM_TRANSPORT_WSS] = {um_tcp_new, um_tls_layer, um_ws_new},
};

static um_layer *const proxies[] = {
    [UM_PROXY_SOCKS5] = um_socks5_new,
    [UM_PROXY_SOCKS5_LOCAL] = um_socks5_new,
    [UM_PROXY_HTTP] = um_tunnel_new,
};

static struct um_chain chain_of(const struct um_route *route) {
  struct um_chain chain = {.n = 0};
  um_layer *const *row = transports[route->transport];
  chain.layers[chain.n++] = row[0];
  if (route->proxy != NULL)
    chain.layers[chain.n++] = proxies[route->proxy->kind];
  for (size_t i = 1; i < UM_LAYERS_MAX - 1 && row[i] != NULL; i++)
    chain.layers[chain.n++] = row[i];
  return chain;
}

int um_chain_below(const struct um_route *route, const struct um_chain *chain,
                   const struct um_stream_up *up, void *up_arg,
                   struct um_stream **ret) {
  struct um_chain below = *chain;
  assert(chain->n > 0);
  below.n--;
  return chain->layers[below.n](route, &below, up, up_arg, ret);
}

int um_route_open_layers(const struct um_route *route, um_layer *const *layers,
                         size_t n, const struct um_stream_up *up, void *up_arg,
                         struct um_stream **ret) {
  struct um_chain chain = {.n = n};
  assert(n > 0 && n <= UM_LAYERS_MAX);
  memcpy(chain.layers, layers, n * sizeof *layers);
  return um_chain_below(route, &chain, up, up_arg, ret);
}

int um_route_open(const struct um_route *route, const struct um_stream_up *up,
                  void *up_arg, struct um_stream **ret) {
  struct um_chain chain = chain_of(route);
  return um_chain_below(route, &chain, up, up_arg, ret);
}

static bool has(enum um_transport transport, um_layer *layer) {
  for (size_t i = 0; i < UM_LAYERS_MAX; i++)
    if (transports[transport][i] == layer)
      return true;
  return false;
}

bool um_route_has_tls(enum um_transport transport) {
  return has(transport, um_tls_layer);
}

int um_route_check(enum um_transport transport) {
  bool missing = (has(transport, um_ws_new) && !um_ws_available) ||
                 (has(transport, um_tls_layer) && !um_tls_available);
  return missing ? UVMQTT_ENOTSUP : 0;
}
