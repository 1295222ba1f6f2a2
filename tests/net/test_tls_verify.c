/* Whom the layer believes: the families T01 to T14, T22 and T28 of
 * research/reliability.md. In each the handshake must fail with words of its
 * own, and nothing may have been said to the server. */
#include "net/tls_rig.h"
#include "support/planted.h"
#include "support/suite.h"
#include <openssl/ocsp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/error.h>

SUITE(tls_verify);

static struct tls_rig r;

static void serve(const struct pki_wish *w) {
  rig_init(&r);
  rig_use_server(&r, pki_make(w, &r.ca));
}

#define SERVE(...) serve(&(struct pki_wish){.cn = "the server", __VA_ARGS__})
#define LOCALHOST .san = "DNS:localhost"

static void expect_code(int verify_code) {
  cr_expect_eq(r.fault.verify_code, verify_code, "%d", r.fault.verify_code);
}

Test(tls_verify, T01_a_self_signed_certificate) {
  rig_init(&r);
  rig_use_server(&r, pki_make(&(struct pki_wish){.cn = "x", LOCALHOST}, NULL));
  rig_refuses(&r, UVMQTT_ECERT, "self-signed certificate");
  expect_code(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
  cr_expect_str_eq(r.fault.subject, "CN=x");
  cr_expect_eq(r.fault.alert, SSL_AD_UNKNOWN_CA);
  rig_done(&r);
}

Test(tls_verify, T02_an_unknown_ca) {
  rig_init(&r);
  struct pki other = pki_ca("somebody else");
  rig_use_server(&r, pki_server(&other));
  rig_refuses(&r, UVMQTT_ECERT, "unable to get local issuer certificate");
  pki_done(&other);
  rig_done(&r);
}

Test(tls_verify, T03_an_expired_certificate) {
  SERVE(LOCALHOST, .begin = -40, .end = -30);
  rig_refuses(&r, UVMQTT_ECERT, "certificate has expired");
  expect_code(X509_V_ERR_CERT_HAS_EXPIRED);
  cr_expect_eq(r.fault.expired_days, 30, "%ld", r.fault.expired_days);
  cr_expect_eq(r.fault.verify_depth, 0);
  rig_done(&r);
}

Test(tls_verify, T03_an_expired_ca) {
  rig_init(&r);
  struct pki old = pki_make(
      &(struct pki_wish){.cn = "old CA", .ca = true, .begin = -9, .end = -2},
      NULL);
  uvmqtt_tls_load_verify_locations(r.tls, old.pem);
  rig_use_server(&r, pki_server(&old));
  rig_refuses(&r, UVMQTT_ECERT, "certificate has expired");
  cr_expect_eq(r.fault.verify_depth, 1);
  cr_expect_str_eq(r.fault.subject, "CN=old CA");
  pki_done(&old);
  rig_done(&r);
}

Test(tls_verify, T04_a_certificate_of_tomorrow) {
  SERVE(LOCALHOST, .begin = 3, .end = 9);
  rig_refuses(&r, UVMQTT_ECERT, "certificate is not yet valid");
  rig_done(&r);
}

static void expect_other_name(const char *names) {
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  cr_expect_str_eq(r.fault.names, names);
  rig_done(&r);
}

Test(tls_verify, T05_another_host) {
  SERVE(.san = "DNS:example.com,DNS:example.org");
  expect_other_name("example.com, example.org");
}

/* len bytes in labels of seven and their dots. */
static const char *name_of(size_t len) {
  static char name[300];
  for (size_t i = 0; i < len; i++)
    name[i] = i % 8 == 7 ? '.' : 'a';
  name[len] = '\0';
  return name;
}

/* More than fit are cut between two. */
Test(tls_verify, T05_a_certificate_of_many_names) {
  char san[2000] = "";
  for (int i = 0; i < 60; i++)
    snprintf(san + strlen(san), sizeof san - strlen(san),
             "%sDNS:host%d.example.com", i == 0 ? "" : ",", 100 + i);
  SERVE(.san = san);
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  const char *end = r.fault.names + strlen(r.fault.names) - 9;
  cr_expect_str_eq(end, ".com, ...", "%s", r.fault.names);
  rig_done(&r);
}

Test(tls_verify, T05_a_certificate_of_one_long_name) {
  char san[300];
  snprintf(san, sizeof san, "DNS:%s", name_of(253));
  SERVE(.san = san);
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  cr_expect_str_eq(r.fault.names, name_of(253), "%s", r.fault.names);
  rig_done(&r);
}

Test(tls_verify, T06_a_wildcard_of_a_whole_domain) {
  SERVE(.san = "DNS:*.com");
  r.host = "example.com";
  expect_other_name("*.com");
}

Test(tls_verify, T07_a_wildcard_for_two_levels) {
  SERVE(.san = "DNS:*.example.com");
  r.host = "a.b.example.com";
  expect_other_name("*.example.com");
}

Test(tls_verify, T07_a_wildcard_for_a_part_of_a_label) {
  SERVE(.san = "DNS:b*.example.com");
  r.host = "broker.example.com";
  expect_other_name("b*.example.com");
}

Test(tls_verify, T08_an_address_that_is_only_a_dns_name) {
  SERVE(.san = "DNS:127.0.0.1,IP:127.0.0.2");
  r.host = "127.0.0.1";
  rig_refuses(&r, UVMQTT_EHOSTNAME, "IP address mismatch");
  cr_expect_str_eq(r.fault.names, "127.0.0.1, 127.0.0.2");
  rig_done(&r);
}

/* What resolvers do not take for this address. */
Test(tls_verify, T08_what_only_looks_like_an_address) {
  static const char *const hosts[] = {"127.0.0.1.example.com", "0127.0.0.1",
                                      "127.0.0.1x", "127.0.0.1."};
  for (size_t i = 0; i < 4; i++) {
    SERVE(.san = "IP:127.0.0.1");
    r.host = hosts[i];
    if (i < 3)
      rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
    else
      rig_up(&r);
    rig_done(&r);
  }
}

Test(tls_verify, T08_an_address_that_is_only_the_common_name) {
  serve(&(struct pki_wish){.cn = "127.0.0.1"});
  r.host = "127.0.0.1";
  rig_refuses(&r, UVMQTT_EHOSTNAME, "IP address mismatch");
  rig_done(&r);
}

/* Without a name OpenSSL would compare none. */
Test(tls_verify, T05_a_host_that_is_only_a_zone) {
  SERVE(.san = "DNS:example.com");
  r.host = "%lo";
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  rig_done(&r);
}

/* OpenSSL takes it for all names below. */
Test(tls_verify, T05_a_host_that_begins_with_a_dot) {
  SERVE(.san = "DNS:broker.example.com");
  r.host = ".example.com";
  rig_refuses(&r, UVMQTT_EURL, "name of the host");
  rig_done(&r);
}

/* Addresses have zones, names have none. */
Test(tls_verify, T05_a_name_with_what_looks_like_a_zone) {
  SERVE(LOCALHOST);
  r.host = "localhost%.example.com";
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  rig_done(&r);
}

Test(tls_verify, T09_a_common_name_beside_other_names) {
  serve(&(struct pki_wish){.cn = "localhost", .san = "DNS:example.com"});
  expect_other_name("example.com");
}

Test(tls_verify, T10_a_name_with_a_nul_in_it) {
  SERVE(.nul_name = true);
  expect_other_name("localhost?.evil");
}

Test(tls_verify, T11_a_revoked_certificate) {
  rig_init(&r);
  char *crl = pki_crl(&r.ca, r.server.cert, 9);
  cr_assert_eq(uvmqtt_tls_load_crl(r.tls, crl, UVMQTT_CRL_CHAIN), 0);
  rig_refuses(&r, UVMQTT_ECERT, "certificate revoked");
  free(crl);
  rig_done(&r);
}

Test(tls_verify, T11_a_list_of_another_ca_only) {
  rig_init(&r);
  struct pki other = pki_ca("somebody else");
  char *crl = pki_crl(&other, NULL, 9);
  cr_assert_eq(uvmqtt_tls_load_crl(r.tls, crl, UVMQTT_CRL_LEAF), 0);
  rig_refuses(&r, UVMQTT_ECERT, "unable to get certificate CRL");
  pki_done(&other);
  free(crl);
  rig_done(&r);
}

Test(tls_verify, T11_a_list_that_has_expired) {
  rig_init(&r);
  char *crl = pki_crl(&r.ca, NULL, -1);
  cr_assert_eq(uvmqtt_tls_load_crl(r.tls, crl, UVMQTT_CRL_CHAIN), 0);
  rig_refuses(&r, UVMQTT_ECERT, "CRL has expired");
  free(crl);
  rig_done(&r);
}

Test(tls_verify, accepts_who_is_not_on_the_list) {
  rig_init(&r);
  char *crl = pki_crl(&r.ca, NULL, 9);
  cr_assert_eq(uvmqtt_tls_load_crl(r.tls, crl, UVMQTT_CRL_CHAIN), 0);
  rig_up(&r);
  free(crl);
  rig_done(&r);
}

/* The CAs of the system are those of SSL_CERT_FILE. */
static void make_system_trust(const struct pki *ca) {
  setenv("SSL_CERT_FILE", pki_file("system.pem", ca->pem), 1);
}

static void forget_ca(void) {
  uvmqtt_tls_free(r.tls);
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &r.tls), 0);
}

