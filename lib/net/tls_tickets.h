/* net/tls_tickets.h: sessions of earlier connections, to resume them. Found by
 * host, port, and the name and generation of the context by which it was
 * verified. The owner locks. Part of TLS. */
#ifndef UM_NET_TLS_TICKETS_H
#define UM_NET_TLS_TICKETS_H

#include "base/list.h"
#include <openssl/ssl.h>
#include <stdint.h>

#define UM_TLS_TICKETS_MAX 64u

struct um_tls_tickets {
  struct um_list list; /* the newest last */
  size_t n;
};

struct um_tls_ticket_key {
  const char *host; /* where to */
  uint16_t port;
  const char *name; /* that was verified */
  uint64_t generation;
};

void um_tls_tickets_init(struct um_tls_tickets *t);
void um_tls_tickets_clear(struct um_tls_tickets *t);
/* Takes the reference when it returns true; else no memory. The oldest gives
 * way. */
bool um_tls_tickets_put(struct um_tls_tickets *t,
                        const struct um_tls_ticket_key *key,
                        SSL_SESSION *session);
/* The newest that fits, for the caller alone; NULL: none. One of TLS 1.3 is
 * used once, so that nobody can link connections by it; of others the caller
 * gets a copy, as a handshake writes to its session and another thread may be
 * in one, too. */
SSL_SESSION *um_tls_tickets_take(struct um_tls_tickets *t,
                                 const struct um_tls_ticket_key *key);
/* What was taken was of no use. */
void um_tls_tickets_forget(struct um_tls_tickets *t,
                           const SSL_SESSION *session);

#endif
