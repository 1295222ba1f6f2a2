/* client/secure.h: what the client does about TLS, without knowing OpenSSL.
 * Part of the client. */
#ifndef UM_CLIENT_SECURE_H
#define UM_CLIENT_SECURE_H

#include "client/url.h"
#include <uvmqtt/options.h>

/* The context for this URL, with a reference; NULL without TLS. What takes its
 * time, such as the CAs of the system, is read here. */
int um_secure_read(const uvmqtt_options_t *o, const struct um_url *url,
                   uvmqtt_tls_t **ret);
/* 0, or UV_ENOMEM. */
int um_secure_fill(uvmqtt_t *m, struct um_route *route);
/* Connected: may credentials be told to this peer? */
bool um_secure_enough(const uvmqtt_t *m);
/* Says what the user chose, or overlooked; once for each connect. Asks the
 * user, so the client may be closing or leaving afterwards. */
void um_secure_warn(uvmqtt_t *m);

#endif
