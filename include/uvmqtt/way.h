/* uvmqtt/way.h: values that describe the way to a server. */
#ifndef UVMQTT_WAY_H
#define UVMQTT_WAY_H

#include <uvmqtt/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One line of an HTTP request. name is a token (RFC 9110, 5.6.2), value has no
 * control characters but tabs, so no CR, LF or NUL can come in. The names that
 * the WebSocket handshake speaks itself are not yours: Host, Connection,
 * Upgrade, Content-Length, Transfer-Encoding and all that begin with
 * Sec-WebSocket-. The lines of one call or option have at most 32,000 bytes in
 * all. Anything else is UVMQTT_EHEADER, and nothing is sent. */
typedef struct uvmqtt_header_s {
  const char *name;
  const char *value;
} uvmqtt_header_t;

#ifdef __cplusplus
}
#endif

#endif
