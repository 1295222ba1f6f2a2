/* net/tls_config.h: what a TLS context consists of. Part of TLS.
 *
 * The user's settings lie beside the SSL_CTX that is made of them when a
 * connection needs one (tls_context.c), and anew when settings or files have
 * changed. All of it is under the lock: any thread may come. */
#ifndef UM_NET_TLS_CONFIG_H
#define UM_NET_TLS_CONFIG_H

#include "net/tls_source.h"
#include "net/tls_tickets.h"
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <uv.h>
#include <uvmqtt/error.h>
#include <uvmqtt/tls.h>

#define UM_TLS_ERROR_TEXT 512u
#define UM_TLS_PIN 32u

/* Trusted certificates and revocation lists: tls_trust.c. */
struct um_tls_trust {
  struct um_tls_source *cas, *crls;
  size_t n_cas, n_crls;
  bool crl_chain;
  bool torn; /* some of it was read and could not be used: read it again */
  X509_STORE *store; /* of all of them, or of the system; NULL: not made */
};

/* The client's own certificate: tls_identity.c. */
struct um_tls_identity {
  struct um_tls_source cert_source, key_source;
  X509 *cert; /* NULL: none */
  STACK_OF(X509) * chain;
  EVP_PKEY *key;
};

struct um_tls_psk {
  char *identity; /* NULL: none */
  uint8_t *key;
  size_t len;
};

struct uvmqtt_tls_s {
  atomic_uint refs;
  bool is_default; /* of the process: tls_default.c */
  uv_mutex_t lock; /* of all that follows */
  char error[UM_TLS_ERROR_TEXT];

  bool verify;
  struct um_tls_trust trust;
  struct um_tls_identity identity;
  uvmqtt_tls_passphrase_cb passphrase;
  void *passphrase_arg;
  bool passphrase_asked; /* for, by the key read last */
  uint8_t (*pins)[UM_TLS_PIN];
  size_t n_pins;
  bool staple;
  uint8_t *alpn; /* as on the wire */
  size_t alpn_len;
  int min_version, max_version;
  char *ciphers, *ciphersuites; /* NULL: default */
  struct um_tls_psk psk;
  char *server_name; /* NULL: the URL's */
  BIO *keylog;
  bool resumption;
  bool low_memory;

  BIO_METHOD *bio; /* tls_bio.c */
  SSL_CTX *ctx;    /* NULL: not made, or settings have changed */
  bool wrapped;    /* ctx is the caller's */
  uint64_t
      generation; /* of ctx: what one has verified is no news to the next */
  struct um_tls_tickets tickets;
  bool reload_failed;
};

/* Around every call that changes something. begin: 0, and the lock is held,
 * or the error. end: notes that there is something new when r is 0, returns
 * r. */
int um_tls_begin(uvmqtt_tls_t *tls);
int um_tls_end(uvmqtt_tls_t *tls, int r);
/* Under the lock: keeps the text, with OpenSSL's errors added; returns
 * UVMQTT_ETLSCONFIG. */
int um_tls_wrong(uvmqtt_tls_t *tls, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void um_tls_config_done(uvmqtt_tls_t *tls);
void um_tls_default_free(uvmqtt_tls_t *tls);

/* A peer without a certificate proves nothing, whatever the user's list
 * says. 1 or 0, as OpenSSL does. */
#define UM_TLS_NEVER ":!aNULL:!eNULL"
int um_tls_use_ciphers(SSL_CTX *ctx, const char *list);

/* Under the lock. 0, UV_ENOMEM or UVMQTT_ETLSCONFIG, and then nothing has
 * changed. A reload does nothing unless a file has changed; *ret_changed is set
 * when it was read. */
int um_tls_trust_make(uvmqtt_tls_t *tls);
int um_tls_trust_reload(uvmqtt_tls_t *tls, bool *ret_changed);
void um_tls_trust_done(struct um_tls_trust *t);
int um_tls_identity_reload(uvmqtt_tls_t *tls, bool *ret_changed);
void um_tls_identity_done(struct um_tls_identity *id);
void um_tls_psk_done(struct um_tls_psk *psk);

/* Would OpenSSL use it under the settings of now? */
int um_tls_try_identity(uvmqtt_tls_t *tls, const struct um_tls_identity *id);

/* What counts for a connection from its begin to its end; what is changed
 * meanwhile is for the next one. */
struct um_tls_terms {
  uint64_t generation;
  bool verify;
  bool staple;
  bool resumption;
  bool shares_key; /* so that a certificate may be missing */
  size_t n_pins;   /* the first ones: none is ever taken away */
};

/* The SSL_CTX for a connection that begins now, with one reference for the
 * caller. NULL: *ret_code and, in text, why. */
SSL_CTX *um_tls_acquire(uvmqtt_tls_t *tls, struct um_tls_terms *ret_terms,
                        int *ret_code, char *text, size_t size);

#endif
