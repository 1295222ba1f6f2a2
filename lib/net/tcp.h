/* net/tcp.h: a stream over TCP, to whichever of the route's servers and
 * addresses answers first (net/race.h). */
#ifndef UM_NET_TCP_H
#define UM_NET_TCP_H

#include "net/route.h"

/* 0 or UV_ENOMEM; keeps the hosts, and until it is connected what route says
 * must live that long. */
um_layer um_tcp_new;

#endif
