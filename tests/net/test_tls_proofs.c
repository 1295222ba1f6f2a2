/* What a server proves beside or instead of its chain: pinned keys, OCSP
 * staples, shared keys. */
#include "net/tls_rig.h"
#include "support/planted.h"
#include "support/suite.h"
#include <openssl/ocsp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/error.h>

SUITE(tls_proofs);

static struct tls_rig r;

#define SERVE(...)                                                             \
  rig_serve(&r, &(struct pki_wish){.cn = "the server", __VA_ARGS__})
#define LOCALHOST .san = "DNS:localhost"

/* Pins. */

Test(tls_proofs, a_pinned_key_anywhere_in_the_chain_is_enough) {
  char pin[65];
  rig_init(&r);
  pki_pin(&r.ca, pin);
  cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  rig_up(&r);
  rig_done(&r);
}

Test(tls_proofs, other_keys_than_those_pinned_are_refused) {
  char pin[65];
  rig_init(&r);
  struct pki other = pki_ca("the CA");
  pki_pin(&other, pin);
  cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  rig_refuses(&r, UVMQTT_EPIN, "no certificate has a pinned key");
  pki_done(&other);
  rig_done(&r);
}

Test(tls_proofs, pins_hold_without_verification_too) {
  char pin[65];
  rig_init(&r);
  uvmqtt_tls_set_verify_mode(r.tls, UVMQTT_CERT_NONE);
  pki_pin(&r.ca, pin); /* the server shows it, but anybody could */
  cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  rig_refuses(&r, UVMQTT_EPIN, "pinned");
  rig_again(&r);
  pki_pin(&r.server, pin);
  cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  rig_up(&r);
  rig_done(&r);
}

/* OCSP. */

static unsigned char *staple;
static int staple_len;

static int on_status(SSL *ssl, void *arg) {
  (void)arg;
  if (staple == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  unsigned char *copy = OPENSSL_memdup(staple, (size_t)staple_len);
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, staple_len);
  return SSL_TLSEXT_ERR_OK;
}

static bool undated; /* the response does not say when the next one comes */

static void make_staple(const X509 *about, const struct pki *signer, int status,
                        long age) {
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
  OCSP_CERTID *id = OCSP_cert_to_id(NULL, about, r.ca.cert);
  ASN1_TIME *begin = X509_gmtime_adj(NULL, -age - 60);
  ASN1_TIME *end = X509_gmtime_adj(NULL, 3600 - age);
  ASN1_TIME *revoked =
      status == V_OCSP_CERTSTATUS_REVOKED ? X509_gmtime_adj(NULL, -60) : NULL;
  OCSP_basic_add1_status(basic, id, status, 0, revoked, begin,
                         undated ? NULL : end);
  OCSP_basic_sign(basic, signer->cert, signer->key, EVP_sha256(), NULL, 0);
  OCSP_RESPONSE *response =
      OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  OPENSSL_free(staple);
  staple = NULL;
  staple_len = i2d_OCSP_RESPONSE(response, &staple);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(begin);
  ASN1_TIME_free(end);
  ASN1_TIME_free(revoked);
}

static void require_staple(int version) {
  rig_init(&r);
  SSL_CTX_set_max_proto_version(r.peer_ctx, version);
  SSL_CTX_set_tlsext_status_cb(r.peer_ctx, on_status);
  cr_assert_eq(uvmqtt_tls_require_staple(r.tls, true), 0);
}

static void staple_done(void) {
  OPENSSL_free(staple);
  staple = NULL;
  rig_done(&r);
}

Test(tls_proofs, a_good_staple_is_enough_also_when_resumed) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    require_staple(version);
    make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 0);
    rig_up(&r);
    rig_again(&r);
    rig_up(&r);
    cr_expect(r.security.resumed);
    staple_done();
  }
}

Test(tls_proofs, a_missing_staple) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    require_staple(version);
    rig_refuses(&r, UVMQTT_ECERT, "the server stapled no OCSP response");
    rig_expect_code(&r, X509_V_ERR_OCSP_VERIFY_NEEDED);
    cr_expect_str_eq(r.fault.subject, "CN=the server");
    staple_done();
  }
}

Test(tls_proofs, a_staple_that_says_revoked) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_REVOKED, 0);
  rig_refuses(&r, UVMQTT_ECERT, "says: revoked");
  rig_expect_code(&r, X509_V_ERR_CERT_REVOKED);
  staple_done();
}

Test(tls_proofs, a_staple_of_last_week) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 7 * 86400);
  rig_refuses(&r, UVMQTT_ECERT, "is not valid now");
  staple_done();
}

Test(tls_proofs, a_staple_without_an_end_counts_for_a_day) {
  undated = true;
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 23 * 3600);
  rig_up(&r);
  staple_done();
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 25 * 3600);
  rig_refuses(&r, UVMQTT_ECERT, "is not valid now");
  staple_done();
}

