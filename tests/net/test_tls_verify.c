/* Whom the layer believes: the families T01 to T14, T22 and T28 of
 * research/reliability.md. In each the handshake must fail with words of its
 * own, and nothing may have been said to the server. */
#include "net/tls_rig.h"
#include "support/planted.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/error.h>

SUITE(tls_verify);

static struct tls_rig r;

#define SERVE(...)                                                             \
  rig_serve(&r, &(struct pki_wish){.cn = "the server", __VA_ARGS__})
#define LOCALHOST .san = "DNS:localhost"

Test(tls_verify, T01_a_self_signed_certificate) {
  rig_init(&r);
  rig_use_server(&r, pki_make(&(struct pki_wish){.cn = "x", LOCALHOST}, NULL));
  rig_refuses(&r, UVMQTT_ECERT, "self-signed certificate");
  rig_expect_code(&r, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
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
  rig_expect_code(&r, X509_V_ERR_CERT_HAS_EXPIRED);
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
  rig_serve(&r, &(struct pki_wish){.cn = "127.0.0.1"});
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
  rig_serve(&r,
            &(struct pki_wish){.cn = "localhost", .san = "DNS:example.com"});
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

Test(tls_verify, T12_a_ca_of_the_system_when_the_user_gave_one) {
  rig_init(&r);
  struct pki system = pki_ca("of the system");
  rig_make_system_trust(&system);
  rig_use_server(&r, pki_server(&system));
  rig_refuses(&r, UVMQTT_ECERT, "unable to get local issuer certificate");
  rig_again(&r);
  rig_forget_ca(&r);
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
  rig_serve(&r, &(struct pki_wish){.cn = "localhost"});
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
