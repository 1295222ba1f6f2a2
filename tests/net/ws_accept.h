/* net/ws_accept.h: what a server answers to a WebSocket key. */
#ifndef NET_WS_ACCEPT_H
#define NET_WS_ACCEPT_H

#include "base/buf.h"

/* To the request in these bytes; *ret_accept has 29 bytes. False: the key has
 * not come yet. */
bool ws_accept_to(const struct um_buf *said, char *ret_accept);

#endif
