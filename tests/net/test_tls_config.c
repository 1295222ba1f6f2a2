/* uvmqtt/tls.h: what is refused at the call and in which words; files that
 * change; a memory that is short. */
#include "base/alloc.h"
#include "net/tls_rig.h"
#include "support/planted.h"
#include "support/suite.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uvmqtt/error.h>

SUITE(tls_config);

static struct tls_rig r;

#define WRONG(call, text)                                                      \
  do {                                                                         \
    cr_expect_eq(call, UVMQTT_ETLSCONFIG);                                     \
    cr_expect_not_null(strstr(uvmqtt_tls_error(r.tls), text), "%s",            \
                       uvmqtt_tls_error(r.tls));                               \
    cr_expect_eq(ERR_peek_error(), 0);                                         \
  } while (0)

#define GOOD(call) cr_assert_eq(call, 0, "%s", uvmqtt_tls_error(r.tls))

Test(tls_config, nothing_is_done_with_nothing) {
  uvmqtt_tls_t *tls;
  cr_expect_eq(uvmqtt_tls_new((uvmqtt_tls_protocol_t)2, &tls), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_wrap(NULL, &tls), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_set_verify_mode(NULL, UVMQTT_CERT_NONE), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_load_verify_locations(NULL, "x"), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_load_cert_chain(NULL, "x", NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_set_server_name(NULL, "x"), UV_EINVAL);
  cr_expect_str_eq(uvmqtt_tls_error(NULL), "");
  cr_expect_null(uvmqtt_tls_ref(NULL));
  uvmqtt_tls_free(NULL);
}

Test(tls_config, arguments_are_checked) {
  rig_init(&r);
  cr_expect_eq(uvmqtt_tls_set_verify_mode(r.tls, (uvmqtt_verify_mode_t)1),
               UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_load_verify_locations(r.tls, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_load_cert_chain(r.tls, NULL, "x"), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_load_crl(r.tls, NULL, UVMQTT_CRL_LEAF), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_add_pin(r.tls, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_set_alpn(r.tls, NULL, 1), UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_set_versions(r.tls, (uvmqtt_tls_version_t)0x0302,
                                       UVMQTT_TLS_1_3),
               UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_set_versions(r.tls, UVMQTT_TLS_1_3, UVMQTT_TLS_1_2),
               UV_EINVAL);
  cr_expect_eq(uvmqtt_tls_set_psk(r.tls, NULL, (uvmqtt_bytes_t){NULL, 0}),
               UV_EINVAL);
  rig_done(&r);
}

Test(tls_config, a_broken_ca_is_told_and_changes_nothing) {
  rig_init(&r);
  WRONG(uvmqtt_tls_load_verify_locations(r.tls, ""), "cannot read");
  WRONG(uvmqtt_tls_load_verify_locations(r.tls, "/no/such/file"),
        "No such file");
  WRONG(uvmqtt_tls_load_verify_locations(r.tls, pki_file("empty", "")),
        "holds no certificate");
  WRONG(uvmqtt_tls_load_verify_locations(
            r.tls, "-----BEGIN CERTIFICATE-----\nrubbish\n"),
        "certificate number 1 is broken");
  WRONG(uvmqtt_tls_load_verify_locations(r.tls, r.ca.key_pem),
        "PEM text holds no certificate");
  rig_up(&r);
  cr_expect_str_eq(uvmqtt_tls_error(r.tls),
                   "PEM text holds no certificate in PEM");
  rig_done(&r);
}

Test(tls_config, the_second_of_two_certificates_is_broken) {
  rig_init(&r);
  char *text = malloc(strlen(r.ca.pem) + 100);
  sprintf(text, "%s-----BEGIN CERTIFICATE-----\nAAAA\n", r.ca.pem);
  WRONG(uvmqtt_tls_load_verify_locations(r.tls, text),
        "certificate number 2 is broken");
  free(text);
  rig_done(&r);
}

Test(tls_config, a_directory_of_cas_works) {
  char path[400];
  rig_init(&r);
  uvmqtt_tls_free(r.tls);
  uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &r.tls);
  snprintf(
      path, sizeof path, "%08lx.0",
      X509_NAME_hash_ex(X509_get_subject_name(r.ca.cert), NULL, NULL, NULL));
  snprintf(path, sizeof path, "%s", pki_file(path, r.ca.pem));
  *strrchr(path, '/') = '\0';
  GOOD(uvmqtt_tls_load_verify_locations(r.tls, path));
  rig_up(&r);
  rig_done(&r);
}

Test(tls_config, a_directory_of_other_files_is_refused) {
  char path[400];
  rig_init(&r);
  snprintf(path, sizeof path, "%s", pki_file("ca.pem", r.ca.pem));
  *strrchr(path, '/') = '\0';
  WRONG(uvmqtt_tls_load_verify_locations(r.tls, path), "openssl rehash");
  rig_done(&r);
}

/* The client's own certificate. */

static struct pki own;

static void with_own(const struct pki_wish *w) {
  rig_init(&r);
  own = pki_make(w, &r.ca);
  SSL_CTX_set_verify(r.peer_ctx,
                     SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(r.peer_ctx), r.ca.cert);
}

static void own_done(void) {
  pki_done(&own);
  rig_done(&r);
}

#define USUAL                                                                  \
  &(struct pki_wish) {                                                         \
    .cn = "me"                                                                 \
  }

static void expect_known_as(const char *subject) {
  char text[100];
  rig_up(&r);
  X509_NAME_oneline(X509_get_subject_name(SSL_get0_peer_certificate(r.peer)),
                    text, sizeof text);
  cr_expect_str_eq(text, subject);
}

Test(tls_config, a_certificate_and_key_of_text) {
  with_own(USUAL);
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, own.pem, own.key_pem));
  expect_known_as("/CN=me");
  own_done();
}

