/* Enhanced authentication through all layers. No packaged broker has a simple
 * method: the peer is scripted (support/broker.h). */
#include "client/client.h"
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(auth);

#define FAST .reconnect_min = 4, .reconnect_max = 40
#define SECRET "planted-secret"
#define CONTINUE "AUTH reason=0x18 authentication_method=m"
#define ACCEPT "CONNACK authentication_method=m"

static struct rig r;
static unsigned asked[3]; /* on_auth, by step */
static char data[64];     /* of the latest */
static void (*on[3])(void);
static bool before_connect; /* no on_connect had come before SUCCESS */

static uvmqtt_bytes_t bytes(const char *text) {
  return (uvmqtt_bytes_t){text, text == NULL ? 0 : strlen(text)};
}

static int say(const char *text) {
  int result;
  IN_CALL(&r, result, uvmqtt_auth(r.g.m, bytes(text), NULL, 0));
  return result;
}

static int renew(const char *text) {
  int result;
  IN_CALL(&r, result,
          uvmqtt_reauthenticate(r.g.m, bytes(text), NULL, 0, guest_completed(),
                                (char *)&r.g + r.g.requests, NULL));
  r.g.requests += result == 0;
  return result;
}

static void on_auth(uvmqtt_t *m, const uvmqtt_auth_t *a) {
  cr_assert_not(r.in_call, "a callback inside a call");
  cr_assert_not(r.g.closing, "on_auth after uvmqtt_close");
  cr_assert_eq(m, r.g.m);
  cr_assert_str_eq(a->method, "m");
  snprintf(data, sizeof data, "%.*s", (int)a->data.len,
           a->data.data == NULL ? "" : (const char *)a->data.data);
  asked[a->step]++;
  if (a->step == UVMQTT_AUTH_SUCCESS)
    before_connect = r.g.n[CONNECTED] == 0;
  if (on[a->step] != NULL)
    on[a->step]();
}

static void open_with(uvmqtt_options_t o) {
  memset(asked, 0, sizeof asked);
  memset(on, 0, sizeof on);
  rig_open(&r);
  r.b.in_turn = true;
  o.auth_method = "m";
  o.on_auth = on_auth;
  guest_open(&r, &r.g, &o);
}

static void begin(void) {
  open_with((uvmqtt_options_t){UVMQTT_OPTIONS_INIT, FAST});
}

static void online(void) {
  begin();
  rig_online(&r, NULL, ACCEPT);
}

static void say_first(void) {
  cr_assert_eq(say("first"), 0);
}

static void say_final(void) {
  cr_assert_eq(say("final"), 0);
}

static void leave_now(void) {
  cr_assert_eq(guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0), 0);
}

static void close_now(void) {
  guest_close(&r.g);
}

/* Exchanges that succeed. */

Test(auth, scram_like_with_answers_inside_the_callback) {
  begin();
  on[UVMQTT_AUTH_START] = say_first;
  on[UVMQTT_AUTH_CONTINUE] = say_final;
  guest_publish(&r.g, "t", "queued", 1);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 client_id=c authentication_method=m "
            "authentication_data=first ...");
  SAYS(&r, CONTINUE " authentication_data=challenge");
  /* [MQTT-3.1.2-30/5]: the message waits */
  HEARS(&r, CONTINUE " authentication_data=final");
  cr_expect_str_eq(data, "challenge");
  SAYS(&r, ACCEPT " authentication_data=verifier");
  HEARS(&r, "PUBLISH id=1 qos=1 topic=t payload=queued");
  cr_expect_str_eq(data, "verifier");
  cr_expect(before_connect);
  cr_expect_eq(r.g.n[CONNECTED], 1);
  cr_expect_eq(asked[UVMQTT_AUTH_START], 1);
  cr_expect_eq(asked[UVMQTT_AUTH_CONTINUE], 1);
  cr_expect_eq(asked[UVMQTT_AUTH_SUCCESS], 1);
  SAYS(&r, "PUBACK id=1");
  UNTIL(&r, r.g.n[COMPLETED] == 1);
  rig_close(&r);
}

