#include "net/tls_staple.h"

#include "net/tls_text.h"
#include "net/tls_verify.h"
#include <openssl/ocsp.h>

#define CLOCK_SKEW 300L /* s */
/* A response that does not say when the next one comes. */
#define UNDATED_MAX (24L * 60 * 60)

/* What a response is found to be. */
enum finding {
  GOOD,
  MISSING,
  IN_ERROR,
  ISSUER_UNKNOWN,
  BADLY_SIGNED,
  FOR_ANOTHER,
  OUT_OF_DATE,
  REVOKED,
  CERT_UNKNOWN,
  NO_MEMORY,
  POINTLESS,
};

static const struct {
  int verify_code;
  const char *text;
} findings[] = {
    [MISSING] = {X509_V_ERR_OCSP_VERIFY_NEEDED,
                 "the server stapled no OCSP response"},
    [IN_ERROR] = {X509_V_ERR_OCSP_VERIFY_FAILED,
                  "the stapled OCSP response is an error"},
    [ISSUER_UNKNOWN] = {X509_V_ERR_OCSP_VERIFY_FAILED,
                        "the certificate's issuer is not known"},
    [BADLY_SIGNED] = {X509_V_ERR_OCSP_VERIFY_FAILED,
                      "the stapled OCSP response is not signed as it should "
                      "be"},
    [FOR_ANOTHER] = {X509_V_ERR_OCSP_VERIFY_FAILED,
                     "the stapled OCSP response is for another certificate"},
    [OUT_OF_DATE] = {X509_V_ERR_OCSP_VERIFY_FAILED,
                     "the stapled OCSP response is not valid now"},
    [REVOKED] = {X509_V_ERR_CERT_REVOKED,
                 "the stapled OCSP response says: revoked"},
    [CERT_UNKNOWN] = {X509_V_ERR_OCSP_CERT_UNKNOWN,
                      "the stapled OCSP response does not know the "
                      "certificate"},
    [NO_MEMORY] = {X509_V_ERR_OUT_OF_MEM, "no memory"},
    [POINTLESS] = {X509_V_ERR_OCSP_VERIFY_FAILED,
                   "without UVMQTT_CERT_REQUIRED a staple proves nothing"},
};

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

/* What the response says of this certificate. */
static enum finding status_of(OCSP_BASICRESP *basic, OCSP_CERTID *id) {
  ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  if (!OCSP_resp_find_status(basic, id, &status, NULL, NULL, &this_update,
                             &next_update))
    return FOR_ANOTHER;
  if (!is_current(this_update, next_update))
    return OUT_OF_DATE;
  if (status == V_OCSP_CERTSTATUS_REVOKED)
    return REVOKED;
  return status == V_OCSP_CERTSTATUS_GOOD ? GOOD : CERT_UNKNOWN;
}

static enum finding judge_basic(SSL *ssl, OCSP_BASICRESP *basic) {
  STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
  X509 *own = sk_X509_value(chain, 0);
  X509 *issuer = own == NULL ? NULL : issuer_of(own, chain);
  X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  if (issuer == NULL)
    return ISSUER_UNKNOWN;
  if (OCSP_basic_verify(basic, chain, store, 0) <= 0)
    return BADLY_SIGNED;
  OCSP_CERTID *id = OCSP_cert_to_id(NULL, own, issuer);
  enum finding f = id == NULL ? NO_MEMORY : status_of(basic, id);
  OCSP_CERTID_free(id);
  return f;
}

static enum finding judge(SSL *ssl) {
  OCSP_RESPONSE *response = read_response(ssl);
  if (response == NULL)
    return MISSING;
  OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
  enum finding f = basic == NULL ? IN_ERROR : judge_basic(ssl, basic);
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  return f;
}

/* 1 or 0, as OpenSSL wants it. */
static int tell(struct um_tls_trial *t, const SSL *ssl, enum finding f) {
  const X509 *cert = SSL_get0_peer_certificate(ssl);
  if (f == GOOD)
    return 1;
  t->fault.verify_code = findings[f].verify_code;
  if (cert != NULL)
    um_tls_text_subject(cert, t->fault.subject, sizeof t->fault.subject);
  um_tls_trial_fail(t, UVMQTT_ECERT, findings[f].text);
  return 0;
}

/* A resumed session was judged when it began. */
int um_tls_on_staple(SSL *ssl, void *arg) {
  struct um_tls_trial *t = SSL_get_app_data(ssl);
  (void)arg;
  if (SSL_session_reused(ssl))
    return 1;
  return tell(t, ssl, t->terms.verify ? judge(ssl) : POINTLESS);
}