Test(tls_verify, T12_a_ca_of_the_system_when_the_user_gave_one) {
  rig_init(&r);
  struct pki system = pki_ca("of the system");
  make_system_trust(&system);
  rig_use_server(&r, pki_server(&system));
  rig_refuses(&r, UVMQTT_ECERT, "unable to get local issuer certificate");
  rig_again(&r);
  forget_ca();
  rig_up(&r); /* with the system's it would have been good */
  pki_done(&system);
  rig_done(&r);
}

Test(tls_verify, T13_an_rsa_key_of_1024_bits) {
  SERVE(LOCALHOST, .rsa_bits = 1024);
  /* or it would show the other one that it still has */
  SSL_CTX_set1_sigalgs_list(r.peer_ctx, "RSA-PSS+SHA256");
  rig_refuses(&r, UVMQTT_ECERT, "EE certificate key too weak");
  rig_done(&r);
}

Test(tls_verify, T13_a_ca_with_a_key_of_1024_bits) {
  rig_init(&r);
  struct pki weak = pki_make(
      &(struct pki_wish){.cn = "weak", .ca = true, .rsa_bits = 1024}, NULL);
  uvmqtt_tls_load_verify_locations(r.tls, weak.pem);
  rig_use_server(&r, pki_server(&weak));
  rig_refuses(&r, UVMQTT_ECERT, "CA certificate key too weak");
  pki_done(&weak);
  rig_done(&r);
}

