/* net/tcp.h: a stream over TCP. Resolves with uv_getaddrinfo (numeric hosts do
 * not), tries every address in turn. */
#ifndef UM_NET_TCP_H
#define UM_NET_TCP_H

#include "net/route.h"

/* 0 or UV_ENOMEM; keeps nothing of route but the read buffer. */
um_layer um_tcp_new;

#endif
