/* From settings to an SSL_CTX, when a connection needs one. */
#include "net/tls.h"
#include "net/tls_config.h"
#include "net/tls_staple.h"
#include "net/tls_verify.h"
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define SECURITY_LEVEL 2
/* In 1.3 a shared key belongs to a hash, SHA-256; a server that took a suite
 * with another one could not use the key. */
#define WITH_PSK "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"

/* Callbacks. */

static unsigned on_psk(SSL *ssl, const char *hint, char *identity,
                       unsigned identity_size, unsigned char *key,
                       unsigned key_size) {
  const struct um_tls_trial *t = SSL_get_app_data(ssl);
  uvmqtt_tls_t *tls = t->config;
  unsigned n = 0;
  (void)hint;
  uv_mutex_lock(&tls->lock);
  const struct um_tls_psk *psk = &tls->psk;
  if (psk->identity != NULL && psk->len <= key_size &&
      strlen(psk->identity) < identity_size) {
    memcpy(identity, psk->identity, strlen(psk->identity) + 1);
    memcpy(key, psk->key, psk->len);
    n = (unsigned)psk->len;
  }
  uv_mutex_unlock(&tls->lock);
  return n;
}

static int on_session(SSL *ssl, SSL_SESSION *session) {
  const struct um_tls_trial *t = SSL_get_app_data(ssl);
  return um_tls_trial_keep(t, session);
}

static void on_keylog(const SSL *ssl, const char *line) {
  const struct um_tls_trial *t = SSL_get_app_data(ssl);
  char text[512];
  int len = snprintf(text, sizeof text, "%s\n", line);
  uv_mutex_lock(&t->config->lock);
  if (t->config->keylog != NULL && len < (int)sizeof text)
    BIO_write(t->config->keylog, text, len);
  uv_mutex_unlock(&t->config->lock);
}

/* Steps. Each is 0, UV_ENOMEM, or UVMQTT_ETLSCONFIG. */

static int set_versions(uvmqtt_tls_t *tls, SSL_CTX *ctx) {
  uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
  SSL_CTX_set_options(ctx, options);
  SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (tls->low_memory)
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_set_min_proto_version(ctx, tls->min_version) != 1 ||
      SSL_CTX_set_max_proto_version(ctx, tls->max_version) != 1)
    return um_tls_wrong(tls, "OpenSSL does not have these TLS versions");
  return 0;
}

/* A list may lower the level, so it comes after. */
static int set_ciphers(uvmqtt_tls_t *tls, SSL_CTX *ctx) {
  const char *suites = tls->ciphersuites;
  if (suites == NULL && tls->psk.identity != NULL)
    suites = WITH_PSK;
  if (SSL_CTX_get_security_level(ctx) < SECURITY_LEVEL)
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
  if (tls->ciphers != NULL && um_tls_use_ciphers(ctx, tls->ciphers) != 1)
    return um_tls_wrong(tls, "OpenSSL does not take the cipher list");
  if (suites != NULL && SSL_CTX_set_ciphersuites(ctx, suites) != 1)
    return um_tls_wrong(tls, "OpenSSL does not take the cipher suites");
  return 0;
}

static int use_identity(uvmqtt_tls_t *tls, SSL_CTX *ctx,
                        const struct um_tls_identity *id) {
  if (SSL_CTX_use_cert_and_key(ctx, id->cert, id->key, id->chain, 1) == 1)
    return 0;
  return um_tls_wrong(tls, "OpenSSL does not take the certificate in %s",
                      um_tls_source_name(&id->cert_source));
}

static int set_identity(uvmqtt_tls_t *tls, SSL_CTX *ctx) {
  if (tls->identity.cert == NULL)
    return 0;
  return use_identity(tls, ctx, &tls->identity);
}

static int set_trust(uvmqtt_tls_t *tls, SSL_CTX *ctx) {
  int r = tls->trust.store == NULL ? um_tls_trust_make(tls) : 0;
  if (r)
    return r;
  SSL_CTX_set1_cert_store(ctx, tls->trust.store);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_cert_verify_callback(ctx, um_tls_on_verify, NULL);
  return 0;
}

static int set_extras(uvmqtt_tls_t *tls, SSL_CTX *ctx) {
  if (tls->alpn_len > 0 &&
      SSL_CTX_set_alpn_protos(ctx, tls->alpn, (unsigned)tls->alpn_len))
    return UV_ENOMEM;
  if (tls->psk.identity != NULL)
    SSL_CTX_set_psk_client_callback(ctx, on_psk);
  if (tls->keylog != NULL)
    SSL_CTX_set_keylog_callback(ctx, on_keylog);
  if (tls->staple) {
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
    SSL_CTX_set_tlsext_status_cb(ctx, um_tls_on_staple);
  }
  return 0;
}