Test(tls_verify, T13_signatures_with_sha1) {
  SERVE(LOCALHOST, .digest = "SHA1");
  rig_refuses(&r, UVMQTT_ECERT, "CA signature digest algorithm too weak");
  rig_done(&r);
}

/* ECDSA has none with MD5. */
Test(tls_verify, T13_signatures_with_md5) {
  rig_init(&r);
  struct pki ca = pki_make(
      &(struct pki_wish){.cn = "RSA CA", .ca = true, .rsa_bits = 2048}, NULL);
  uvmqtt_tls_load_verify_locations(r.tls, ca.pem);
  rig_use_server(
      &r,
      pki_make(&(struct pki_wish){.cn = "x", LOCALHOST, .digest = "MD5"}, &ca));
  rig_refuses(&r, UVMQTT_ECERT, "CA signature digest algorithm too weak");
  pki_done(&ca);
  rig_done(&r);
}

/* A server without any certificate, and a user who asks for it. */
Test(tls_verify, an_anonymous_server_whatever_the_cipher_list_says) {
  rig_init(&r);
  SSL_CTX_set_max_proto_version(r.peer_ctx, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(r.peer_ctx, "aNULL:@SECLEVEL=0");
  SSL_CTX_set_dh_auto(r.peer_ctx, 1);
  cr_assert_eq(uvmqtt_tls_set_ciphers(r.tls, "ALL:aNULL:@SECLEVEL=0"), 0);
  rig_refuses(&r, UVMQTT_ETLS, "handshake failure");
  rig_done(&r);
}

/* What is accepted. */

Test(tls_verify, accepts_a_wildcard_of_one_label) {
  SERVE(.san = "DNS:*.example.com");
  r.host = "broker.example.com";
  rig_up(&r);
  rig_done(&r);
}

Test(tls_verify, accepts_an_address_among_the_addresses) {
  const char *hosts[] = {"127.0.0.1", "::1", "fe80::1%lo"};
  for (size_t i = 0; i < 3; i++) {
    SERVE(.san = "IP:127.0.0.1,IP:::1,IP:fe80::1");
    r.host = hosts[i];
    rig_up(&r);
    rig_done(&r);
  }
}

Test(tls_verify, accepts_a_common_name_when_there_is_no_other) {
  serve(&(struct pki_wish){.cn = "localhost"});
  rig_up(&r);
  rig_done(&r);
}

Test(tls_verify, accepts_a_self_signed_certificate_that_the_user_trusts) {
  rig_init(&r);
  struct pki own = pki_make(&(struct pki_wish){.cn = "x", LOCALHOST}, NULL);
  uvmqtt_tls_load_verify_locations(r.tls, own.pem);
  rig_use_server(&r, own);
  rig_up(&r);
  rig_done(&r);
}

Test(tls_verify, accepts_an_intermediate_ca_that_the_user_trusts) {
  rig_init(&r);
  struct pki root = pki_ca("root");
  struct pki middle =
      pki_make(&(struct pki_wish){.cn = "middle", .ca = true}, &root);
  uvmqtt_tls_load_verify_locations(r.tls, middle.pem);
  rig_use_server(&r, pki_server(&middle));
  rig_up(&r);
  pki_done(&root);
  pki_done(&middle);
  rig_done(&r);
}

/* T27 */

static char heard_sni[300];

static int on_sni(SSL *ssl, int *alert, void *arg) {
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  (void)alert;
  (void)arg;
  snprintf(heard_sni, sizeof heard_sni, "%s", name == NULL ? "none" : name);
  return SSL_TLSEXT_ERR_OK;
}

static void expect_sni(const char *host, const char *sni) {
  rig_init(&r);
  SSL_CTX_set_tlsext_servername_callback(r.peer_ctx, on_sni);
  r.host = host;
  rig_up(&r);
  cr_expect_str_eq(heard_sni, sni);
  rig_done(&r);
}

Test(tls_verify, T27_a_name_is_sent_without_its_dot_and_an_address_not) {
  expect_sni("localhost", "localhost");
  expect_sni("localhost.", "localhost");
  expect_sni("127.0.0.1", "none");
}

Test(tls_verify, T27_names_that_are_not_ascii_are_refused) {
  cr_expect_eq(um_tls_check_host("b\xc3\xbc"
                                 "cher.example"),
               UVMQTT_EURL);
  cr_expect_eq(um_tls_check_host("xn--bcher-kva.example"), 0);
  rig_init(&r);
  cr_expect_eq(uvmqtt_tls_set_server_name(r.tls, "b\xc3\xbc"
                                                 "cher"),
               UVMQTT_ETLSCONFIG);
  rig_done(&r);
}

Test(tls_verify, T27_a_name_has_253_bytes_and_labels_of_63_at_the_most) {
  char label[65] = "";
  cr_expect_eq(um_tls_check_host(name_of(253)), 0);
  cr_expect_eq(um_tls_check_host(name_of(254)), UVMQTT_EURL);
  memset(label, 'a', 63);
  cr_expect_eq(um_tls_check_host(label), 0);
  memset(label, 'a', 64);
  cr_expect_eq(um_tls_check_host(label), UVMQTT_EURL);
  cr_expect_eq(um_tls_check_host("a.b."), 0);
  cr_expect_eq(um_tls_check_host("a..b"), UVMQTT_EURL);
  cr_expect_eq(um_tls_check_host("a.."), UVMQTT_EURL);
  cr_expect_eq(um_tls_check_host("."), UVMQTT_EURL);
  cr_expect_eq(um_tls_check_host(""), UVMQTT_EURL);
  cr_expect_eq(um_tls_check_host("::1"), 0);
}

Test(tls_verify, T27_a_name_that_is_too_long_hears_nothing) {
  rig_init(&r);
  r.host = name_of(254);
  rig_connect(&r);
  cr_expect_eq(r.count[ENDED], 1);
  cr_expect_eq(r.status, UVMQTT_EURL);
  cr_expect_eq(r.below->out.len, 0);
  cr_expect_eq(uvmqtt_tls_set_server_name(r.tls, r.host), UVMQTT_ETLSCONFIG);
  rig_done(&r);
}

Test(tls_verify, a_server_name_of_the_users_replaces_the_host) {
  rig_init(&r);
  SSL_CTX_set_tlsext_servername_callback(r.peer_ctx, on_sni);
  r.host = "10.0.0.7";
  cr_assert_eq(uvmqtt_tls_set_server_name(r.tls, "localhost"), 0);
  rig_up(&r);
  cr_expect_str_eq(heard_sni, "localhost");
  rig_again(&r);
  cr_assert_eq(uvmqtt_tls_set_server_name(r.tls, NULL), 0);
  rig_refuses(&r, UVMQTT_EHOSTNAME, "IP address mismatch");
  rig_done(&r);
}

/* T28 */

Test(tls_verify, T28_without_verification_anybody_is_taken_and_it_shows) {
  rig_init(&r);
  rig_use_server(&r, pki_make(&(struct pki_wish){.cn = "?"}, NULL));
  cr_assert_eq(uvmqtt_tls_set_verify_mode(r.tls, UVMQTT_CERT_NONE), 0);
  rig_up(&r);
  cr_expect_not(r.security.verified);
  rig_again(&r);
  cr_assert_eq(uvmqtt_tls_set_verify_mode(r.tls, UVMQTT_CERT_REQUIRED), 0);
  rig_refuses(&r, UVMQTT_ECERT, "self-signed"); /* and no ticket helps */
  rig_done(&r);
}

/* What a connection began with counts for it to its end. */
static void change_meanwhile(uvmqtt_verify_mode_t from,
                             uvmqtt_verify_mode_t to) {
  cr_assert_eq(uvmqtt_tls_set_verify_mode(r.tls, from), 0);
  rig_connect(&r);
  cr_assert_eq(uvmqtt_tls_set_verify_mode(r.tls, to), 0);
  rig_carry(&r);
}

Test(tls_verify, T28_verification_switched_on_meanwhile_was_off_and_shows) {
  rig_init(&r);
  rig_use_server(&r, pki_make(&(struct pki_wish){.cn = "?"}, NULL));
  change_meanwhile(UVMQTT_CERT_NONE, UVMQTT_CERT_REQUIRED);
  cr_assert_eq(r.count[CONNECTED], 1);
  cr_expect_not(r.security.verified);
  rig_again(&r);
  rig_refuses(&r, UVMQTT_ECERT, "self-signed");
  rig_done(&r);
}

Test(tls_verify, T28_verification_switched_off_meanwhile_was_on) {
  rig_init(&r);
  change_meanwhile(UVMQTT_CERT_REQUIRED, UVMQTT_CERT_NONE);
  cr_assert_eq(r.count[CONNECTED], 1);
  cr_expect(r.security.verified);
  rig_again(&r);
  rig_use_server(&r, pki_make(&(struct pki_wish){.cn = "?"}, NULL));
  change_meanwhile(UVMQTT_CERT_REQUIRED, UVMQTT_CERT_NONE);
  cr_expect_eq(r.count[CONNECTED], 0);
  cr_expect_eq(r.status, UVMQTT_ECERT);
  rig_done(&r);
}

/* Pins. */

Test(tls_verify, a_pinned_key_anywhere_in_the_chain_is_enough) {
  char pin[65];
  rig_init(&r);
  pki_pin(&r.ca, pin);
  cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  rig_up(&r);
  rig_done(&r);
}

Test(tls_verify, other_keys_than_those_pinned_are_refused) {
  char pin[65];
  rig_init(&r);
  struct pki other = pki_ca("the CA");
  pki_pin(&other, pin);
  cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  rig_refuses(&r, UVMQTT_EPIN, "no certificate has a pinned key");
  pki_done(&other);
  rig_done(&r);
}

Test(tls_verify, pins_hold_without_verification_too) {
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

Test(tls_verify, a_good_staple_is_enough_also_when_resumed) {
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

Test(tls_verify, a_missing_staple) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    require_staple(version);
    rig_refuses(&r, UVMQTT_ECERT, "the server stapled no OCSP response");
    expect_code(X509_V_ERR_OCSP_VERIFY_NEEDED);
    cr_expect_str_eq(r.fault.subject, "CN=the server");
    staple_done();
  }
}

Test(tls_verify, a_staple_that_says_revoked) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_REVOKED, 0);
  rig_refuses(&r, UVMQTT_ECERT, "says: revoked");
  expect_code(X509_V_ERR_CERT_REVOKED);
  staple_done();
}

