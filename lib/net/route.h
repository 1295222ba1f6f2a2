/* net/route.h: the way to a server: which layers, and what each is told.
 *
 * A transport is a row of layers, the socket first. Each layer is a stream
 * (net/stream.h) over the one below it; um_route_open makes them all and gives
 * back the highest. */
#ifndef UM_NET_ROUTE_H
#define UM_NET_ROUTE_H

#include "net/stream.h"
#include <uvmqtt/tls.h>

enum um_transport {
  UM_TRANSPORT_TCP,
  UM_TRANSPORT_UNIX,
  UM_TRANSPORT_WS,
  UM_TRANSPORT_TLS,
  UM_TRANSPORT_WSS,
};

struct um_ws_options;

enum um_proxy_kind {
  UM_PROXY_SOCKS5,       /* net/socks5.h; the proxy looks up the name */
  UM_PROXY_SOCKS5_LOCAL, /* the same; we do */
  UM_PROXY_HTTP,         /* net/tunnel.h; the proxy does */
};

/* What um_route.proxy tells; copied, and the credentials wiped once
 * said. */
struct um_proxy {
  enum um_proxy_kind kind;
  const char *host;
  uint16_t port;
  const char *username; /* NULL: none. SOCKS5: 1 to 255 bytes */
  const char *password; /* NULL is ""; SOCKS5: up to 255 bytes */
};

struct um_turns;
struct um_names;
struct um_grudges;
struct um_socket_options;

struct um_server {
  const char *host; /* with UNIX: the path, see net/pipe.h */
  uint16_t port;
  const char *path; /* of a WebSocket */
};

/* Borrowed until the stream's connect has returned, but for what a layer says
 * it keeps. */
struct um_route {
  struct um_turns *turns; /* of the loop */
  enum um_transport transport;
  const struct um_server *servers; /* in the order of the user's wish */
  size_t n_servers;
  size_t turn; /* with a proxy, which is asked for one server only: which,
                  modulo n_servers */
  uint32_t address_timeout; /* ms for each address */
  uint32_t attempt_delay;   /* ms until the next address is tried as well */
  uint32_t resolve_timeout; /* ms for each name */
  /* These until the connection stands or the stream is closed; each may be
   * NULL: no names but numbers, no memory of what failed, defaults. */
  struct um_names *names;
  struct um_grudges *grudges;
  const struct um_socket_options *socket;
  bool unref;                     /* born as after ref(s, false) */
  uv_buf_t read_buffer;           /* shared by all streams of the loop */
  const struct um_proxy *proxy;   /* NULL: none; never with UNIX */
  const struct um_ws_options *ws; /* with a WebSocket transport */
  uvmqtt_tls_t *tls;              /* with a TLS transport */
  uv_buf_t scratch; /* UM_TLS_SCRATCH, shared too; with a TLS transport */
};

/* What is left of a route below a layer. */
struct um_chain;

/* Makes one layer, which makes what is below it with um_chain_below. */
typedef int um_layer(const struct um_route *route, const struct um_chain *below,
                     const struct um_stream_up *up, void *up_arg,
                     struct um_stream **ret);

/* 0, or a negative code; nothing was opened then. Opens no handle before
 * connect. */
int um_route_open(const struct um_route *route, const struct um_stream_up *up,
                  void *up_arg, struct um_stream **ret);
/* The same of these layers, the socket first: for tests, and for ways that are
 * no row of the table. */
#define UM_LAYERS_MAX 6u
int um_route_open_layers(const struct um_route *route, um_layer *const *layers,
                         size_t n, const struct um_stream_up *up, void *up_arg,
                         struct um_stream **ret);
bool um_route_has_tls(enum um_transport transport);
/* 0, or UVMQTT_ENOTSUP: the library was built without. */
int um_route_check(enum um_transport transport);
int um_chain_below(const struct um_route *route, const struct um_chain *chain,
                   const struct um_stream_up *up, void *up_arg,
                   struct um_stream **ret);

#endif