Test(tls_proofs, a_staple_proves_nothing_without_verification) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 0);
  uvmqtt_tls_set_verify_mode(r.tls, UVMQTT_CERT_NONE);
  rig_refuses(&r, UVMQTT_ECERT, "a staple proves nothing");
  staple_done();
}

Test(tls_proofs, a_staple_for_another_certificate) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.ca.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 0);
  rig_refuses(&r, UVMQTT_ECERT, "for another certificate");
  rig_expect_code(&r, X509_V_ERR_OCSP_VERIFY_FAILED);
  staple_done();
}

Test(tls_proofs, a_staple_signed_by_anybody) {
  require_staple(TLS1_3_VERSION);
  struct pki other = pki_ca("somebody else");
  make_staple(r.server.cert, &other, V_OCSP_CERTSTATUS_GOOD, 0);
  rig_refuses(&r, UVMQTT_ECERT, "not signed as it should be");
  pki_done(&other);
  staple_done();
}

Test(tls_proofs, a_staple_that_is_rubbish) {
  require_staple(TLS1_3_VERSION);
  staple = OPENSSL_memdup("rubbish", 7);
  staple_len = 7;
  rig_refuses(&r, UVMQTT_ECERT, "the server stapled no OCSP response");
  staple_done();
}

/* PSK. */

static const unsigned char secret[] = PLANTED_SECRET "key";

static unsigned on_psk(SSL *ssl, const char *identity, unsigned char *key,
                       unsigned size) {
  (void)ssl;
  if (strcmp(identity, "me") != 0 || size < sizeof secret)
    return 0;
  memcpy(key, secret, sizeof secret);
  return sizeof secret;
}

static void share_key(int version, const char *identity, const void *key) {
  rig_init(&r);
  rig_forget_ca(&r);
  rig_make_system_trust(&r.ca); /* which does not count now */
  SSL_CTX_set_max_proto_version(r.peer_ctx, version);
  SSL_CTX_set_psk_server_callback(r.peer_ctx, on_psk);
  SSL_CTX_set_cipher_list(r.peer_ctx,
                          version == TLS1_2_VERSION ? "PSK" : "ALL");
  uvmqtt_bytes_t bytes = {key, sizeof secret};
  cr_assert_eq(uvmqtt_tls_set_psk(r.tls, identity, bytes), 0, "%s",
               uvmqtt_tls_error(r.tls));
}

Test(tls_proofs, a_shared_key_is_enough) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    share_key(version, "me", secret);
    rig_up(&r);
    cr_expect(r.security.verified);
    rig_done(&r);
  }
}

Test(tls_proofs, another_key_is_not) {
  share_key(TLS1_2_VERSION, "me", PLANTED_SECRET "KEY");
  rig_connect(&r);
  rig_carry(&r);
  cr_expect_eq(r.count[CONNECTED], 0);
  cr_expect_eq(r.status, UVMQTT_ETLS, "%s", r.fault.text);
  rig_done(&r);
}

/* Neither would be looked at, as there is no certificate. */
static void share_key_and_refuse(int version, uvmqtt_verify_mode_t mode,
                                 const char *pin, int code, const char *text) {
  share_key(version, "me", secret);
  uvmqtt_tls_set_verify_mode(r.tls, mode);
  if (pin != NULL)
    cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  else
    cr_assert_eq(uvmqtt_tls_require_staple(r.tls, true), 0);
  rig_refuses(&r, code, text);
  rig_done(&r);
}

Test(tls_proofs, a_shared_key_is_not_enough_when_keys_are_pinned) {
  char pin[65];
  rig_init(&r);
  pki_pin(&r.server, pin);
  rig_done(&r);
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    share_key_and_refuse(version, UVMQTT_CERT_REQUIRED, pin, UVMQTT_EPIN,
                         "no certificate");
    share_key_and_refuse(version, UVMQTT_CERT_NONE, pin, UVMQTT_EPIN,
                         "no certificate");
  }
}

Test(tls_proofs, a_shared_key_is_not_enough_when_a_staple_is_required) {
  share_key_and_refuse(TLS1_2_VERSION, UVMQTT_CERT_REQUIRED, NULL, UVMQTT_ECERT,
                       "no OCSP response");
  share_key_and_refuse(TLS1_3_VERSION, UVMQTT_CERT_REQUIRED, NULL, UVMQTT_ECERT,
                       "no OCSP response");
}

/* Who does not know it and has a certificate of some CA is not meant. */
Test(tls_proofs, a_certificate_does_not_replace_the_shared_key) {
  share_key(TLS1_3_VERSION, "somebody", secret);
  rig_refuses(&r, UVMQTT_ECERT, "unable to get local issuer");
  rig_done(&r);
}
