/* What uvmqtt_simple_new and set_last_will take and refuse. No peer. */
#include "support/suite.h"
#include <string.h>
#include <uv.h>
#include <uvmqtt/simple.h>

SUITE(options);

static uvmqtt_simple_options_t good(void) {
  return (uvmqtt_simple_options_t){UVMQTT_SIMPLE_OPTIONS_INIT,
                                   .server = "127.0.0.1"};
}

static void expect(const uvmqtt_simple_options_t *options, int want) {
  uvmqtt_simple_t *c = NULL;
  int r = uvmqtt_simple_new(options, &c);
  cr_assert(r == want, "%s", uvmqtt_err_name(r));
  cr_assert((c == NULL) == (want != 0));
  uvmqtt_simple_free(c);
}

Test(options, need_a_server_only) {
  uvmqtt_simple_options_t o = good();
  expect(&o, 0);
  o.server = NULL;
  expect(&o, UV_EINVAL);
  expect(NULL, UV_EINVAL);
  o = good();
  cr_assert(uvmqtt_simple_new(&o, NULL) == UV_EINVAL);
}

Test(options, of_another_size) {
  struct {
    uvmqtt_simple_options_t known;
    int unknown;
  } longer = {.known = good()};
  uvmqtt_simple_options_t o = good();
  o.size = offsetof(uvmqtt_simple_options_t, user);
  o.user = (const char *)1; /* not looked at */
  expect(&o, 0);
  o.size = 0;
  expect(&o, UV_EINVAL);
  longer.known.size = sizeof longer;
  expect(&longer.known, 0);
  longer.unknown = 1;
  expect(&longer.known, UV_EINVAL);
}

Test(options, take_names_and_addresses) {
  static const char *const servers[] = {"localhost", "broker.example",
                                        "10.0.0.1", "::1", "fe80::1%eth0"};
  uvmqtt_simple_options_t o = good();
  for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
    o.server = servers[i];
    expect(&o, 0);
  }
}

Test(options, refuse_what_is_no_server) {
  static const char *const servers[] = {
      "", "a b", "a/b", "mqtt://a", "host:1883", "user@host", "[::1]", "a?b"};
  uvmqtt_simple_options_t o = good();
  for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
    o.server = servers[i];
    expect(&o, UVMQTT_EURL);
  }
}

Test(options, refuse_what_a_client_refuses) {
  uvmqtt_simple_options_t o = good();
  o.password = "p"; /* [MQTT-3.1.2-22/311] */
  expect(&o, UVMQTT_ENOTSUP);
  o.version = UVMQTT_VERSION_5;
  expect(&o, 0);
  o = good();
  o.user = "\xff";
  expect(&o, UVMQTT_EUTF8);
  o = good();
  o.client_id = "\xff";
  expect(&o, UVMQTT_ECLIENTID);
  o = good();
  o.version = (uvmqtt_protocol_t)3; /* MQTT 3.1 */
  expect(&o, UVMQTT_ENOTSUP);
  o.version = (uvmqtt_protocol_t)6;
  expect(&o, UV_EINVAL);
}

/* [MQTT-3.1.3-7/311], [MQTT-3.1.3-8/311] */
Test(options, an_empty_client_id_needs_a_clean_session) {
  uvmqtt_simple_options_t o = good();
  uvmqtt_simple_t *c;
  o.client_id = "";
  cr_assert(uvmqtt_simple_new(&o, &c) == 0);
  cr_assert(uvmqtt_simple_connect(c, false, 100) == UVMQTT_ECLIENTID);
  uvmqtt_simple_free(c);
}

Test(options, a_bad_will_is_refused) {
  uvmqtt_simple_options_t o = good();
  uvmqtt_bytes_t x = {"x", 1}, none = {NULL, 0}, nowhere = {NULL, 1};
  uvmqtt_simple_t *c;
  cr_assert(uvmqtt_simple_new(&o, &c) == 0);
  cr_assert(uvmqtt_simple_set_last_will(c, "w", x, true, 2) == 0);
  cr_assert(uvmqtt_simple_set_last_will(c, "w", none, true, 2) == 0);
  cr_assert(uvmqtt_simple_set_last_will(c, "w", nowhere, true, 2) == UV_EINVAL);
  cr_assert(uvmqtt_simple_set_last_will(c, "w/#", x, true, 2) == UVMQTT_ETOPIC);
  cr_assert(uvmqtt_simple_set_last_will(c, "w", x, true, 3) == UVMQTT_EQOS);
  cr_assert(uvmqtt_simple_set_last_will(c, NULL, none, false, 0) == 0);
  cr_assert(uvmqtt_simple_set_last_will(NULL, "w", x, false, 0) == UV_EINVAL);
  uvmqtt_simple_free(c);
}

Test(options, null_is_no_client) {
  uvmqtt_bytes_t x = {"x", 1};
  uvmqtt_simple_free(NULL);
  uvmqtt_simple_set_callback(NULL, NULL, NULL);
  cr_assert(uvmqtt_simple_connect(NULL, true, 0) == UV_EINVAL);
  cr_assert(uvmqtt_simple_disconnect(NULL) == UV_EINVAL);
  cr_assert(uvmqtt_simple_ping(NULL) == UV_EINVAL);
  cr_assert(uvmqtt_simple_publish(NULL, "a", x, false, 0) == UV_EINVAL);
  cr_assert(uvmqtt_simple_subscribe(NULL, "a", 0) == UV_EINVAL);
  cr_assert(uvmqtt_simple_unsubscribe(NULL, "a") == UV_EINVAL);
  cr_assert(uvmqtt_simple_wait_msg(NULL, 0) == UV_EINVAL);
  cr_assert(uvmqtt_simple_check_msg(NULL) == UV_EINVAL);
  cr_assert(uvmqtt_simple_loop(NULL) == NULL);
  cr_assert(uvmqtt_simple_last_error(NULL)->code == 0);
}