/* As from a key server: out of any callback of ours. */
Test(auth, an_answer_may_come_later) {
  begin();
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 client_id=c authentication_method=m ...");
  SAYS(&r, CONTINUE);
  UNTIL(&r, asked[UVMQTT_AUTH_CONTINUE] == 1);
  rig_hears_nothing(&r, 30);
  cr_assert_eq(say("later"), 0);
  cr_assert_eq(say("again"), UVMQTT_ESTALE);
  HEARS(&r, CONTINUE " authentication_data=later");
  SAYS(&r, ACCEPT);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_close(&r);
}

Test(auth, every_connection_begins_anew) {
  begin();
  on[UVMQTT_AUTH_START] = say_first;
  rig_online(&r, NULL, ACCEPT);
  broker_resets(&r.b);
  HEARS(&r, "CONNECT version=5 authentication_method=m "
            "authentication_data=first ...");
  SAYS(&r, CONTINUE);
  UNTIL(&r, asked[UVMQTT_AUTH_CONTINUE] == 1);
  broker_resets(&r.b); /* the question is void */
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(say("late"), UVMQTT_ESTALE);
  HEARS(&r, "CONNECT version=5 authentication_method=m "
            "authentication_data=first ...");
  SAYS(&r, ACCEPT);
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_eq(asked[UVMQTT_AUTH_START], 3);
  rig_close(&r);
}

/* Exchanges that do not. */

static void refused_with(const char *line, int code, uint8_t reason,
                         const char *answer) {
  begin();
  guest_publish(&r.g, "t", "queued", 1);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, line);
  if (answer != NULL)
    HEARS(&r, answer);
  rig_hears_end(&r);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, code, "%s", uvmqtt_err_name(r.g.error.code));
  cr_expect_eq(r.g.error.reason, reason);
  cr_expect_neq(*r.g.hint, '\0');
  cr_expect_eq(r.g.n[CONNECTED], 0);
  cr_expect_eq(asked[UVMQTT_AUTH_SUCCESS], 0);
  rig_close(&r);
}

Test(auth, the_server_does_not_believe_us) {
  refused_with("CONNACK reason=0x87", UVMQTT_EREFUSED, 0x87, NULL);
  cr_expect_geq(r.g.retry_in, 30000); /* not at speed */
}

Test(auth, the_server_does_not_know_the_method) {
  refused_with("CONNACK reason=0x8c", UVMQTT_EREFUSED, 0x8C, NULL);
  cr_expect_geq(r.g.retry_in, 30000);
  cr_expect_str_eq(r.g.hint, "the server does not know this .auth_method");
}

/* [MQTT-4.12.0-5/5] N68 */
Test(auth, a_server_that_ignores_the_method_is_not_trusted) {
  refused_with("CONNACK", UVMQTT_EPROTOCOL, 0, "DISCONNECT reason=0x82");
}

Test(auth, another_method_is_a_violation) {
  refused_with("AUTH reason=0x18 authentication_method=PLAIN", UVMQTT_EPROTOCOL,
               0, "DISCONNECT reason=0x82");
}

/* N68 */
Test(auth, endless_rounds_are_ended) {
  begin();
  on[UVMQTT_AUTH_CONTINUE] = say_final;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  for (int i = 0; i < 16; i++) {
    SAYS(&r, CONTINUE);
    HEARS(&r, CONTINUE " authentication_data=final");
  }
  SAYS(&r, CONTINUE);
  HEARS(&r, "DISCONNECT reason=0x8c");
  rig_hears_end(&r);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_EAUTH);
  cr_expect_geq(r.g.retry_in, 30000);
  cr_expect_eq(asked[UVMQTT_AUTH_CONTINUE], 16);
  rig_close(&r);
}

Test(auth, a_user_who_never_answers_runs_into_the_connect_timeout) {
  open_with(
      (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, FAST, .connect_timeout = 50});
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, CONTINUE);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(asked[UVMQTT_AUTH_CONTINUE], 1);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  cr_expect_eq(say("late"), UVMQTT_ESTALE);
  rig_close(&r);
}

