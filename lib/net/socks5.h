/* net/socks5.h: a layer through a SOCKS5 proxy (RFC 1928), without
 * authentication or with user name and password (RFC 1929). With
 * UM_PROXY_SOCKS5_LOCAL a name is looked up here, once the proxy is reached;
 * each turn of the server asks for the next of its addresses. */
#ifndef UM_NET_SOCKS5_H
#define UM_NET_SOCKS5_H

#include "net/route.h"

um_layer um_socks5_new;

#endif