Test(tls_config, a_certificate_and_key_of_files) {
  with_own(USUAL);
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, pki_file("cert", own.pem),
                                  pki_file("key", own.key_pem)));
  expect_known_as("/CN=me");
  own_done();
}

Test(tls_config, a_certificate_and_key_of_one_file) {
  with_own(USUAL);
  char *both = malloc(strlen(own.pem) + strlen(own.key_pem) + 1);
  strcat(strcpy(both, own.key_pem), own.pem);
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, pki_file("both", both), NULL));
  expect_known_as("/CN=me");
  free(both);
  own_done();
}

Test(tls_config, a_key_named_by_uri) {
  char uri[400];
  with_own(USUAL);
  snprintf(uri, sizeof uri, "file:%s", pki_file("key", own.key_pem));
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, own.pem, uri));
  expect_known_as("/CN=me");
  own_done();
}

Test(tls_config, a_key_whose_uri_leads_nowhere) {
  with_own(USUAL);
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, "file:/no/such/key"),
        "file:/no/such/key");
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, "nosuch:object=key"),
        "nosuch:object=key");
  own_done();
}

static int passphrase(char *buffer, size_t size, void *arg) {
  const char *text = arg;
  cr_expect_gt(size, strlen(text));
  memcpy(buffer, text, strlen(text));
  return (int)strlen(text);
}

static int no_passphrase(char *buffer, size_t size, void *arg) {
  (void)buffer;
  (void)size;
  (void)arg;
  return -1;
}

/* T24 */
Test(tls_config, T24_an_encrypted_key) {
  char uri[400];
  with_own(USUAL);
  char *key = pki_encrypted_key(&own, PLANTED_PASSWORD);
  snprintf(uri, sizeof uri, "file:%s", pki_file("key", key));
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, key), "is encrypted");
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, uri), "is encrypted");
  uvmqtt_tls_set_passphrase_cb(r.tls, passphrase, "wrong");
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, key), "wrong passphrase");
  uvmqtt_tls_set_passphrase_cb(r.tls, no_passphrase, NULL);
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, key), "wrong passphrase");
  uvmqtt_tls_set_passphrase_cb(r.tls, passphrase, PLANTED_PASSWORD);
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, own.pem, uri));
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, own.pem, key));
  expect_known_as("/CN=me");
  free(key);
  own_done();
}

Test(tls_config, T24_a_key_of_another_certificate) {
  with_own(USUAL);
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, r.ca.key_pem),
        "belongs to another certificate");
  own_done();
}

