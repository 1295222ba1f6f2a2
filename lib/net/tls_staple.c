#include "net/tls_staple.h"

#include "net/tls_verify.h"
#include <openssl/ocsp.h>

#define CLOCK_SKEW 300L /* s */
/* A response that does not say when the next one comes. */
#define UNDATED_MAX (24L * 60 * 60)

static OCSP_RESPONSE *read_response(SSL *ssl) {
  const unsigned char *der = NULL;
  long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
  return der == NULL || len <= 0 ? NULL : d2i_OCSP_RESPONSE(NULL, &der, len);
}

static X509 *issuer_of(const X509 *cert, STACK_OF(X509) * chain) {
  for (int i = 0; i < sk_X509_num(chain); i++)
    if (X509_check_issued(sk_X509_value(chain, i), (X509 *)(uintptr_t)cert) ==
        X509_V_OK)
      return sk_X509_value(chain, i);
  return NULL;
}

/* Where it says itself how long it counts, that counts. */
static bool is_current(ASN1_GENERALIZEDTIME *this_update,
                       ASN1_GENERALIZEDTIME *next_update) {
  long oldest = next_update == NULL ? UNDATED_MAX : -1;
  return OCSP_check_validity(this_update, next_update, CLOCK_SKEW, oldest) == 1;
}

/* What the response says of this certificate; NULL: it is good. */
static const char *status_of(OCSP_BASICRESP *basic, OCSP_CERTID *id) {
  ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  if (!OCSP_resp_find_status(basic, id, &status, NULL, NULL, &this_update,
                             &next_update))
    return "the stapled OCSP response is for another certificate";
  if (!is_current(this_update, next_update))
    return "the stapled OCSP response is not valid now";
  if (status == V_OCSP_CERTSTATUS_REVOKED)
    return "the stapled OCSP response says: revoked";
  return status == V_OCSP_CERTSTATUS_GOOD
             ? NULL
             : "the stapled OCSP response does not know the certificate";
}

static const char *judge_basic(SSL *ssl, OCSP_BASICRESP *basic) {
  STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
  X509 *own = sk_X509_value(chain, 0);
  X509 *issuer = own == NULL ? NULL : issuer_of(own, chain);
  X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  if (issuer == NULL)
    return "the certificate's issuer is not known";
  if (OCSP_basic_verify(basic, chain, store, 0) <= 0)
    return "the stapled OCSP response is not signed as it should be";
  OCSP_CERTID *id = OCSP_cert_to_id(NULL, own, issuer);
  const char *wrong = id == NULL ? "no memory" : status_of(basic, id);
  OCSP_CERTID_free(id);
  return wrong;
}

static const char *judge(SSL *ssl) {
  OCSP_RESPONSE *response = read_response(ssl);
  if (response == NULL)
    return "the server stapled no OCSP response";
  OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
  const char *wrong = basic == NULL ? "the stapled OCSP response is an error"
                                    : judge_basic(ssl, basic);
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  return wrong;
}

/* A resumed session was judged when it began. */
int um_tls_on_staple(SSL *ssl, void *arg) {
  (void)arg;
  struct um_tls_trial *t = SSL_get_app_data(ssl);
  if (SSL_session_reused(ssl))
    return 1;
  const char *wrong = t->terms.verify ? judge(ssl)
                                      : "without UVMQTT_CERT_REQUIRED a staple "
                                        "proves nothing";
  if (wrong == NULL)
    return 1;
  um_tls_trial_fail(t, UVMQTT_ECERT, wrong);
  return 0;
}