Test(tls_verify, a_staple_of_last_week) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 7 * 86400);
  rig_refuses(&r, UVMQTT_ECERT, "is not valid now");
  staple_done();
}

Test(tls_verify, a_staple_without_an_end_counts_for_a_day) {
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

Test(tls_verify, a_staple_proves_nothing_without_verification) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.server.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 0);
  uvmqtt_tls_set_verify_mode(r.tls, UVMQTT_CERT_NONE);
  rig_refuses(&r, UVMQTT_ECERT, "a staple proves nothing");
  staple_done();
}

Test(tls_verify, a_staple_for_another_certificate) {
  require_staple(TLS1_3_VERSION);
  make_staple(r.ca.cert, &r.ca, V_OCSP_CERTSTATUS_GOOD, 0);
  rig_refuses(&r, UVMQTT_ECERT, "for another certificate");
  expect_code(X509_V_ERR_OCSP_VERIFY_FAILED);
  staple_done();
}

Test(tls_verify, a_staple_signed_by_anybody) {
  require_staple(TLS1_3_VERSION);
  struct pki other = pki_ca("somebody else");
  make_staple(r.server.cert, &other, V_OCSP_CERTSTATUS_GOOD, 0);
  rig_refuses(&r, UVMQTT_ECERT, "not signed as it should be");
  pki_done(&other);
  staple_done();
}

