#include "secret.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 86400 };

static void must(bool good, const char *what) {
  if (good)
    return;
  fprintf(stderr, "sink: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void name(X509 *cert) {
  X509_NAME *n = X509_get_subject_name(cert);
  X509_EXTENSION *e =
      X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
  must(e != NULL, "subjectAltName");
  X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC,
                             (const unsigned char *)"sink", -1, -1, 0);
  X509_set_issuer_name(cert, n);
  X509_add_ext(cert, e, -1);
  X509_EXTENSION_free(e);
}

/* Its own root. */
static X509 *certify(EVP_PKEY *key) {
  X509 *cert = X509_new();
  must(key != NULL && cert != NULL, "certificate");
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -DAY);
  X509_gmtime_adj(X509_getm_notAfter(cert), DAY);
  name(cert);
  X509_set_pubkey(cert, key);
  must(X509_sign(cert, key, EVP_sha256()) > 0, "X509_sign");
  return cert;
}

static char *pem_of(X509 *cert) {
  char *data;
  BIO *b = BIO_new(BIO_s_mem());
  must(PEM_write_bio_X509(b, cert) == 1, "PEM");
  size_t n = (size_t)BIO_get_mem_data(b, &data);
  char *text = calloc(1, n + 1);
  must(text != NULL, "memory");
  memcpy(text, data, n);
  BIO_free(b);
  return text;
}

SSL_CTX *secret_new(char **ret_pem) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = certify(key);
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  must(SSL_CTX_use_certificate(ctx, cert) == 1 &&
           SSL_CTX_use_PrivateKey(ctx, key) == 1,
       "SSL_CTX");
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  *ret_pem = pem_of(cert);
  X509_free(cert);
  EVP_PKEY_free(key);
  return ctx;
}

SSL *secret_accept(SSL_CTX *ctx, int fd) {
  SSL *s = SSL_new(ctx);
  must(s != NULL && SSL_set_fd(s, fd) == 1, "SSL_new");
  SSL_set_accept_state(s);
  return s;
}

int secret_recv(SSL *s, void *to, int size) {
  int n = SSL_read(s, to, size); /* shakes hands first */
  bool later = n <= 0 && SSL_get_error(s, n) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  return later ? 0 : n <= 0 ? -1 : n;
}

bool secret_send(SSL *s, const void *data, int len) {
  bool sent = SSL_write(s, data, len) == len;
  ERR_clear_error();
  return sent;
}