/* It would skip the authentication. */
static void stays_with_5(const char *line) {
  begin();
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, line);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_EVERSION);
  cr_expect_geq(r.g.retry_in, 30000);
  cr_expect_eq(guest_connect(&r.g), 0); /* at once */
  HEARS(&r, "CONNECT version=5 ...");
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(auth, does_not_fall_back_to_311) {
  stays_with_5("CONNACK reason=0x84");
  stays_with_5("20 02 00 01");
}

Test(auth, does_not_fall_back_to_311_when_the_server_is_silent) {
  begin();
  guest_connect(&r.g);
  for (int i = 0; i < 4; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    broker_hangs_up(&r.b);
  }
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

/* The user does not believe the server, or has enough. */

static void leaves_at(uvmqtt_auth_step_t step, const char *line) {
  begin();
  on[step] = leave_now;
  guest_publish(&r.g, "t", "for-the-real-server-only", 1);
  guest_connect(&r.g);
  if (line != NULL) {
    HEARS(&r, "CONNECT ...");
    SAYS(&r, line);
  }
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.left, 0);
  UNTIL(&r, r.b.link != NULL);
  rig_hears_end(&r); /* not a byte more */
  cr_expect_eq(r.g.n[CONNECTED], 0);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_OFFLINE);
  if (step == UVMQTT_AUTH_START)
    cr_expect_eq(guest_stats(&r.g).packets_sent, 0);
  on[step] = NULL;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, ACCEPT);
  HEARS(&r, "PUBLISH id=1 qos=1 topic=t payload=for-the-real-server-only");
  rig_close(&r);
}

static void closes_at(uvmqtt_auth_step_t step, const char *line) {
  begin();
  on[step] = close_now;
  guest_publish(&r.g, "t", "queued", 1);
  guest_connect(&r.g);
  if (line != NULL) {
    HEARS(&r, "CONNECT ...");
    SAYS(&r, line);
  }
  UNTIL(&r, r.g.closed);
  UNTIL(&r, r.b.link != NULL);
  rig_hears_end(&r);
  cr_expect_eq(r.g.n[CONNECTED], 0);
  cr_expect_eq(r.g.status[0], UV_ECANCELED);
  rig_close(&r);
}

Test(auth, leaving_where_it_starts_sends_no_connect) {
  leaves_at(UVMQTT_AUTH_START, NULL);
}

Test(auth, leaving_in_a_round_cuts_the_connection) {
  leaves_at(UVMQTT_AUTH_CONTINUE, CONTINUE);
}

Test(auth, leaving_at_success_means_the_server_is_not_believed) {
  leaves_at(UVMQTT_AUTH_SUCCESS, ACCEPT " authentication_data=forged");
}

Test(auth, closing_in_any_step_is_fine) {
  closes_at(UVMQTT_AUTH_START, NULL);
  closes_at(UVMQTT_AUTH_CONTINUE, CONTINUE);
  closes_at(UVMQTT_AUTH_SUCCESS, ACCEPT);
}

/* Re-authentication. */

/* [MQTT-4.12.1-1/5] */
Test(auth, re_authenticates_while_messages_flow) {
  online();
  cr_assert_eq(renew("token"), 0);
  cr_assert_eq(renew("two at once"), UV_EALREADY);
  HEARS(&r, "AUTH reason=0x19 authentication_method=m "
            "authentication_data=token");
  guest_publish(&r.g, "t", "x", 0);
  HEARS(&r, "PUBLISH topic=t payload=x");
  SAYS(&r, "PUBLISH topic=u payload=y");
  SAYS(&r, CONTINUE " authentication_data=q");
  UNTIL(&r, asked[UVMQTT_AUTH_CONTINUE] == 1);
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  cr_assert_eq(say("a"), 0);
  HEARS(&r, CONTINUE " authentication_data=a");
  cr_expect_eq(r.g.completions[0], 0);
  SAYS(&r, "AUTH reason=0x00 authentication_method=m authentication_data=v");
  UNTIL(&r, r.g.completions[0] == 1);
  cr_expect_eq(r.g.status[0], 0);
  cr_expect_eq(asked[UVMQTT_AUTH_SUCCESS], 2);
  cr_expect_str_eq(data, "v");
  cr_expect_eq(renew("next"), 0);
  HEARS(&r, "AUTH reason=0x19 authentication_method=m "
            "authentication_data=next");
  SAYS(&r, "f0 00");
  UNTIL(&r, r.g.completions[2] == 1);
  cr_expect_eq(r.g.status[2], 0);
  rig_close(&r);
}

