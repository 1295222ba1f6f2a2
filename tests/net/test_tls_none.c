/* A library without TLS: nothing works, and never in clear text instead. It
 * has lib/net/tls_none.c before the library, where that wins. */
#include "net/tls.h"
#include "support/suite.h"
#include <uvmqtt/error.h>

SUITE(tls_none);

static uvmqtt_tls_t *const none = NULL;

Test(tls_none, ways_with_tls_are_not_supported) {
  cr_expect_eq(um_route_check(UM_TRANSPORT_TLS), UVMQTT_ENOTSUP);
  cr_expect_eq(um_route_check(UM_TRANSPORT_WSS), UVMQTT_ENOTSUP);
  cr_expect_eq(um_route_check(UM_TRANSPORT_TCP), 0);
}

Test(tls_none, a_route_with_tls_is_not_made) {
  struct um_server server = {.host = "127.0.0.1", .port = 1};
  struct um_route route = {
      .transport = UM_TRANSPORT_TLS, .servers = &server, .n_servers = 1};
  struct um_stream *s = NULL;
  cr_expect_eq(um_route_open(&route, NULL, NULL, &s), UVMQTT_ENOTSUP);
  cr_expect_null(s);
}

Test(tls_none, each_call_says_so) {
  uvmqtt_tls_t *tls = NULL;
  uvmqtt_bytes_t key = {"k", 1};
  cr_expect_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &tls), UVMQTT_ENOTSUP);
  cr_expect_eq(uvmqtt_tls_wrap(NULL, &tls), UVMQTT_ENOTSUP);
  cr_expect_eq(um_tls_default(&tls), UVMQTT_ENOTSUP);
  cr_expect_eq(um_tls_prepare(none), UVMQTT_ENOTSUP);
  cr_expect_eq(um_tls_check_host("h"), UVMQTT_ENOTSUP);
  cr_expect_eq(um_tls_warnings(none), 0);
  cr_expect_null(uvmqtt_tls_ref(none));
  uvmqtt_tls_free(none);
  cr_expect_str_eq(uvmqtt_tls_error(none),
                   "this library was built without TLS");
  int codes[] = {
      uvmqtt_tls_set_verify_mode(none, UVMQTT_CERT_NONE),
      uvmqtt_tls_load_verify_locations(none, "x"),
      uvmqtt_tls_load_cert_chain(none, "x", NULL),
      uvmqtt_tls_set_passphrase_cb(none, NULL, NULL),
      uvmqtt_tls_load_crl(none, "x", UVMQTT_CRL_LEAF),
      uvmqtt_tls_add_pin(none, "x"),
      uvmqtt_tls_require_staple(none, true),
      uvmqtt_tls_set_alpn(none, NULL, 0),
      uvmqtt_tls_set_versions(none, UVMQTT_TLS_1_2, UVMQTT_TLS_1_3),
      uvmqtt_tls_set_ciphers(none, "x"),
      uvmqtt_tls_set_ciphersuites(none, "x"),
      uvmqtt_tls_set_psk(none, "x", key),
      uvmqtt_tls_set_server_name(none, "x"),
      uvmqtt_tls_set_keylog_file(none, "x"),
      uvmqtt_tls_set_resumption(none, true),
      uvmqtt_tls_set_low_memory(none, true),
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    cr_expect_eq(codes[i], UVMQTT_ENOTSUP);
}