Test(tls_config, T24_no_key_and_no_certificate) {
  with_own(USUAL);
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, NULL),
        "PEM text holds no private key that can be read");
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, "/no/such/key"),
        "cannot read /no/such/key: ");
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.key_pem, NULL),
        "PEM text holds no certificate");
  WRONG(uvmqtt_tls_load_cert_chain(
            r.tls, own.pem,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        "no private key that can be read");
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, "", ""), "cannot read");
  own_done();
}

Test(tls_config, T24_a_key_that_others_may_read) {
  with_own(USUAL);
  const char *key = pki_file("key", own.key_pem);
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, own.pem, key));
  cr_expect_eq(um_tls_warnings(r.tls), 0);
  chmod(key, 0640);
  cr_expect_eq(um_tls_warnings(r.tls), UM_TLS_KEY_EXPOSED);
  own_done();
}

Test(tls_config, T24_a_key_named_by_uri_that_others_may_read) {
  static const char *const starts[] = {"file:", "file://"};
  char uri[400];
  with_own(USUAL);
  const char *key = pki_file("key", own.key_pem);
  for (size_t i = 0; i < 2; i++) {
    snprintf(uri, sizeof uri, "%s%s", starts[i], key);
    chmod(key, 0600);
    GOOD(uvmqtt_tls_load_cert_chain(r.tls, own.pem, uri));
    cr_expect_eq(um_tls_warnings(r.tls), 0);
    chmod(key, 0640);
    cr_expect_eq(um_tls_warnings(r.tls), UM_TLS_KEY_EXPOSED);
  }
  own_done();
}

Test(tls_config, an_expired_certificate_of_our_own) {
  with_own(&(struct pki_wish){.cn = "me", .begin = -9, .end = -3});
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, own.key_pem),
        "expired 3 days ago");
  own_done();
}

Test(tls_config, a_certificate_of_our_own_that_is_not_yet_valid) {
  with_own(&(struct pki_wish){.cn = "me", .begin = 5, .end = 9});
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, own.key_pem),
        "valid only in");
  own_done();
}

Test(tls_config, a_weak_certificate_of_our_own) {
  with_own(&(struct pki_wish){.cn = "me", .rsa_bits = 1024});
  WRONG(uvmqtt_tls_load_cert_chain(r.tls, own.pem, own.key_pem),
        "ee key too small");
  own_done();
}

Test(tls_config, a_server_that_does_not_want_us) {
  with_own(USUAL);
  rig_connect(&r);
  rig_carry(&r);
  if (r.count[CONNECTED] == 1) /* 1.3: known only afterwards */
    rig_read(&r, true);
  rig_turn(&r);
  cr_assert_eq(r.count[ENDED], 1);
  cr_expect_eq(r.status, UVMQTT_ETLS);
  cr_expect_eq(r.fault.alert, SSL_AD_CERTIFICATE_REQUIRED, "%d", r.fault.alert);
  cr_expect_not_null(strstr(r.fault.text, "certificate required"));
  own_done();
}

/* Other settings. */