Test(tls_verify, a_staple_that_is_rubbish) {
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
  forget_ca();
  make_system_trust(&r.ca); /* which does not count now */
  SSL_CTX_set_max_proto_version(r.peer_ctx, version);
  SSL_CTX_set_psk_server_callback(r.peer_ctx, on_psk);
  SSL_CTX_set_cipher_list(r.peer_ctx,
                          version == TLS1_2_VERSION ? "PSK" : "ALL");
  uvmqtt_bytes_t bytes = {key, sizeof secret};
  cr_assert_eq(uvmqtt_tls_set_psk(r.tls, identity, bytes), 0, "%s",
               uvmqtt_tls_error(r.tls));
}

Test(tls_verify, a_shared_key_is_enough) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    share_key(version, "me", secret);
    rig_up(&r);
    cr_expect(r.security.verified);
    rig_done(&r);
  }
}

Test(tls_verify, another_key_is_not) {
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

Test(tls_verify, a_shared_key_is_not_enough_when_keys_are_pinned) {
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

Test(tls_verify, a_shared_key_is_not_enough_when_a_staple_is_required) {
  share_key_and_refuse(TLS1_2_VERSION, UVMQTT_CERT_REQUIRED, NULL, UVMQTT_ECERT,
                       "no OCSP response");
  share_key_and_refuse(TLS1_3_VERSION, UVMQTT_CERT_REQUIRED, NULL, UVMQTT_ECERT,
                       "no OCSP response");
}

/* Who does not know it and has a certificate of some CA is not meant. */
Test(tls_verify, a_certificate_does_not_replace_the_shared_key) {
  share_key(TLS1_3_VERSION, "somebody", secret);
  rig_refuses(&r, UVMQTT_ECERT, "unable to get local issuer");
  rig_done(&r);
}

/* A context of the caller's own. */

static SSL_CTX *wrapped;

static void wrap(int mode) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), r.ca.cert);
  SSL_CTX_set_verify(ctx, mode, NULL);
  uvmqtt_tls_free(r.tls);
  cr_assert_eq(uvmqtt_tls_wrap(ctx, &r.tls), 0);
  wrapped = ctx;
  SSL_CTX_free(ctx); /* r.tls has it */
}

