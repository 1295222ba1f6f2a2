/* net/tunnel.h: a layer through an HTTP proxy by CONNECT (RFC 9110, 9.3.6),
 * without authentication or with the scheme Basic. */
#ifndef UM_NET_TUNNEL_H
#define UM_NET_TUNNEL_H

#include "net/route.h"

um_layer um_tunnel_new;

#endif
