/* net/tls_verify.h: is the peer who it should be, and what to say when it is
 * not. Part of TLS. */
#ifndef UM_NET_TLS_VERIFY_H
#define UM_NET_TLS_VERIFY_H

#include "net/fault.h"
#include "net/tls_config.h"

/* What OpenSSL's callbacks need to know of a connection: SSL_get_app_data. */
struct um_tls_trial {
  uvmqtt_tls_t *config;
  struct um_tls_terms terms;
  struct um_tls_ticket_key key; /* where tickets go; host NULL: nowhere */
  int code;                     /* what was wrong; 0: nothing found */
  struct um_fault fault;
};

void um_tls_trial_init(struct um_tls_trial *t, uvmqtt_tls_t *config);

/* For SSL_CTX_set_cert_verify_callback and SSL_set_info_callback. */
int um_tls_on_verify(X509_STORE_CTX *x, void *arg);
/* For SSL_set_verify, where an SSL_CTX of the caller's own judges: asks that
 * one's callback, and notes what it refuses. */
int um_tls_on_their_verdict(int good, X509_STORE_CTX *x);
void um_tls_on_info(const SSL *ssl, int where, int value);

/* An operation failed: completes the fault from OpenSSL's queue, empties that,
 * and returns the code for it. */
int um_tls_trial_failed(struct um_tls_trial *t, const SSL *ssl);
/* Ends it with this code and these words. */
int um_tls_trial_fail(struct um_tls_trial *t, int code, const char *text);

/* For later connections. Takes the reference when it returns true. */
bool um_tls_trial_keep(const struct um_tls_trial *t, SSL_SESSION *session);

/* The handshake is over: may anything be said to this peer? 0, or the code. */
int um_tls_trial_end(struct um_tls_trial *t, const SSL *ssl,
                     bool *ret_verified);

#endif
