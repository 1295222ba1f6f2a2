/* client/way.h: what the user said about the way to the server beyond its URL.
 * Part of the client. */
#ifndef UM_CLIENT_WAY_H
#define UM_CLIENT_WAY_H

#include "client/hints.h"
#include "client/url.h"
#include "net/route.h"
#include "net/ws.h"
#include <uvmqtt/options.h>

struct um_way {
  struct um_url proxy; /* memory is NULL: none */
  enum um_proxy_kind proxy_kind;
  uint32_t turn; /* which server, and address of it, the proxy is asked for */
  char *ws_path; /* NULL: as in the URL */
  bool ws_lenient;
  uvmqtt_header_t *headers; /* copies */
  size_t n_headers;
  uvmqtt_ws_headers_cb on_ws_headers;
  uint64_t question; /* the latest of its */
};

/* NULL when the user said nothing. The errors of uvmqtt_new; *ret needs
 * um_way_done in any case. */
int um_way_read(const uvmqtt_options_t *o, const struct um_url *url,
                struct um_way **ret);
void um_way_done(struct um_way *w); /* wipes; NULL is fine */
/* Headers and path, the one or the other, are from now on those of *from, where
 * there is nothing else; NULL: none. Cannot fail. */
void um_way_change(struct um_way **own, struct um_way **from, bool headers,
                   bool path);

/* An attempt, or a connection that did not last, ended: the next one takes
 * another server. */
void um_way_failed(uvmqtt_t *m);

/* Whom the stream is about to reach, see hints.h. */
enum um_hint_peer um_way_peer(const uvmqtt_t *m);

/* The part of a route that is ours; *ret must live as long as it. */
struct um_way_route {
  struct um_ws_options ws;
  struct um_proxy proxy;
};
void um_way_fill(uvmqtt_t *m, const struct um_url *to, struct um_route *route,
                 struct um_way_route *ret);

#endif
