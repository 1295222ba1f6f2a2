#include "client/options.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "client/rig.h"
#include "support/suite.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

SUITE(options);

#define URL .url = "mqtt://127.0.0.1"

static void read_ok(const uvmqtt_options_t *o, struct um_options *ret) {
  int r = um_options_read(o, ret);
  cr_assert_eq(r, 0, "%s", uvmqtt_err_name(r));
}

Test(options, every_default_is_the_documented_one) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, URL};
  struct um_options r;
  read_ok(&o, &r);
  cr_expect_eq(r.url.port, 1883);
  cr_expect_eq(r.shared->config.version, UVMQTT_VERSION_ANY);
  cr_expect_eq(r.shared->config.mode, UVMQTT_SESSION_KEEP);
  cr_expect_eq(r.shared->config.lost, UVMQTT_LOST_REPUBLISH);
  cr_expect_eq(r.shared->config.session_expiry, 300);
  cr_expect_eq(r.shared->config.keep_alive, 60);
  cr_expect_eq(r.shared->config.receive_maximum, 64);
  cr_expect_eq(r.shared->config.maximum_packet_size, 1024 * 1024);
  cr_expect_eq(r.shared->config.topic_alias_maximum, 0);
  cr_expect_eq(r.shared->config.topic_alias_out, 64);
  cr_expect_not(r.shared->config.request_response_information);
  cr_expect_not(r.shared->config.no_problem_information);
  cr_expect_eq(r.shared->config.queue_messages, 10000);
  cr_expect_eq(r.shared->config.queue_bytes, 64 * 1024 * 1024);
  cr_expect_not(r.shared->config.drop_properties);
  cr_expect_not(r.shared->plain_credentials);
  cr_expect(r.who.username == NULL && r.who.password.data == NULL);
  cr_expect(r.who.will == NULL && r.who.n_properties == 0);
  cr_expect_eq(r.shared->connect_timeout, 30000);
  cr_expect_eq(r.shared->address_timeout, 10000);
  cr_expect_eq(r.shared->reconnect_min, 1000);
  cr_expect_eq(r.shared->reconnect_max, 60000);
  cr_expect_eq(r.shared->reconnect_stable, 10000);
  cr_expect(r.shared->reconnect);
  um_options_done(&r);
}

Test(options, given_values_are_taken) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = "mqtt://a:b@h:5",
                        .client_id = "me",
                        .version = UVMQTT_VERSION_5,
                        .session = UVMQTT_SESSION_RESUME,
                        .session_lost = UVMQTT_LOST_FAIL,
                        .session_expiry = UVMQTT_FOREVER,
                        .keep_alive = 65535,
                        .receive_maximum = 65535,
                        .maximum_packet_size = UINT32_MAX,
                        .topic_alias_maximum = 65535,
                        .topic_alias_out = 65535,
                        .request_response_information = true,
                        .no_problem_information = true,
                        .queue_messages = 1,
                        .queue_bytes = 2,
                        .connect_timeout = 3,
                        .address_timeout = 4,
                        .reconnect_min = 5,
                        .reconnect_max = UINT32_MAX,
                        .reconnect_stable = 7,
                        .drop_properties = true,
                        .plain_credentials = true};
  struct um_options r;
  read_ok(&o, &r);
  cr_expect_str_eq(r.who.client_id, "me");
  cr_expect_str_eq(r.who.username, "a");
  cr_expect_eq(r.who.password.len, 1);
  cr_expect_eq(memcmp(r.who.password.data, "b", 1), 0);
  cr_expect_eq(r.shared->config.version, UVMQTT_VERSION_5);
  cr_expect_eq(r.shared->config.mode, UVMQTT_SESSION_RESUME);
  cr_expect_eq(r.shared->config.lost, UVMQTT_LOST_FAIL);
  cr_expect_eq(r.shared->config.session_expiry, UVMQTT_FOREVER);
  cr_expect_eq(r.shared->config.keep_alive, 65535);
  cr_expect_eq(r.shared->config.receive_maximum, 65535);
  cr_expect_eq(r.shared->config.maximum_packet_size, UINT32_MAX);
  cr_expect_eq(r.shared->config.topic_alias_maximum, 65535);
  cr_expect_eq(r.shared->config.topic_alias_out, 65535);
  cr_expect(r.shared->config.request_response_information);
  cr_expect(r.shared->config.no_problem_information);
  cr_expect_eq(r.shared->config.queue_messages, 1);
  cr_expect_eq(r.shared->config.queue_bytes, 2);
  cr_expect_eq(r.shared->connect_timeout, 3);
  cr_expect_eq(r.shared->address_timeout, 4);
  cr_expect_eq(r.shared->reconnect_min, 5);
  cr_expect_eq(r.shared->reconnect_max, UINT32_MAX);
  cr_expect_eq(r.shared->reconnect_stable, 7);
  cr_expect(r.shared->config.drop_properties && r.shared->plain_credentials &&
            r.shared->reconnect);
  um_options_done(&r);
}

