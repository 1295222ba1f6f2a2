/* uvmqtt_ack, over a socket. */
#include "client/rig.h"
#include "support/suite.h"
#include <string.h>

SUITE(manual_ack);

static struct rig r;
static uint64_t tokens[64];
static unsigned n_tokens;
static bool at_once; /* acknowledge inside on_message */

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  cr_assert_not(r.in_call);
  tokens[n_tokens++ % 64] = message->token;
  if (at_once)
    cr_assert_eq(uvmqtt_ack(m, message->token, 0), 0);
}

static uvmqtt_options_t options(void) {
  return (uvmqtt_options_t){
      UVMQTT_OPTIONS_INIT, .session = UVMQTT_SESSION_RESUME,
      .manual_ack = true,  .reconnect_min = 1,
      .reconnect_max = 5,  .on_message = on_message};
}

static void go_online(uvmqtt_options_t o) {
  rig_open(&r);
  rig_online(&r, &o, NULL);
}

static void says(const char *packet) {
  unsigned before = n_tokens;
  SAYS(&r, packet);
  UNTIL(&r, n_tokens > before);
}

static int ack(unsigned i, uint8_t reason) {
  int result;
  IN_CALL(&r, result, uvmqtt_ack(r.g.m, tokens[i], reason));
  return result;
}

/* [MQTT-4.6.0-2/both] */
Test(manual_ack, leaves_in_the_order_of_arrival_from_outside_all_callbacks) {
  go_online(options());
  says("PUBLISH topic=a qos=1 id=5");
  says("PUBLISH topic=b qos=1 id=3");
  rig_hears_nothing(&r, 20);
  cr_assert_eq(ack(1, 0), 0);
  rig_hears_nothing(&r, 20);
  cr_assert_eq(ack(0, 0x87), 0);
  HEARS(&r, "PUBACK id=5 reason=0x87");
  HEARS(&r, "PUBACK id=3");
  rig_close(&r);
}

Test(manual_ack, works_inside_the_message) {
  at_once = true;
  go_online(options());
  says("PUBLISH topic=a qos=1 id=5");
  says("PUBLISH topic=b qos=2 id=6");
  HEARS(&r, "PUBACK id=5");
  HEARS(&r, "PUBREC id=6");
  rig_close(&r);
}

Test(manual_ack, tells_what_is_wrong) {
  go_online(options());
  says("PUBLISH topic=a qos=1 id=5");
  cr_assert_eq(uvmqtt_ack(NULL, tokens[0], 0), UV_EINVAL);
  cr_assert_eq(uvmqtt_ack(r.g.m, 0, 0), UV_ENOENT);
  cr_assert_eq(uvmqtt_ack(r.g.m, tokens[0] + 100, 0), UV_ENOENT);
  cr_assert_eq(ack(0, 1), UV_EINVAL);
  cr_assert_eq(ack(0, 0), 0);
  cr_assert_eq(ack(0, 0), UV_ENOENT);
  HEARS(&r, "PUBACK id=5");
  guest_close(&r.g);
  cr_assert_eq(uvmqtt_ack(r.g.m, tokens[0], 0), UV_ECANCELED);
  rig_close(&r);
}

Test(manual_ack, refuses_nothing_in_3_1_1) {
  uvmqtt_options_t o = options();
  o.version = UVMQTT_VERSION_311;
  go_online(o);
  says("PUBLISH topic=a qos=1 id=5");
  cr_assert_eq(ack(0, 0x80), UVMQTT_ENOTSUP);
  cr_assert_eq(ack(0, 0), 0);
  HEARS(&r, "PUBACK id=5");
  rig_close(&r);
}

Test(manual_ack, is_stale_after_a_reconnect_and_the_message_comes_again) {
  go_online(options());
  says("PUBLISH topic=a qos=2 id=5");
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(ack(0, 0), UVMQTT_ESTALE);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK sp=1");
  says("PUBLISH topic=a qos=2 id=5 dup=1");
  cr_assert_eq(ack(0, 0), UVMQTT_ESTALE);
  cr_assert_neq(tokens[0], tokens[1]);
  cr_assert_eq(ack(1, 0), 0);
  HEARS(&r, "PUBREC id=5");
  rig_close(&r);
}

/* N47 */
Test(manual_ack, enforces_receive_maximum) {
  uvmqtt_options_t o = options();
  o.receive_maximum = 2;
  o.reconnect_max = UVMQTT_OFF;
  go_online(o);
  says("PUBLISH topic=a qos=1 id=1");
  says("PUBLISH topic=a qos=2 id=2");
  SAYS(&r, "PUBLISH topic=a qos=1 id=3");
  HEARS(&r, "DISCONNECT reason=0x93");
  rig_hears_end(&r);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(r.g.error.code, UVMQTT_EQUOTA);
  cr_assert_eq(n_tokens, 2);
  rig_close(&r);
}

/* uvmqtt_new with rig's options but no on_message of anybody's. */
Test(manual_ack, needs_nobody_when_there_is_no_callback) {
  uvmqtt_options_t o = options();
  uvmqtt_t *m = NULL;
  rig_open(&r);
  o.url = r.b.url;
  o.client_id = "c";
  o.on_message = NULL;
  cr_assert_eq(uvmqtt_new(&r.loop, &o, &m), 0);
  cr_assert_eq(uvmqtt_connect(m), 0);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  SAYS(&r, "PUBLISH topic=a qos=1 id=1");
  HEARS(&r, "PUBACK id=1");
  uvmqtt_close(m, NULL, NULL);
  rig_close(&r);
}

Test(manual_ack, without_the_option_has_no_tokens) {
  uvmqtt_options_t o = options();
  o.manual_ack = false;
  go_online(o);
  says("PUBLISH topic=a qos=1 id=1");
  cr_assert_eq(tokens[0], 0);
  HEARS(&r, "PUBACK id=1");
  rig_close(&r);
}