Test(tls_verify, an_ssl_ctx_of_the_callers_is_used_as_it_is) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  rig_up(&r);
  cr_expect(r.security.verified);
  cr_expect_eq(uvmqtt_tls_add_pin(r.tls, ""), UVMQTT_ETLSCONFIG);
  cr_expect_not_null(strstr(uvmqtt_tls_error(r.tls), "SSL_CTX"));
  rig_done(&r);
}

Test(tls_verify, an_ssl_ctx_of_the_callers_checks_names) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  r.host = "example.com";
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  cr_expect_str_eq(r.fault.names, "localhost, 127.0.0.1");
  cr_expect_str_eq(r.fault.subject, "CN=the server");
  rig_done(&r);
}

Test(tls_verify, what_an_ssl_ctx_refuses_is_told_in_full) {
  rig_init(&r);
  struct pki old = pki_make(
      &(struct pki_wish){.cn = "old CA", .ca = true, .begin = -9, .end = -2},
      NULL);
  wrap(SSL_VERIFY_PEER);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(wrapped), old.cert);
  rig_use_server(&r, pki_server(&old));
  rig_refuses(&r, UVMQTT_ECERT, "certificate has expired");
  cr_expect_eq(r.fault.verify_depth, 1);
  cr_expect_str_eq(r.fault.subject, "CN=old CA");
  cr_expect_eq(r.fault.expired_days, 2);
  pki_done(&old);
  rig_done(&r);
}