/* [MQTT-4.12.1-2/5] */
Test(auth, a_refused_re_authentication_ends_the_connection) {
  online();
  cr_assert_eq(renew("old"), 0);
  HEARS(&r, "AUTH reason=0x19 ...");
  SAYS(&r, "DISCONNECT reason=0x87");
  UNTIL(&r, r.g.n[COMPLETED] == 1);
  cr_expect_eq(r.g.status[0], UVMQTT_EREASON);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_EDISCONNECTED);
  cr_expect_eq(r.g.error.reason, 0x87);
  rig_close(&r);
}

static void ends_with(void (*how)(void), int status) {
  online();
  guest_publish(&r.g, "t", "before", 1);
  cr_assert_eq(renew("x"), 0);
  guest_publish(&r.g, "t", "after", 1);
  HEARS(&r, "PUBLISH ...");
  HEARS(&r, "AUTH reason=0x19 ...");
  how();
  UNTIL(&r, r.g.completions[1] == 1);
  cr_expect_eq(r.g.status[1], status, "%s", uvmqtt_err_name(r.g.status[1]));
}

static void reset_now(void) {
  broker_resets(&r.b);
}

static void violate(void) {
  SAYS(&r, "AUTH reason=0x18 authentication_method=n");
}

Test(auth, a_re_authentication_completes_once_however_it_ends) {
  ends_with(reset_now, UV_ECONNRESET);
  rig_close(&r);
  ends_with(leave_now, UV_ECANCELED);
  rig_close(&r);
  ends_with(violate, UVMQTT_EPROTOCOL);
  rig_close(&r);
}

Test(auth, closing_cancels_it_in_the_order_of_requests) {
  ends_with(close_now, UV_ECANCELED);
  UNTIL(&r, r.g.closed);
  for (unsigned i = 0; i < 3; i++)
    cr_expect_eq(r.g.order[i], i);
  rig_close(&r);
}

static void renew_once(struct guest *g) {
  (void)g;
  if (r.g.requests < 2)
    cr_assert_eq(renew("again"), 0);
}

Test(auth, one_may_follow_another_in_its_completion) {
  online();
  r.g.on[COMPLETED] = renew_once;
  cr_assert_eq(renew("x"), 0);
  HEARS(&r, "AUTH reason=0x19 authentication_method=m authentication_data=x");
  SAYS(&r, "f0 00");
  HEARS(&r, "AUTH reason=0x19 authentication_method=m "
            "authentication_data=again");
  SAYS(&r, "f0 00");
  UNTIL(&r, r.g.n[COMPLETED] == 2);
  rig_close(&r);
}

/* What is refused. */

static int say_with(uvmqtt_property_t property) {
  int result;
  IN_CALL(&r, result, uvmqtt_auth(r.g.m, bytes("x"), &property, 1));
  return result;
}

static uvmqtt_property_t reason_string =
    UVMQTT_PROPERTY_STR(REASON_STRING, "why");
static uvmqtt_property_t method =
    UVMQTT_PROPERTY_STR(AUTHENTICATION_METHOD, "m");
static uvmqtt_property_t pair = UVMQTT_USER_PROPERTY("k", "v");

static void start_with_properties(void) {
  cr_expect_eq(say_with(reason_string), UVMQTT_EPROPERTY);
  cr_expect_eq(say_with(method), UVMQTT_EPROPERTY);
  cr_expect_eq(say_with(pair), 0);
  cr_expect_eq(say_with(pair), UVMQTT_ESTALE);
}

