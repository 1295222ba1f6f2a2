/* scale/secret.h: the sink's end of TLS, on sockets that do not block. */
#ifndef SCALE_SECRET_H
#define SCALE_SECRET_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/* A server for 127.0.0.1; *ret_pem is the root that clients shall trust, for
 * the caller to free. Exits on failure. */
SSL_CTX *secret_new(char **ret_pem);

SSL *secret_accept(SSL_CTX *ctx, int fd);
/* The next bytes the client said, 0 when there are none now; handshakes on the
 * way. Negative: it is over. */
int secret_recv(SSL *s, void *to, int size);
bool secret_send(SSL *s, const void *data, int len);

#endif