Test(options, off_says_none_where_zero_says_default) {
  uvmqtt_options_t o = {
      UVMQTT_OPTIONS_INIT,         URL,
      .keep_alive = UVMQTT_OFF,    .session_expiry = UVMQTT_OFF,
      .reconnect_max = UVMQTT_OFF, .topic_alias_out = UVMQTT_OFF};
  struct um_options r;
  read_ok(&o, &r);
  cr_expect_eq(r.shared->config.topic_alias_out, 0);
  cr_expect_eq(r.shared->config.keep_alive, 0);
  cr_expect_eq(r.shared->config.session_expiry, 0);
  cr_expect_not(r.shared->reconnect);
  um_options_done(&r);
}

Test(options, username_and_password_win_over_those_in_the_url) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://a:b@h",
                        .username = "x", .password = {"y\0z", 3}};
  struct um_options r;
  read_ok(&o, &r);
  cr_expect_str_eq(r.who.username, "x");
  cr_expect_eq(r.who.password.len, 3);
  cr_expect_eq(memcmp(r.who.password.data, "y\0z", 3), 0);
  um_options_done(&r);
}

Test(options, an_empty_password_is_a_password) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, URL, .username = "x",
                        .password = {"", 0}};
  struct um_options r;
  read_ok(&o, &r);
  cr_expect(r.who.password.data != NULL);
  cr_expect_eq(r.who.password.len, 0);
  um_options_done(&r);
}

/* [MQTT-3.1.3-5/both]: 23 bytes of digits and letters at most is what every
 * server must accept; the dash is beyond that, as in all clients. */
Test(options, a_random_client_id_is_short_and_differs) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, URL};
  struct um_options a, b;
  read_ok(&o, &a);
  read_ok(&o, &b);
  cr_expect_eq(strncmp(a.who.client_id, "uvmqtt-", 7), 0);
  cr_expect(strlen(a.who.client_id) <= 23);
  cr_expect(strlen(a.who.client_id) >= 7 + 12);
  cr_expect_str_neq(a.who.client_id, b.who.client_id);
  um_options_done(&a);
  um_options_done(&b);
}

Test(options, a_shorter_struct_of_older_headers_is_read_as_far_as_it_goes) {
  uvmqtt_options_t o = {URL, .client_id = "id", .username = "x",
                        .keep_alive = 7, .reconnect_stable = 1};
  o.size = offsetof(uvmqtt_options_t, username);
  struct um_options r;
  read_ok(&o, &r);
  cr_expect_str_eq(r.who.client_id, "id");
  cr_expect(r.who.username == NULL);
  cr_expect_eq(r.shared->config.keep_alive, 60);
  cr_expect_eq(r.shared->reconnect_stable, 10000);
  um_options_done(&r);
}

Test(options, a_longer_struct_is_legal_when_the_rest_is_zero) {
  struct {
    uvmqtt_options_t known;
    char more[16];
  } o;
  struct um_options r;
  memset(&o, 0, sizeof o);
  o.known.url = "mqtt://h";
  o.known.size = sizeof o;
  read_ok(&o.known, &r);
  um_options_done(&r);
  o.more[15] = 1;
  cr_expect_eq(um_options_read(&o.known, &r), UV_EINVAL);
}

/* Every refusal of uvmqtt_new, by what was done to good options. */

static char long_string[65537 + 1];

static char *repeated(size_t n) {
  memset(long_string, 'x', n);
  long_string[n] = '\0';
  return long_string;
}

static uvmqtt_message_t will = {.topic = "w"};
static uvmqtt_property_t property;

