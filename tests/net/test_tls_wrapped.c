/* An SSL_CTX of the caller's own. */
#include "net/tls_rig.h"
#include "support/planted.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/error.h>

SUITE(tls_wrapped);

static struct tls_rig r;

#define SERVE(...)                                                             \
  rig_serve(&r, &(struct pki_wish){.cn = "the server", __VA_ARGS__})
#define LOCALHOST .san = "DNS:localhost"

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

Test(tls_wrapped, an_ssl_ctx_of_the_callers_is_used_as_it_is) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  rig_up(&r);
  cr_expect(r.security.verified);
  cr_expect_eq(uvmqtt_tls_add_pin(r.tls, ""), UVMQTT_ETLSCONFIG);
  cr_expect_not_null(strstr(uvmqtt_tls_error(r.tls), "SSL_CTX"));
  rig_done(&r);
}

Test(tls_wrapped, an_ssl_ctx_of_the_callers_checks_names) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  r.host = "example.com";
  rig_refuses(&r, UVMQTT_EHOSTNAME, "hostname mismatch");
  cr_expect_str_eq(r.fault.names, "localhost, 127.0.0.1");
  cr_expect_str_eq(r.fault.subject, "CN=the server");
  rig_done(&r);
}

Test(tls_wrapped, what_an_ssl_ctx_refuses_is_told_in_full) {
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

Test(tls_wrapped, an_ssl_ctx_may_refuse_what_is_well) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_PEER, deny);
  rig_refuses(&r, UVMQTT_ECERT, "application verification failure");
  rig_done(&r);
}

Test(tls_wrapped, an_ssl_ctx_that_does_not_verify_shows) {
  rig_init(&r);
  wrap(SSL_VERIFY_NONE);
  r.host = "example.com";
  rig_up(&r);
  cr_expect_not(r.security.verified);
  rig_done(&r);
}

Test(tls_wrapped, an_ssl_ctx_may_be_set_up_after_it_was_given) {
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

Test(tls_wrapped, an_ssl_ctx_that_takes_anonymous_servers_verifies_nobody) {
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
Test(tls_wrapped, an_ssl_ctx_with_modes_of_its_own_loses_no_byte) {
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

Test(tls_wrapped, an_ssl_ctx_for_something_else_is_refused) {
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

Test(tls_wrapped, an_ssl_ctx_may_have_a_judge_of_its_own) {
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

Test(tls_wrapped, an_error_that_an_ssl_ctx_let_pass_is_still_one) {
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

Test(tls_wrapped, an_ssl_ctx_keeps_its_info_callback) {
  rig_init(&r);
  wrap(SSL_VERIFY_PEER);
  SSL_CTX_set_info_callback(wrapped, on_their_info);
  rig_up(&r);
  cr_expect_gt(heard_info, 0);
  rig_done(&r);
}
