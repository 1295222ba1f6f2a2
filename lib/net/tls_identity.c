/* The client's own certificate and key. */
#include "base/alloc.h"
#include "net/tls_pem.h"
#include <string.h>

void um_tls_identity_done(struct um_tls_identity *id) {
  um_tls_source_done(&id->cert_source);
  um_tls_source_done(&id->key_source);
  X509_free(id->cert);
  sk_X509_pop_free(id->chain, X509_free);
  EVP_PKEY_free(id->key);
  memset(id, 0, sizeof *id);
}

static long days_between(const ASN1_TIME *from, const ASN1_TIME *to) {
  int days = 0, seconds = 0;
  ASN1_TIME_diff(&days, &seconds, from, to); /* NULL is now */
  return days;
}

static int check_times(uvmqtt_tls_t *tls, const struct um_tls_identity *id) {
  const ASN1_TIME *begin = X509_get0_notBefore(id->cert);
  const ASN1_TIME *end = X509_get0_notAfter(id->cert);
  const char *name = um_tls_source_name(&id->cert_source);
  if (X509_cmp_current_time(end) < 0)
    return um_tls_wrong(tls, "%s: the certificate expired %ld days ago", name,
                        days_between(end, NULL));
  if (X509_cmp_current_time(begin) > 0)
    return um_tls_wrong(tls, "%s: the certificate is valid only in %ld days",
                        name, days_between(NULL, begin));
  return 0;
}

static int check_match(uvmqtt_tls_t *tls, const struct um_tls_identity *id) {
  if (X509_check_private_key(id->cert, id->key) == 1)
    return 0;
  return um_tls_wrong(tls,
                      "the key in %s belongs to another certificate than "
                      "that in %s",
                      um_tls_source_name(&id->key_source),
                      um_tls_source_name(&id->cert_source));
}

/* Without a key of its own the key is in the certificate's source. */
static int read_identity(uvmqtt_tls_t *tls, struct um_tls_identity *id) {
  int r = um_tls_read_certs(tls, &id->cert_source, &id->chain);
  if (r == 0)
    id->cert = sk_X509_shift(id->chain);
  if (r == 0)
    r = um_tls_read_key(tls, &id->key_source, &id->key);
  if (r == 0)
    r = check_match(tls, id);
  if (r == 0)
    r = check_times(tls, id);
  return r;
}

static int make(uvmqtt_tls_t *tls, const char *cert, const char *key,
                struct um_tls_identity *ret) {
  memset(ret, 0, sizeof *ret);
  int r = um_tls_source_init(&ret->cert_source, cert, false);
  if (r == 0)
    r = um_tls_source_init(&ret->key_source, key, true);
  if (r == 0)
    r = read_identity(tls, ret);
  if (r)
    um_tls_identity_done(ret);
  return r;
}

static int replace(uvmqtt_tls_t *tls, const char *cert, const char *key) {
  struct um_tls_identity new;
  int r = make(tls, cert, key, &new);
  if (r)
    return r;
  r = um_tls_try_identity(tls, &new);
  if (r) {
    um_tls_identity_done(&new);
    return r;
  }
  um_tls_identity_done(&tls->identity);
  tls->identity = new;
  return 0;
}

int uvmqtt_tls_load_cert_chain(uvmqtt_tls_t *tls, const char *cert,
                               const char *key) {
  if (cert == NULL)
    return UV_EINVAL;
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls, replace(tls, cert, key == NULL ? cert : key));
}

int uvmqtt_tls_set_passphrase_cb(uvmqtt_tls_t *tls, uvmqtt_tls_passphrase_cb cb,
                                 void *arg) {
  int r = um_tls_begin(tls);
  if (r)
    return r;
  tls->passphrase = cb;
  tls->passphrase_arg = arg;
  return um_tls_end(tls, 0);
}

int um_tls_identity_reload(uvmqtt_tls_t *tls, bool *ret_changed) {
  const struct um_tls_identity *id = &tls->identity;
  if (!um_tls_source_changed(&id->cert_source) &&
      !um_tls_source_changed(&id->key_source))
    return 0;
  int r = replace(tls, id->cert_source.text, id->key_source.text);
  *ret_changed |= r == 0;
  return r;
}