static int deny(int good, X509_STORE_CTX *x) {
  return good && X509_STORE_CTX_get_error_depth(x) > 0;
}

Test(tls_verify, an_ssl_ctx_may_refuse_what_is_well) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_PEER, deny);
  rig_refuses(&r, UVMQTT_ECERT, "application verification failure");
  rig_done(&r);
}

Test(tls_verify, an_ssl_ctx_that_does_not_verify_shows) {
  rig_init(&r);
  wrap(SSL_VERIFY_NONE);
  r.host = "example.com";
  rig_up(&r);
  cr_expect_not(r.security.verified);
  rig_done(&r);
}

Test(tls_verify, an_ssl_ctx_may_be_set_up_after_it_was_given) {
  rig_init(&r);
  wrap(SSL_VERIFY_NONE);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_PEER, NULL);
  rig_up(&r);
  cr_expect(r.security.verified);
  rig_done(&r);
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_NONE, NULL);
  rig_up(&r);
  cr_expect_not(r.security.verified);
  rig_done(&r);
}

Test(tls_verify, an_ssl_ctx_that_takes_anonymous_servers_verifies_nobody) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_max_proto_version(r.peer_ctx, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(r.peer_ctx, "aNULL:@SECLEVEL=0");
  SSL_CTX_set_dh_auto(r.peer_ctx, 1);
  SSL_CTX_set_cipher_list(wrapped, "ALL:aNULL:@SECLEVEL=0");
  rig_refuses(&r, UVMQTT_ECERT, "the server sent no certificate");
  rig_done(&r);
}