Test(tls_config, crls_pins_ciphers_and_names_are_checked) {
  static char long_name[257];
  const char *names[] = {"mqtt", long_name};
  memset(long_name, 'x', 256);
  rig_init(&r);
  WRONG(uvmqtt_tls_load_crl(r.tls, "/no/such/file", UVMQTT_CRL_LEAF),
        "No such file");
  WRONG(uvmqtt_tls_load_crl(r.tls, r.ca.pem, UVMQTT_CRL_LEAF),
        "holds no revocation list");
  WRONG(uvmqtt_tls_load_crl(r.tls, "-----BEGIN X509 CRL-----\nx\n",
                            UVMQTT_CRL_LEAF),
        "revocation list number 1 is broken");
  WRONG(uvmqtt_tls_add_pin(r.tls, "12ab"), "no SHA-256");
  WRONG(
      uvmqtt_tls_add_pin(r.tls, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
      "no SHA-256");
  GOOD(uvmqtt_tls_add_pin(
      r.tls, "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
  WRONG(uvmqtt_tls_set_ciphers(r.tls, "NONSENSE"), "\"NONSENSE\"");
  WRONG(uvmqtt_tls_set_ciphersuites(r.tls, "TLS_NONSENSE"), "TLS_NONSENSE");
  WRONG(uvmqtt_tls_set_alpn(r.tls, names, 2), "1 to 255 bytes");
  WRONG(uvmqtt_tls_set_server_name(r.tls, ""), "no host name");
  WRONG(uvmqtt_tls_set_keylog_file(r.tls, "/no/such/directory/x"),
        "no such file");
  WRONG(
      uvmqtt_tls_set_psk(r.tls, "", (uvmqtt_bytes_t){PLANTED_SECRET "key", 16}),
      "identity");
  WRONG(uvmqtt_tls_set_psk(r.tls, "me", (uvmqtt_bytes_t){"short", 5}),
        "16 to 512");
  rig_done(&r);
}

Test(tls_config, ciphers_and_versions_are_obeyed) {
  rig_init(&r);
  GOOD(uvmqtt_tls_set_ciphersuites(r.tls, "TLS_CHACHA20_POLY1305_SHA256"));
  rig_up(&r);
  cr_expect_str_eq(r.security.cipher, "TLS_CHACHA20_POLY1305_SHA256");
  rig_again(&r);
  GOOD(uvmqtt_tls_set_versions(r.tls, UVMQTT_TLS_1_2, UVMQTT_TLS_1_2));
  GOOD(uvmqtt_tls_set_ciphers(r.tls, "ECDHE-ECDSA-AES256-GCM-SHA384"));
  rig_up(&r);
  cr_expect_str_eq(r.security.cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
  rig_again(&r);
  GOOD(uvmqtt_tls_set_versions(r.tls, UVMQTT_TLS_1_3, UVMQTT_TLS_1_3));
  SSL_CTX_set_max_proto_version(r.peer_ctx, TLS1_2_VERSION);
  rig_refuses(&r, UVMQTT_ETLS, "protocol version");
  rig_done(&r);
}

Test(tls_config, the_key_log_is_written_for_the_owner_only) {
  char line[300] = "";
  struct stat st;
  rig_init(&r);
  pki_file("x", "");
  char path[300];
  snprintf(path, sizeof path, "%s.keys", pki_file("x", ""));
  GOOD(uvmqtt_tls_set_keylog_file(r.tls, path));
  rig_up(&r);
  cr_assert_eq(stat(path, &st), 0);
  cr_expect_eq(st.st_mode & 0777, 0600);
  FILE *f = fopen(path, "r");
  cr_assert_not_null(fgets(line, sizeof line, f));
  cr_expect_not_null(strstr(line, "SECRET"));
  cr_expect_eq(line[strlen(line) - 1], '\n');
  fclose(f);
  GOOD(uvmqtt_tls_set_keylog_file(r.tls, NULL));
  rig_done(&r);
}

Test(tls_config, low_memory_works_as_well) {
  rig_init(&r);
  GOOD(uvmqtt_tls_set_low_memory(r.tls, true));
  rig_up(&r);
  rig_peer_write(&r, "abc", 3);
  rig_carry(&r);
  cr_expect_eq(r.got.len, 3);
  rig_done(&r);
}

/* Files that change. */

Test(tls_config, a_renewed_certificate_is_used_at_the_next_connect) {
  with_own(USUAL);
  const char *cert = pki_file("cert", own.pem);
  const char *key = pki_file("key", own.key_pem);
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, cert, key));
  expect_known_as("/CN=me");
  rig_again(&r);
  struct pki new = pki_make(&(struct pki_wish){.cn = "me, renewed"}, &r.ca);
  pki_file("cert", new.pem);
  expect_known_as("/CN=me"); /* half of it is no pair */
  cr_expect_eq(um_tls_warnings(r.tls), UM_TLS_RELOAD);
  cr_expect_not_null(strstr(uvmqtt_tls_error(r.tls), "another certificate"));
  rig_again(&r);
  pki_file("key", new.key_pem);
  expect_known_as("/CN=me, renewed");
  cr_expect_eq(um_tls_warnings(r.tls), 0);
  cr_expect_not(r.security.resumed);
  pki_done(&new);
  own_done();
}

/* The key alone: another one would not fit, so it is one that is broken. */
Test(tls_config, a_changed_key_named_by_uri_is_read_again) {
  char uri[400];
  with_own(USUAL);
  snprintf(uri, sizeof uri, "file:%s", pki_file("key", own.key_pem));
  GOOD(uvmqtt_tls_load_cert_chain(r.tls, own.pem, uri));
  expect_known_as("/CN=me");
  cr_expect_eq(um_tls_warnings(r.tls), 0);
  rig_again(&r);
  pki_file("key", "rubbish");
  expect_known_as("/CN=me");
  cr_expect_eq(um_tls_warnings(r.tls), UM_TLS_RELOAD);
  own_done();
}

Test(tls_config, a_changed_ca_is_used_at_the_next_connect) {
  rig_init(&r);
  struct pki next = pki_ca("the next CA");
  uvmqtt_tls_free(r.tls);
  uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &r.tls);
  GOOD(uvmqtt_tls_load_verify_locations(r.tls, pki_file("ca", r.ca.pem)));
  rig_up(&r);
  rig_again(&r);
  pki_file("ca", "");
  rig_up(&r); /* what was read before stays */
  cr_expect_eq(um_tls_warnings(r.tls), UM_TLS_RELOAD);
  rig_again(&r);
  pki_file("ca", next.pem);
  rig_refuses(&r, UVMQTT_ECERT, "local issuer");
  cr_expect_eq(um_tls_warnings(r.tls), 0);
  pki_done(&next);
  rig_done(&r);
}

Test(tls_config, a_changed_crl_is_used_at_the_next_connect) {
  rig_init(&r);
  char *none = pki_crl(&r.ca, NULL, 9);
  char *revoked = pki_crl(&r.ca, r.server.cert, 9);
  GOOD(uvmqtt_tls_load_crl(r.tls, pki_file("crl", none), UVMQTT_CRL_CHAIN));
  rig_up(&r);
  rig_again(&r);
  pki_file("crl", revoked);
  rig_refuses(&r, UVMQTT_ECERT, "certificate revoked");
  free(none);
  free(revoked);
  rig_done(&r);
}

/* The context that clients without one share. */
Test(tls_config, the_default_is_one_while_anybody_uses_it) {
  uvmqtt_tls_t *a, *b;
  cr_assert_eq(um_tls_default(&a), 0);
  cr_assert_eq(um_tls_default(&b), 0);
  cr_expect_eq(a, b);
  uvmqtt_tls_free(a);
  uvmqtt_tls_free(b);
  cr_assert_eq(um_tls_default(&a), 0);
  cr_expect_eq(um_tls_warnings(a), 0);
  uvmqtt_tls_free(a);
}

/* Short of memory: an error, nothing leaked, and it works again. */

static int configure(uvmqtt_tls_t **ret, const char *cert, const char *key) {
  const char *names[] = {"mqtt"};
  uvmqtt_bytes_t psk = {PLANTED_SECRET "key", 16};
  int code = uvmqtt_tls_new(UVMQTT_TLS_CLIENT, ret);
  if (code == 0)
    code = uvmqtt_tls_load_verify_locations(*ret, r.ca.pem);
  if (code == 0)
    code = uvmqtt_tls_load_cert_chain(*ret, cert, key);
  if (code == 0)
    code = uvmqtt_tls_set_alpn(*ret, names, 1);
  if (code == 0)
    code = uvmqtt_tls_set_ciphers(*ret, "HIGH");
  if (code == 0)
    code = uvmqtt_tls_set_psk(*ret, "me", psk);
  if (code == 0)
    code = uvmqtt_tls_set_server_name(*ret, "localhost");
  if (code == 0)
    code = uvmqtt_tls_add_pin(
        *ret,
        "0000000000000000000000000000000000000000000000000000000000000000");
  return code;
}

Test(tls_config, each_setting_survives_a_lack_of_memory) {
  with_own(USUAL);
  bool failed = true;
  for (uint64_t n = 1; failed; n++) {
    uvmqtt_tls_t *tls = NULL;
    um_alloc_fail_at(n, false);
    int code = configure(&tls, own.pem, own.key_pem);
    failed = um_alloc_calls() >= n;
    um_alloc_fail_at(0, false);
    /* a cipher list that could not be copied looks like a bad one */
    cr_assert(failed == (code != 0) &&
                  (code == 0 || code == UV_ENOMEM || code == UVMQTT_ETLSCONFIG),
              "%llu: %d", (unsigned long long)n, code);
    uvmqtt_tls_free(tls);
  }
  own_done();
}