static int refusal(uvmqtt_options_t *o) {
  uv_loop_t loop;
  uvmqtt_t *m = (uvmqtt_t *)&loop;
  cr_assert_eq(uv_loop_init(&loop), 0);
  o->will = will.topic == NULL && will.payload.data == NULL ? NULL : o->will;
  int r = uvmqtt_new(&loop, o, &m);
  if (r == 0) {
    cr_assert_eq(uv_loop_alive(&loop), 0);
    uvmqtt_close(m, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
  } else {
    cr_expect_eq(m, (uvmqtt_t *)&loop, "*ret set though refused");
  }
  cr_assert_eq(uv_loop_close(&loop), 0);
  return r;
}

#define REFUSED(code, ...)                                                     \
  do {                                                                         \
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, URL, __VA_ARGS__};              \
    int got = refusal(&o);                                                     \
    cr_expect_eq(got, code, #__VA_ARGS__ ": %s", uvmqtt_err_name(got));        \
  } while (0)

Test(options, numbers_out_of_range) {
  REFUSED(UV_EINVAL, .keep_alive = 65536);
  REFUSED(UV_EINVAL, .keep_alive = -2);
  REFUSED(UV_EINVAL, .session_expiry = (int64_t)UVMQTT_FOREVER + 1);
  REFUSED(UV_EINVAL, .session_expiry = -2);
  REFUSED(UV_EINVAL, .topic_alias_out = -2);
  REFUSED(UV_EINVAL, .topic_alias_out = 65536);
  REFUSED(UV_EINVAL, .reconnect_max = -2);
  REFUSED(UV_EINVAL, .reconnect_max = (int64_t)UINT32_MAX + 1);
  REFUSED(UV_EINVAL, .version = (uvmqtt_protocol_t)3);
  REFUSED(UV_EINVAL, .session = (uvmqtt_session_mode_t)3);
  REFUSED(UV_EINVAL, .session = (uvmqtt_session_mode_t)-1);
  REFUSED(UV_EINVAL, .session_lost = (uvmqtt_session_lost_t)3);
  REFUSED(UV_EINVAL, .overflow = (uvmqtt_overflow_t)4);
  REFUSED(UV_EINVAL, .high_water = 1000, .low_water = 1000);
  REFUSED(UV_EINVAL, .low_water = 1024 * 1024);
  REFUSED(0, .high_water = 1000);
  REFUSED(0, .low_water = 1024 * 1024 - 1);
  REFUSED(UV_EINVAL, .username = "u", .password = {NULL, 1});
  REFUSED(0, .keep_alive = UVMQTT_OFF);
}

Test(options, urls) {
  uvmqtt_options_t none = {UVMQTT_OPTIONS_INIT};
  uvmqtt_options_t bad = {UVMQTT_OPTIONS_INIT, .url = "mqtt://"};
  uvmqtt_options_t secret = {UVMQTT_OPTIONS_INIT, .url = "mqtt://%ff@h"};
  cr_expect_eq(refusal(&none), UVMQTT_EURL);
  cr_expect_eq(refusal(&bad), UVMQTT_EURL);
  cr_expect_eq(refusal(&secret), UVMQTT_EUTF8);
}

Test(options, client_ids) {
  REFUSED(UVMQTT_ECLIENTID, .client_id = "\xff");
  REFUSED(UVMQTT_ECLIENTID, .client_id = repeated(65536));
  REFUSED(0, .client_id = repeated(65535));
  /* [MQTT-3.1.3-7/311] */
  REFUSED(UVMQTT_ECLIENTID, .client_id = "", .version = UVMQTT_VERSION_311);
  REFUSED(0, .client_id = "", .version = UVMQTT_VERSION_311,
          .session = UVMQTT_SESSION_CLEAN);
  REFUSED(0, .client_id = "");
}

Test(options, credentials) {
  REFUSED(UVMQTT_EUTF8, .username = "\xc0\x80");
  REFUSED(UVMQTT_EUTF8, .username = repeated(65536));
  REFUSED(0, .username = repeated(65535));
  REFUSED(UV_EINVAL, .username = "u", .password = {repeated(65536), 65536});
  /* [MQTT-3.1.2-22/311] */
  REFUSED(UVMQTT_ENOTSUP, .version = UVMQTT_VERSION_311, .password = {"p", 1});
  REFUSED(0, .password = {"p", 1});
}

static void never(uvmqtt_t *m, const uvmqtt_auth_t *auth) {
  (void)m, (void)auth;
}

Test(options, authentication_methods) {
  struct um_options r;
  uvmqtt_options_t given = {UVMQTT_OPTIONS_INIT, URL, .auth_method = "SCRAM",
                            .on_auth = never};
  read_ok(&given, &r);
  cr_expect_str_eq(r.who.auth_method, "SCRAM");
  cr_expect_neq(r.who.auth_method, given.auth_method);
  um_options_done(&r);
  int result = UV_ENOMEM;
  for (uint64_t n = 1; result != 0; n++) {
    um_alloc_fail_at(n, true);
    result = um_options_read(&given, &r);
    um_alloc_fail_at(0, false);
    cr_assert(result == 0 || result == UV_ENOMEM);
    cr_assert_lt(n, 20);
  }
  um_options_done(&r);
  REFUSED(UV_EINVAL, .auth_method = "m"); /* who would answer? */
  REFUSED(UV_EINVAL, .auth_method = "", .on_auth = never);
  REFUSED(UVMQTT_EUTF8, .auth_method = "\xff", .on_auth = never);
  REFUSED(UVMQTT_EUTF8, .auth_method = repeated(65536), .on_auth = never);
  REFUSED(UVMQTT_ENOTSUP, .auth_method = "m", .on_auth = never,
          .version = UVMQTT_VERSION_311);
  REFUSED(0, .auth_method = repeated(65535), .on_auth = never);
  REFUSED(0, .on_auth = never);
}

#define WILL(...)                                                              \
  .will = &(uvmqtt_message_t) {                                                \
    __VA_ARGS__                                                                \
  }

Test(options, wills) {
  static const uvmqtt_property_t alias = UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, 1);
  static const uvmqtt_property_t delay =
      UVMQTT_PROPERTY_NUM(WILL_DELAY_INTERVAL, 5);
  REFUSED(UVMQTT_ETOPIC, WILL(.topic = NULL));
  REFUSED(UVMQTT_ETOPIC, WILL(.topic = ""));
  REFUSED(UVMQTT_ETOPIC, WILL(.topic = "a/+"));
  REFUSED(UVMQTT_ETOPIC, WILL(.topic = "#"));
  REFUSED(UVMQTT_EQOS, WILL(.topic = "w", .qos = 3));
  REFUSED(UVMQTT_EPROPERTY,
          WILL(.topic = "w", .properties = &alias, .n_properties = 1));
  REFUSED(0, WILL(.topic = "w", .properties = &delay, .n_properties = 1));
  REFUSED(0, WILL(.topic = "w", .payload = {repeated(65535), 65535}));
  cr_expect_lt(refusal(&(uvmqtt_options_t){
                   UVMQTT_OPTIONS_INIT, URL,
                   WILL(.topic = "w", .payload = {repeated(65536), 65536})}),
               0);
}