/* Tickets of TLS 1.3 come after the handshake, so only the callback sees them
 * all; OpenSSL's own cache does not know hosts. */
static int set_sessions(uvmqtt_tls_t *tls, SSL_CTX *ctx) {
  if (!tls->resumption) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return 0;
  }
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                          SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_session);
  return 0;
}

typedef int step(uvmqtt_tls_t *tls, SSL_CTX *ctx);

static int build(uvmqtt_tls_t *tls, step *const *steps, SSL_CTX **ret) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  int r = ctx == NULL ? UV_ENOMEM : 0;
  for (; r == 0 && *steps != NULL; steps++)
    r = (*steps)(tls, ctx);
  if (r)
    SSL_CTX_free(ctx);
  else
    *ret = ctx;
  return r;
}

int um_tls_try_identity(uvmqtt_tls_t *tls, const struct um_tls_identity *id) {
  static step *const steps[] = {set_versions, set_ciphers, NULL};
  SSL_CTX *ctx;
  int r = build(tls, steps, &ctx);
  if (r)
    return r;
  r = use_identity(tls, ctx, id);
  SSL_CTX_free(ctx);
  return r;
}

static int make_context(uvmqtt_tls_t *tls) {
  static step *const steps[] = {set_versions, set_ciphers, set_identity,
                                set_trust,    set_extras,  set_sessions,
                                NULL};
  int r = build(tls, steps, &tls->ctx);
  if (r)
    return r;
  tls->generation++;
  um_tls_tickets_clear(&tls->tickets);
  return 0;
}

/* What cannot be read leaves what was read before; the next connect tries
 * again. */
static void reload(uvmqtt_tls_t *tls) {
  bool changed = false;
  int r = um_tls_identity_reload(tls, &changed);
  int also = um_tls_trust_reload(tls, &changed);
  tls->reload_failed = r != 0 || also != 0;
  if (!changed)
    return;
  SSL_CTX_free(tls->ctx);
  tls->ctx = NULL;
}

static int prepare(uvmqtt_tls_t *tls) {
  int r = 0;
  ERR_clear_error();
  if (!tls->wrapped)
    reload(tls);
  if (tls->ctx == NULL)
    r = make_context(tls);
  ERR_clear_error();
  return r;
}

int um_tls_prepare(uvmqtt_tls_t *tls) {
  uv_mutex_lock(&tls->lock);
  int r = prepare(tls);
  uv_mutex_unlock(&tls->lock);
  return r;
}

static struct um_tls_terms terms_of(const uvmqtt_tls_t *tls) {
  return (struct um_tls_terms){.generation = tls->generation,
                               .verify = tls->verify,
                               .staple = tls->staple,
                               .resumption = tls->resumption,
                               .shares_key = tls->psk.identity != NULL,
                               .n_pins = tls->n_pins};
}

/* What the caller has set up after he had it wrapped counts, too. Under another
 * verify mode nothing is resumed. */
static struct um_tls_terms terms_of_wrapped(SSL_CTX *ctx) {
  bool verify = SSL_CTX_get_verify_mode(ctx) != SSL_VERIFY_NONE;
  return (struct um_tls_terms){
      .generation = verify,
      .verify = verify,
      .resumption = SSL_CTX_get_session_cache_mode(ctx) != SSL_SESS_CACHE_OFF,
      .shares_key = true};
}

SSL_CTX *um_tls_acquire(uvmqtt_tls_t *tls, struct um_tls_terms *ret_terms,
                        int *ret_code, char *text, size_t size) {
  SSL_CTX *ctx = NULL;
  uv_mutex_lock(&tls->lock);
  *ret_code = prepare(tls);
  if (*ret_code == 0) {
    ctx = tls->ctx;
    SSL_CTX_up_ref(ctx);
    *ret_terms = tls->wrapped ? terms_of_wrapped(ctx) : terms_of(tls);
  } else {
    snprintf(text, size, "%s", tls->error);
  }
  uv_mutex_unlock(&tls->lock);
  return ctx;
}

unsigned um_tls_warnings(uvmqtt_tls_t *tls) {
  unsigned w = 0;
  uv_mutex_lock(&tls->lock);
  if (um_tls_source_exposed(&tls->identity.key_source))
    w |= UM_TLS_KEY_EXPOSED;
  if (tls->reload_failed)
    w |= UM_TLS_RELOAD;
  uv_mutex_unlock(&tls->lock);
  return w;
}