static void go_on_with_properties(void) {
  static char large[65536];
  uvmqtt_property_t bad = UVMQTT_USER_PROPERTY("k", "\xff");
  uvmqtt_bytes_t none = {NULL, 1}, huge = {large, sizeof large};
  cr_expect_eq(say_with(method), UVMQTT_EPROPERTY);
  cr_expect_eq(say_with(bad), UVMQTT_EUTF8);
  cr_expect_eq(uvmqtt_auth(r.g.m, bytes("x"), NULL, 1), UV_EINVAL);
  cr_expect_eq(uvmqtt_auth(r.g.m, none, NULL, 0), UV_EINVAL);
  cr_expect_eq(uvmqtt_auth(r.g.m, huge, NULL, 0), UVMQTT_ETOOBIG);
  cr_expect_eq(say_with(reason_string), 0);
}

Test(auth, properties_are_the_users_own_only) {
  begin();
  on[UVMQTT_AUTH_START] = start_with_properties;
  on[UVMQTT_AUTH_CONTINUE] = go_on_with_properties;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT authentication_method=m authentication_data=x "
            "user_property=k:v ...");
  SAYS(&r, CONTINUE);
  HEARS(&r, CONTINUE " authentication_data=x reason_string=why");
  SAYS(&r, ACCEPT);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_close(&r);
}

Test(auth, calls_at_the_wrong_time_are_refused) {
  begin();
  cr_expect_eq(uvmqtt_auth(NULL, bytes("x"), NULL, 0), UV_EINVAL);
  cr_expect_eq(
      uvmqtt_reauthenticate(NULL, bytes("x"), NULL, 0, NULL, NULL, NULL),
      UV_EINVAL);
  cr_expect_eq(say("x"), UVMQTT_ESTALE);
  cr_expect_eq(renew("x"), UV_ENOTCONN);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  cr_expect_eq(say("x"), UVMQTT_ESTALE);
  cr_expect_eq(renew("x"), UV_ENOTCONN);
  SAYS(&r, ACCEPT);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(say("x"), UVMQTT_ESTALE);
  guest_close(&r.g);
  cr_expect_eq(say("x"), UV_ECANCELED);
  cr_expect_eq(renew("x"), UV_ECANCELED);
  rig_close(&r);
}

/* [MQTT-4.12.0-7/5] */
Test(auth, without_a_method_there_is_nothing_to_say) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  cr_expect_eq(say("x"), UVMQTT_ENOTSUP);
  cr_expect_eq(renew("x"), UVMQTT_ENOTSUP);
  rig_hears_nothing(&r, 20);
  rig_close(&r);
}

/* Secrets. */

static bool holds(const void *p, size_t len) {
  for (size_t i = 0; p != NULL && i + strlen(SECRET) <= len; i++)
    if (memcmp((const char *)p + i, SECRET, strlen(SECRET)) == 0)
      return true;
  return false;
}

static bool left_behind(void) {
  const struct um_buf *out = &r.g.m->session.out;
  const struct um_pool *pool = &r.g.m->loop->commons.out;
  cr_assert(out->data != NULL || pool->block != NULL);
  return holds(out->data, out->cap) || holds(pool->block, pool->size);
}

static void say_secret(void) {
  cr_assert_eq(say(SECRET), 0);
}

Test(auth, data_is_wiped_from_our_buffers_and_in_no_text) {
  begin();
  on[UVMQTT_AUTH_START] = say_secret;
  on[UVMQTT_AUTH_CONTINUE] = say_secret;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT authentication_data=" SECRET " ...");
  cr_expect_not(left_behind());
  SAYS(&r, CONTINUE);
  HEARS(&r, CONTINUE " authentication_data=" SECRET);
  cr_expect_not(left_behind());
  SAYS(&r, ACCEPT);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(renew(SECRET), 0);
  guest_publish(&r.g, "t", "x", 0);
  HEARS(&r,
        "AUTH reason=0x19 authentication_method=m authentication_data=" SECRET);
  cr_expect_not(left_behind());
  SAYS(&r, "DISCONNECT reason=0x87");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_null(strstr(r.g.log, SECRET));
  cr_expect_null(strstr(r.g.hint, SECRET));
  cr_expect_null(strstr(r.g.reason_string, SECRET));
  rig_close(&r);
}