Test(options, properties_of_connect_are_user_properties_only) {
  property = (uvmqtt_property_t)UVMQTT_PROPERTY_NUM(RECEIVE_MAXIMUM, 5);
  REFUSED(UVMQTT_EPROPERTY, .properties = &property, .n_properties = 1);
  REFUSED(UVMQTT_EPROPERTY, .properties = NULL, .n_properties = 1);
  property = (uvmqtt_property_t)UVMQTT_USER_PROPERTY("k", "\xff");
  cr_expect_lt(
      refusal(&(uvmqtt_options_t){UVMQTT_OPTIONS_INIT, URL,
                                  .properties = &property, .n_properties = 1}),
      0);
  property = (uvmqtt_property_t)UVMQTT_USER_PROPERTY("k", "v");
  REFUSED(0, .properties = &property, .n_properties = 1);
}

Test(options, pointers_and_sizes) {
  uv_loop_t loop;
  uvmqtt_t *m;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, URL};
  cr_assert_eq(uv_loop_init(&loop), 0);
  cr_expect_eq(uvmqtt_new(NULL, &o, &m), UV_EINVAL);
  cr_expect_eq(uvmqtt_new(&loop, NULL, &m), UV_EINVAL);
  cr_expect_eq(uvmqtt_new(&loop, &o, NULL), UV_EINVAL);
  o.size = 0;
  cr_expect_eq(uvmqtt_new(&loop, &o, &m), UV_EINVAL);
  o.size = sizeof(size_t);
  cr_expect_eq(uvmqtt_new(&loop, &o, &m), UV_EINVAL);
  cr_assert_eq(uv_loop_close(&loop), 0);
}
