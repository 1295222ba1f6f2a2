/* net/tls_bio.h: OpenSSL's door to the stream: reads cipher text where it lies
 * in the shared read buffer, writes into the filter's out buffer. Part of
 * TLS. */
#ifndef UM_NET_TLS_BIO_H
#define UM_NET_TLS_BIO_H

#include "base/buf.h"
#include <openssl/bio.h>

struct um_tls_pipe {
  const uint8_t *data; /* cipher text to read ... */
  size_t len;          /* ... and how much is left of it */
  struct um_buf *out;
};

/* NULL: no memory. BIO_meth_free when the last BIO of it is gone. */
BIO_METHOD *um_tls_bio_method(void);
/* NULL: no memory. The pipe stays the caller's. */
BIO *um_tls_bio_new(BIO_METHOD *method, struct um_tls_pipe *pipe);

#endif
