/* net/proxy.h: what the layers that go through a proxy share. The layer lies
 * directly on the socket, which is connected to the proxy instead of the
 * server, and asks the proxy for the one of the route's servers whose turn it
 * is. */
#ifndef UM_NET_PROXY_H
#define UM_NET_PROXY_H

#include "net/filter.h"

/* The beginning of each such layer. */
struct um_proxied {
  struct um_filter f; /* first */
  size_t server;      /* of the route's */
  char *host;
  uint16_t port;
  char *username, *password; /* NULL: none, or not needed any more */
};

/* size is that of the struct that begins with a struct um_proxied. own->done
 * must call um_proxied_done, also when this fails. */
int um_proxied_new(size_t size, const struct um_filter_ops *own,
                   const struct um_route *route, const struct um_chain *below,
                   const struct um_stream_up *up, void *up_arg,
                   struct um_stream **ret);
void um_proxied_done(struct um_filter *f);

/* The proxy has made the connection. */
void um_proxied_connected(struct um_proxied *p);
/* The attempt is over; in words as um_filter_explain. */
void um_proxied_failed(struct um_proxied *p, int code, int status,
                       const char *text, const char *more);
/* They were said, and are needed no more. */
void um_proxied_forget(struct um_proxied *p);

#endif
