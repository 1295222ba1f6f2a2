#include "net/tls_verify.h"

#include "net/tls_pins.h"
#include "net/tls_text.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

void um_tls_trial_init(struct um_tls_trial *t, uvmqtt_tls_t *config) {
  memset(t, 0, sizeof *t);
  t->config = config;
  t->fault.alert = -1;
}

int um_tls_trial_fail(struct um_tls_trial *t, int code, const char *text) {
  t->code = code;
  snprintf(t->fault.text, sizeof t->fault.text, "%s", text);
  return code;
}

/* At least one when it has expired at all. */
static long expired_days(const X509 *cert) {
  int days = 0, seconds = 0;
  if (X509_cmp_current_time(X509_get0_notAfter(cert)) >= 0)
    return 0;
  ASN1_TIME_diff(&days, &seconds, X509_get0_notAfter(cert), NULL);
  return days > 0 ? days : 1;
}

static void describe(struct um_fault *f, const X509 *cert) {
  um_tls_text_subject(cert, f->subject, sizeof f->subject);
  if (f->verify_code == X509_V_ERR_CERT_HAS_EXPIRED)
    f->expired_days = expired_days(cert);
}

static bool is_name_error(int verify_code) {
  return verify_code == X509_V_ERR_HOSTNAME_MISMATCH ||
         verify_code == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

static void refuse(struct um_tls_trial *t, X509_STORE_CTX *x) {
  struct um_fault *f = &t->fault;
  const X509 *own = X509_STORE_CTX_get0_cert(x);
  const X509 *cert = X509_STORE_CTX_get_current_cert(x);
  f->verify_code = X509_STORE_CTX_get_error(x);
  f->verify_depth = X509_STORE_CTX_get_error_depth(x);
  if (cert != NULL || own != NULL)
    describe(f, cert != NULL ? cert : own);
  bool name = is_name_error(f->verify_code);
  if (name && own != NULL)
    um_tls_text_names(own, f->names, sizeof f->names);
  um_tls_trial_fail(t, name ? UVMQTT_EHOSTNAME : UVMQTT_ECERT,
                    X509_verify_cert_error_string(f->verify_code));
}

static bool check_pins(struct um_tls_trial *t, X509_STORE_CTX *x, bool chain) {
  uvmqtt_tls_t *tls = t->config;
  uv_mutex_lock(&tls->lock);
  size_t n = t->terms.n_pins;
  bool fit = chain ? um_tls_pins_fit(tls, n, X509_STORE_CTX_get0_chain(x))
                   : um_tls_pin_fits(tls, n, X509_STORE_CTX_get0_cert(x));
  uv_mutex_unlock(&tls->lock);
  X509_STORE_CTX_set_error(x, fit ? X509_V_OK
                                  : X509_V_ERR_APPLICATION_VERIFICATION);
  if (!fit) {
    um_tls_text_subject(X509_STORE_CTX_get0_cert(x), t->fault.subject,
                        sizeof t->fault.subject);
    um_tls_trial_fail(t, UVMQTT_EPIN, "no certificate has a pinned key");
  }
  return fit;
}

static SSL *ssl_of(X509_STORE_CTX *x) {
  return X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
}

int um_tls_on_verify(X509_STORE_CTX *x, void *arg) {
  SSL *ssl = ssl_of(x);
  struct um_tls_trial *t = SSL_get_app_data(ssl);
  (void)arg;
  if (t->terms.verify && X509_verify_cert(x) != 1) {
    refuse(t, x);
    return 0;
  }
  return check_pins(t, x, t->terms.verify);
}

int um_tls_on_their_verdict(int good, X509_STORE_CTX *x) {
  SSL *ssl = ssl_of(x);
  SSL_verify_cb theirs = SSL_CTX_get_verify_callback(SSL_get_SSL_CTX(ssl));
  int r = theirs == NULL ? good : theirs(good, x);
  if (!r && X509_STORE_CTX_get_error(x) == X509_V_OK)
    X509_STORE_CTX_set_error(x, X509_V_ERR_APPLICATION_VERIFICATION);
  if (!r)
    refuse(SSL_get_app_data(ssl), x);
  return r;
}

/* The caller may have one in an SSL_CTX of his own. */
static void pass_on(const SSL *ssl, int where, int value) {
  void (*theirs)(const SSL *, int, int) =
      SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl));
  if (theirs != NULL)
    theirs(ssl, where, value);
}

/* The first that counts; close_notify is no failure. */
void um_tls_on_info(const SSL *ssl, int where, int value) {
  struct um_tls_trial *t = SSL_get_app_data(ssl);
  int alert = value & 0xFF;
  pass_on(ssl, where, value);
  if ((where & SSL_CB_ALERT) && alert != SSL_AD_CLOSE_NOTIFY &&
      t->fault.alert < 0) {
    t->fault.alert = alert;
    t->fault.alert_ours = (where & SSL_CB_WRITE) != 0;
  }
}

/* A context of the caller's own judges by itself. */
static int code_of(const SSL *ssl) {
  long result = SSL_get_verify_result(ssl);
  bool broken =
      SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && result != X509_V_OK;
  if (!broken)
    return UVMQTT_ETLS;
  return is_name_error((int)result) ? UVMQTT_EHOSTNAME : UVMQTT_ECERT;
}

static void explain(struct um_tls_trial *t, const SSL *ssl) {
  t->code = code_of(ssl);
  if (t->code == UVMQTT_ETLS)
    return;
  t->fault.verify_code = (int)SSL_get_verify_result(ssl);
  um_tls_trial_fail(t, t->code,
                    X509_verify_cert_error_string(t->fault.verify_code));
}

int um_tls_trial_failed(struct um_tls_trial *t, const SSL *ssl) {
  if (t->code == 0)
    explain(t, ssl);
  um_tls_text_errors(t->fault.text, sizeof t->fault.text);
  return t->code;
}

bool um_tls_trial_keep(const struct um_tls_trial *t, SSL_SESSION *session) {
  if (!t->terms.resumption || t->key.host == NULL)
    return false;
  uv_mutex_lock(&t->config->lock);
  bool kept = um_tls_tickets_put(&t->config->tickets, &t->key, session);
  uv_mutex_unlock(&t->config->lock);
  return kept;
}

/* Who knows a shared key need not say who he is, but there may be more that he
 * must show. */
static int judge_nobody(struct um_tls_trial *t, const SSL *ssl) {
  const struct um_tls_terms *terms = &t->terms;
  const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
  bool proves_nothing =
      !terms->shares_key || SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null;
  if (terms->n_pins > 0)
    return um_tls_trial_fail(t, UVMQTT_EPIN,
                             "the server sent no certificate, so none has a "
                             "pinned key");
  if (terms->staple)
    return um_tls_trial_fail(t, UVMQTT_ECERT,
                             "the server sent no certificate, so it stapled no "
                             "OCSP response for it");
  if (terms->verify && proves_nothing)
    return um_tls_trial_fail(t, UVMQTT_ECERT, "the server sent no certificate");
  return 0;
}

int um_tls_trial_end(struct um_tls_trial *t, const SSL *ssl,
                     bool *ret_verified) {
  *ret_verified = t->terms.verify;
  if (SSL_get0_peer_certificate(ssl) == NULL)
    return judge_nobody(t, ssl);
  if (!*ret_verified || SSL_get_verify_result(ssl) == X509_V_OK)
    return 0;
  return um_tls_trial_failed(t, ssl);
}
