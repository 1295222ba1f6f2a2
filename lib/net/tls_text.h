/* net/tls_text.h: OpenSSL's matters in words. Part of TLS. */
#ifndef UM_NET_TLS_TEXT_H
#define UM_NET_TLS_TEXT_H

#include <openssl/x509.h>
#include <stddef.h>

/* Adds ": " and all of this thread's OpenSSL errors, first to last, to the text
 * and empties the queue. */
void um_tls_text_errors(char *to, size_t size);
/* "CN=broker,O=...": control characters are escaped. */
void um_tls_text_subject(const X509 *cert, char *to, size_t size);
/* The DNS names and addresses it is for; the Common Name when it has none. */
void um_tls_text_names(const X509 *cert, char *to, size_t size);

#endif
