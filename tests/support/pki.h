/* support/pki.h: certificates, made when a test needs them. */
#ifndef SUPPORT_PKI_H
#define SUPPORT_PKI_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* What is left out: an EC key, SHA-256, valid from yesterday to the day after
 * tomorrow, an end of a chain. */
struct pki_wish {
  const char *cn;
  const char *san; /* "DNS:localhost,IP:127.0.0.1" */
  bool nul_name;   /* a DNS name "localhost\0.evil" instead */
  bool ca;
  int begin, end; /* days from now; both 0: as above */
  int rsa_bits;
  const char *digest;
  EVP_PKEY *key; /* this one; a reference is taken */
};

struct pki {
  X509 *cert;
  EVP_PKEY *key;
  char *pem, *key_pem;
};

/* issuer NULL: self-signed. */
struct pki pki_make(const struct pki_wish *wish, const struct pki *issuer);
void pki_done(struct pki *p);

/* A root, and what it signed for localhost and 127.0.0.1. */
struct pki pki_ca(const char *cn);
struct pki pki_server(const struct pki *ca);

/* The PEM of its key without the planted line before it, which libwebsockets in
 * mosquitto does not skip. */
const char *pki_plain_key(const struct pki *p);
/* PEM of the key, encrypted; for the caller to free. */
char *pki_encrypted_key(const struct pki *p, const char *passphrase);
/* PEM of a list, with the certificate or with nobody on it; valid until day
 * `end`. */
char *pki_crl(const struct pki *ca, const X509 *revoked, int end);
/* The SHA-256 of the public key in hex. */
void pki_pin(const struct pki *p, char ret[65]);

/* A file in a directory of the test's own, made at first use; pki_files_done
 * removes all. The path is static memory for a few calls. */
const char *pki_file(const char *name, const char *text);
void pki_files_done(void);

#endif
