#include "net/tls_pem.h"

#include "base/alloc.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>

/* PEM readers end with this error when nothing further begins. */
static bool at_end(void) {
  unsigned long e = ERR_peek_last_error();
  if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
    return false;
  ERR_clear_error();
  return true;
}

static int open_source(uvmqtt_tls_t *tls, struct um_tls_source *s, BIO **ret) {
  if (s->kind != UM_TLS_TEXT && s->kind != UM_TLS_FILE)
    return um_tls_wrong(tls, "%s is not a file", um_tls_source_name(s));
  *ret = um_tls_source_open(s);
  if (*ret == NULL)
    return um_tls_wrong(tls, "cannot read %s", um_tls_source_name(s));
  return 0;
}

/* Certificates. */

static int push_cert(STACK_OF(X509) * to, X509 *cert) {
  if (sk_X509_push(to, cert) > 0)
    return 0;
  X509_free(cert);
  return UV_ENOMEM;
}

static int take_certs(BIO *in, STACK_OF(X509) * to) {
  X509 *cert;
  while ((cert = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL)) != NULL)
    if (push_cert(to, cert))
      return UV_ENOMEM;
  return at_end() ? 0 : UVMQTT_ETLSCONFIG;
}

static int judge_certs(uvmqtt_tls_t *tls, const struct um_tls_source *s, int r,
                       int n) {
  if (r == UVMQTT_ETLSCONFIG)
    return um_tls_wrong(tls, "%s: certificate number %d is broken",
                        um_tls_source_name(s), n + 1);
  if (r == 0 && n == 0)
    return um_tls_wrong(tls, "%s holds no certificate in PEM",
                        um_tls_source_name(s));
  return r;
}

int um_tls_read_certs(uvmqtt_tls_t *tls, struct um_tls_source *s,
                      STACK_OF(X509) * *ret) {
  BIO *in = NULL;
  int r = open_source(tls, s, &in);
  if (r)
    return r;
  STACK_OF(X509) *certs = sk_X509_new_null();
  r = certs == NULL ? UV_ENOMEM : take_certs(in, certs);
  BIO_free(in);
  r = judge_certs(tls, s, r, certs == NULL ? 0 : sk_X509_num(certs));
  if (r == 0)
    *ret = certs;
  else
    sk_X509_pop_free(certs, X509_free);
  return r;
}

/* Revocation lists. */

static int take_crls(BIO *in, X509_STORE *store, int *ret_n) {
  X509_CRL *crl;
  for (*ret_n = 0; (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL;
       ++*ret_n) {
    int added = X509_STORE_add_crl(store, crl);
    X509_CRL_free(crl);
    if (!added)
      return UV_ENOMEM;
  }
  return at_end() ? 0 : UVMQTT_ETLSCONFIG;
}

int um_tls_read_crls(uvmqtt_tls_t *tls, struct um_tls_source *s,
                     X509_STORE *store) {
  BIO *in = NULL;
  int n, r = open_source(tls, s, &in);
  if (r)
    return r;
  r = take_crls(in, store, &n);
  BIO_free(in);
  if (r == UVMQTT_ETLSCONFIG)
    return um_tls_wrong(tls, "%s: revocation list number %d is broken",
                        um_tls_source_name(s), n + 1);
  if (r == 0 && n == 0)
    return um_tls_wrong(tls, "%s holds no revocation list in PEM",
                        um_tls_source_name(s));
  return r;
}

/* Keys. */

/* Never the terminal, which OpenSSL would ask. */
static int on_passphrase(char *buffer, int size, int writing, void *arg) {
  uvmqtt_tls_t *tls = arg;
  int n = -1;
  (void)writing;
  if (tls->passphrase != NULL)
    n = tls->passphrase(buffer, (size_t)size, tls->passphrase_arg);
  tls->passphrase_asked = true;
  return n <= size ? n : -1;
}

static int key_wrong(uvmqtt_tls_t *tls, const struct um_tls_source *s) {
  const char *name = um_tls_source_name(s);
  if (!tls->passphrase_asked)
    return um_tls_wrong(tls, "%s holds no private key that can be read", name);
  if (tls->passphrase != NULL)
    return um_tls_wrong(tls, "%s: wrong passphrase", name);
  return um_tls_wrong(tls,
                      "%s: the key is encrypted; it needs a passphrase "
                      "callback (uvmqtt_tls_set_passphrase_cb)",
                      name);
}

static EVP_PKEY *next_key(OSSL_STORE_CTX *from) {
  EVP_PKEY *key = NULL;
  while (key == NULL && !OSSL_STORE_eof(from)) {
    OSSL_STORE_INFO *info = OSSL_STORE_load(from);
    if (info == NULL)
      break;
    key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
  }
  return key;
}

static EVP_PKEY *key_of_uri(uvmqtt_tls_t *tls, const char *uri) {
  UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(on_passphrase, 0);
  OSSL_STORE_CTX *from =
      ui == NULL ? NULL : OSSL_STORE_open(uri, ui, tls, NULL, NULL);
  EVP_PKEY *key = NULL;
  if (from != NULL && OSSL_STORE_expect(from, OSSL_STORE_INFO_PKEY))
    key = next_key(from);
  OSSL_STORE_close(from);
  UI_destroy_method(ui);
  return key;
}

static int key_of_pem(uvmqtt_tls_t *tls, struct um_tls_source *s,
                      EVP_PKEY **ret) {
  BIO *in = NULL;
  int r = open_source(tls, s, &in);
  if (r)
    return r;
  *ret = PEM_read_bio_PrivateKey(in, NULL, on_passphrase, tls);
  BIO_free(in);
  return 0;
}

int um_tls_read_key(uvmqtt_tls_t *tls, struct um_tls_source *s,
                    EVP_PKEY **ret) {
  int r = 0;
  tls->passphrase_asked = false;
  *ret = NULL;
  if (s->kind == UM_TLS_URI)
    *ret = key_of_uri(tls, um_tls_source_uri(s));
  else
    r = key_of_pem(tls, s, ret);
  if (r)
    return r;
  return *ret == NULL ? key_wrong(tls, s) : 0;
}
