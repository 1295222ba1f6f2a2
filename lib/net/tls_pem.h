/* net/tls_pem.h: PEM read to its end, with an error for each way it can be
 * wrong. Part of TLS; under the lock. */
#ifndef UM_NET_TLS_PEM_H
#define UM_NET_TLS_PEM_H

#include "net/tls_config.h"

/* All certificates of a source, at least one. 0, UVMQTT_ETLSCONFIG, UV_ENOMEM.
 * The caller frees with sk_X509_pop_free. */
int um_tls_read_certs(uvmqtt_tls_t *tls, struct um_tls_source *s,
                      STACK_OF(X509) * *ret);
/* The revocation lists, at least one, into the store. */
int um_tls_read_crls(uvmqtt_tls_t *tls, struct um_tls_source *s,
                     X509_STORE *store);
/* The private key. */
int um_tls_read_key(uvmqtt_tls_t *tls, struct um_tls_source *s, EVP_PKEY **ret);

#endif
