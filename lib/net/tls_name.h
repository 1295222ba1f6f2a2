/* net/tls_name.h: names of hosts, as certificates and SNI want them. Part of
 * TLS. */
#ifndef UM_NET_TLS_NAME_H
#define UM_NET_TLS_NAME_H

#include <stdbool.h>

bool um_tls_is_address(const char *host);
/* A copy without the dot at the end of a name or the zone of an address; NULL:
 * no memory. */
char *um_tls_name_of(const char *host);

#endif
