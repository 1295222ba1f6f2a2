/* Sessions kept across connections, and what forbids it. */
#include "net/tls_rig.h"
#include "support/suite.h"
#include <string.h>
#include <uvmqtt/error.h>

SUITE(tls_resume);

static struct tls_rig r;

static void use_version(int version) {
  SSL_CTX_set_max_proto_version(r.peer_ctx, version);
}

static void reconnect(bool resumes) {
  rig_again(&r);
  rig_up(&r);
  cr_expect_eq(r.security.resumed, resumes);
}

Test(tls_resume, the_next_connection_resumes_on_both_versions) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    rig_init(&r);
    use_version(version);
    rig_up(&r);
    cr_expect_not(r.security.resumed);
    for (int i = 0; i < 5; i++)
      reconnect(true);
    cr_expect(r.security.verified);
    rig_done(&r);
  }
}

Test(tls_resume, also_after_an_end_without_close_notify) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    rig_init(&r);
    use_version(version);
    rig_up(&r);
    memstream_end(r.below, UV_ECONNRESET);
    reconnect(true);
    rig_done(&r);
  }
}

/* T22 */
Test(tls_resume, never_for_another_port_host_or_setting) {
  rig_init(&r);
  rig_up(&r);
  r.port = 8884;
  reconnect(false);
  r.port = 8883;
  reconnect(true);
  r.host = "127.0.0.1";
  reconnect(false);
  r.host = "localhost";
  reconnect(true);
  uvmqtt_tls_set_verify_mode(r.tls, UVMQTT_CERT_NONE);
  reconnect(false);
  uvmqtt_tls_set_verify_mode(r.tls, UVMQTT_CERT_REQUIRED);
  reconnect(false);
  reconnect(true);
  rig_done(&r);
}

/* T22: the key was trusted then, and is not now. */
Test(tls_resume, never_past_a_new_pin) {
  char pin[65] =
      "0000000000000000000000000000000000000000000000000000000000000000";
  rig_init(&r);
  rig_up(&r);
  rig_again(&r);
  cr_assert_eq(uvmqtt_tls_add_pin(r.tls, pin), 0);
  rig_refuses(&r, UVMQTT_EPIN, "pinned");
  rig_done(&r);
}

Test(tls_resume, a_refused_handshake_leaves_nothing_to_resume) {
  rig_init(&r);
  r.host = "example.com";
  rig_refuses(&r, UVMQTT_EHOSTNAME, "mismatch");
  rig_again(&r);
  rig_refuses(&r, UVMQTT_EHOSTNAME, "mismatch");
  rig_done(&r);
}

Test(tls_resume, can_be_switched_off) {
  rig_init(&r);
  cr_assert_eq(uvmqtt_tls_set_resumption(r.tls, false), 0);
  rig_up(&r);
  reconnect(false);
  reconnect(false);
  rig_done(&r);
}

/* T22: one name may be that of several servers. */
Test(tls_resume, never_at_another_host_of_the_same_name) {
  rig_init(&r);
  cr_assert_eq(uvmqtt_tls_set_server_name(r.tls, "localhost"), 0);
  rig_up(&r);
  r.host = "10.0.0.7";
  reconnect(false);
  reconnect(true);
  r.host = "localhost";
  reconnect(true);
  cr_assert_eq(uvmqtt_tls_set_server_name(r.tls, NULL), 0);
  reconnect(false);
  rig_done(&r);
}

/* An SSL_CTX of the caller's. */

static SSL_CTX *wrapped;

static void wrap(void) {
  wrapped = SSL_CTX_new(TLS_client_method());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(wrapped), r.ca.cert);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_PEER, NULL);
  uvmqtt_tls_free(r.tls);
  cr_assert_eq(uvmqtt_tls_wrap(wrapped, &r.tls), 0);
  SSL_CTX_free(wrapped); /* r.tls has it */
}

static unsigned heard_sessions;

static int on_their_session(SSL *ssl, SSL_SESSION *session) {
  (void)ssl;
  (void)session;
  ++heard_sessions;
  return 0;
}

Test(tls_resume, with_an_ssl_ctx_of_the_callers_and_its_callback) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    rig_init(&r);
    use_version(version);
    wrap();
    SSL_CTX_set_session_cache_mode(wrapped, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(wrapped, on_their_session);
    heard_sessions = 0;
    rig_up(&r);
    cr_expect_gt(heard_sessions, 0);
    for (int i = 0; i < 4; i++)
      reconnect(true);
    cr_expect(r.security.verified);
    r.host = "127.0.0.1";
    reconnect(false);
    rig_done(&r);
  }
}

Test(tls_resume, with_an_ssl_ctx_as_it_was_made) {
  rig_init(&r);
  wrap();
  rig_up(&r);
  memstream_end(r.below, UV_ECONNRESET);
  reconnect(true);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_NONE, NULL);
  reconnect(false);
  SSL_CTX_set_verify(wrapped, SSL_VERIFY_PEER, NULL);
  reconnect(true);
  SSL_CTX_set_session_cache_mode(wrapped, SSL_SESS_CACHE_OFF);
  reconnect(false);
  reconnect(false);
  rig_done(&r);
}

/* So that nobody can link connections by it. */
Test(tls_resume, a_ticket_of_an_ssl_ctx_is_used_once) {
  rig_init(&r);
  wrap();
  rig_up(&r);
  SSL_CTX_set_num_tickets(r.peer_ctx, 0);
  reconnect(true);
  reconnect(false);
  rig_done(&r);
}

/* Else a server that dislikes it and says nothing would never be reached. */
Test(tls_resume, what_a_handshake_failed_with_is_not_offered_again) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    rig_init(&r);
    SSL_CTX_set_num_tickets(r.peer_ctx, 1);
    use_version(version);
    rig_up(&r);
    rig_again(&r);
    rig_connect(&r);
    memstream_end(r.below, UV_ECONNRESET);
    reconnect(false);
    reconnect(true);
    rig_done(&r);
  }
}

/* T20 */
Test(tls_resume, a_flood_of_tickets_is_bounded) {
  rig_init(&r);
  rig_up(&r);
  for (int i = 0; i < 500; i++) {
    cr_assert_eq(SSL_new_session_ticket(r.peer), 1);
    rig_peer_write(&r, "x", 1);
    rig_carry(&r);
  }
  cr_expect_eq(r.got.len, 500);
  cr_expect_eq(r.count[ENDED], 0);
  rig_done(&r);
}

/* T23: a ticket that allows early data. */
Test(tls_resume, early_data_is_never_sent) {
  rig_init(&r);
  SSL_CTX_set_max_early_data(r.peer_ctx, 16384);
  rig_up(&r);
  rig_again(&r);
  rig_connect(&r);
  cr_assert_eq(r.count[CONNECTED], 0);
  BIO_write(r.peer_in, um_buf_head(&r.below->out), (int)r.below->out.len);
  um_buf_consume(&r.below->out, r.below->out.len);
  char text[10];
  size_t n = 0;
  SSL_read_early_data(r.peer, text, sizeof text, &n);
  cr_expect_eq(n, 0);
  cr_expect_neq(SSL_get_early_data_status(r.peer), SSL_EARLY_DATA_ACCEPTED);
  rig_done(&r);
}
