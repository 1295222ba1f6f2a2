/* net/address.h: socket addresses to try, and what they look like. */
#ifndef UM_NET_ADDRESS_H
#define UM_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct um_address {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } u;
};

/* "192.0.2.1", "::1", "fe80::1%eth0", "fe80::1%2". UV_EINVAL: not numeric.
 * UV_ENODEV: numeric, but its zone is none of this machine's interfaces. */
int um_address_parse(const char *host, uint16_t port, struct um_address *ret);

/* The first max of what was found, families taking turns beginning with that
 * of the first [RFC 8305, 4]. Returns how many. */
size_t um_address_order(const struct addrinfo *found, struct um_address *ret,
                        size_t max);

void um_address_set_port(struct um_address *a, uint16_t port);

/* "192.0.2.1:1883", "[fe80::1%eth0]:1883" */
void um_address_print(const struct um_address *a, char *ret, size_t size);

bool um_address_is_loopback(const struct um_address *a);

#endif
