/* net/ws.h: a WebSocket to the server (RFC 6455), a layer over TCP or TLS.
 * Whatever the owner writes is one binary frame; the payload of what comes is
 * handed up where it lies. ws_none.c stands in where the library was built
 * without: um_ws_new is UVMQTT_ENOTSUP then. */
#ifndef UM_NET_WS_H
#define UM_NET_WS_H

#include "net/route.h"
#include <uvmqtt/way.h>

/* What um_route.ws tells. Legal by um_http_legal_path and ..._header. */
struct um_ws_options {
  const char *path;        /* "/mqtt"; NULL: that of um_server */
  uint16_t usual_port;     /* of the scheme: left out of Host */
  const char *subprotocol; /* "mqtt"; must come back */
  bool lenient;            /* the server need not name a sub-protocol */
  bool plain_logins;       /* headers like Authorization may go in clear text
                              to other machines; else UVMQTT_EINSECURE */
  bool no_logins;          /* those of `headers` are left out */
  const uvmqtt_header_t *headers;
  size_t n_headers;
  /* NULL, or asked for more headers once per connection, when all below is up;
   * from the loop. The answer is um_ws_answer, inside or later. */
  void (*ask)(void *arg);
  void *arg;
};

um_layer um_ws_new; /* copies what it needs */

/* Once after each question, from anywhere: the handshake goes on with these
 * headers, or ends with a negative status. Calls nobody up. UV_EALREADY: it
 * was not asked, or has an answer; UV_ENOMEM leaves the question open. */
int um_ws_answer(struct um_stream *s, const uvmqtt_header_t *headers, size_t n,
                 int status);

extern const bool um_ws_available;

#endif
