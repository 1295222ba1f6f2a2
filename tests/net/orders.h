/* net/orders.h: the orders in which a stream is closed, by its owner and by a
 * host that closes every handle of the loop. Each leaves it closed. */
#ifndef NET_ORDERS_H
#define NET_ORDERS_H

#include "rig.h"

#define ORDERS 9
extern void (*const orders[ORDERS])(struct rig *r);

#endif
