/* net/tls_staple.h: an OCSP response that the server must have stapled. Part of
 * TLS. */
#ifndef UM_NET_TLS_STAPLE_H
#define UM_NET_TLS_STAPLE_H

#include <openssl/ssl.h>

/* For SSL_CTX_set_tlsext_status_cb. */
int um_tls_on_staple(SSL *ssl, void *arg);

#endif