/* Its modes are for who reads and writes by himself. */
Test(tls_verify, an_ssl_ctx_with_modes_of_its_own_loses_no_byte) {
  static char text[100000];
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_mode(wrapped, SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_clear_mode(wrapped, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(wrapped, 1);
  rig_up(&r);
  cr_assert_eq(rig_write(&r, text, sizeof text), 0);
  for (int i = 0; i < 5; i++)
    rig_peer_write(&r, text, 16000);
  rig_carry(&r);
  cr_expect_eq(r.peer_got.len, sizeof text);
  cr_expect_eq(r.got.len, 5 * 16000);
  rig_read(&r, false);
  rig_peer_write(&r, "late", 4);
  rig_peer_write(&r, "later", 5);
  rig_carry(&r);
  rig_read(&r, true);
  rig_turn(&r);
  cr_expect_eq(r.got.len, 5 * 16000 + 9);
  rig_done(&r);
}

Test(tls_verify, an_ssl_ctx_for_something_else_is_refused) {
  const SSL_METHOD *methods[] = {TLS_server_method(), DTLS_method(),
                                 DTLS_client_method()};
  uvmqtt_tls_t *tls = NULL;
  for (size_t i = 0; i < 3; i++) {
    SSL_CTX *ctx = SSL_CTX_new(methods[i]);
    cr_expect_eq(uvmqtt_tls_wrap(ctx, &tls), UVMQTT_ETLSCONFIG);
    cr_expect_null(tls);
    SSL_CTX_free(ctx);
  }
}

/* Such as one that knows the server's key. */
static int accept_all(X509_STORE_CTX *x, void *arg) {
  (void)x;
  (void)arg;
  return 1;
}

static int pass(int good, X509_STORE_CTX *x) {
  (void)good;
  (void)x;
  return 1;
}

static int pardon(int good, X509_STORE_CTX *x) {
  (void)good;
  X509_STORE_CTX_set_error(x, X509_V_OK);
  return 1;
}

Test(tls_verify, an_ssl_ctx_may_have_a_judge_of_its_own) {
  rig_init(&r);
  r.host = "example.com";
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_cert_verify_callback(wrapped, accept_all, NULL);
  rig_up(&r);
  rig_done(&r);
  rig_init(&r);
  r.host = "example.com";
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_PEER, pardon);
  rig_up(&r);
  rig_done(&r);
}

Test(tls_verify, an_error_that_an_ssl_ctx_let_pass_is_still_one) {
  rig_init(&r);
  r.host = "example.com";
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_PEER, pass);
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  rig_done(&r);
}

static unsigned heard_info;

static void on_their_info(const SSL *ssl, int where, int value) {
  (void)ssl;
  (void)where;
  (void)value;
  ++heard_info;
}

Test(tls_verify, an_ssl_ctx_keeps_its_info_callback) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_info_callback(wrapped, on_their_info);
  rig_up(&r);
  cr_expect_gt(heard_info, 0);
  rig_done(&r);
}

/* ALPN. */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
                   const unsigned char *in, unsigned n, void *arg) {
  (void)ssl;
  (void)arg;
  cr_expect_eq(n, 5 + 13);
  cr_expect_arr_eq(in, "\4mqtt\14x-amzn-mqtt-", 18);
  *out = in + 1;
  *len = in[0];
  return SSL_TLSEXT_ERR_OK;
}

Test(tls_verify, offers_protocols_and_tells_which_was_chosen) {
  const char *names[] = {"mqtt", "x-amzn-mqtt-"};
  rig_init(&r);
  SSL_CTX_set_alpn_select_cb(r.peer_ctx, on_alpn, NULL);
  cr_assert_eq(uvmqtt_tls_set_alpn(r.tls, names, 2), 0);
  rig_up(&r);
  cr_expect_str_eq(r.security.protocol, "mqtt");
  rig_done(&r);
}
