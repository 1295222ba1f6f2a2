/* The error object: one for each end, with all that a person needs. */
#include "client/client.h"
#include "client/rig.h"
#include "net/fault.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(report);

static struct rig r;

static void same_as_last(const struct guest *g) {
  const uvmqtt_error_t *e = uvmqtt_last_error(g->m);
  cr_expect_eq(e->code, g->error.code);
  cr_expect_eq(e->phase, g->error.phase);
  cr_expect_eq(e->reason, g->error.reason);
  cr_expect_str_eq(e->address, g->error.address);
  cr_expect_str_eq(e->hint, g->error.hint);
  cr_expect_str_eq(e->reason_string, g->error.reason_string);
}

Test(report, there_is_none_at_first) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  const uvmqtt_error_t *e = uvmqtt_last_error(r.g.m);
  cr_assert(e != NULL);
  cr_expect_eq(e->code, 0);
  cr_expect_eq(e->phase, UVMQTT_PHASE_NONE);
  cr_expect_str_eq(e->address, "");
  cr_expect_str_eq(e->reason_string, "");
  cr_expect_str_eq(e->hint, "");
  rig_online(&r, NULL, NULL);
  cr_expect_eq(uvmqtt_last_error(r.g.m)->code, 0);
  rig_close(&r);
}

Test(report, an_unknown_host_is_an_error_of_resolving) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = "mqtt://no-such-host.invalid"};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect(r.g.error.code <= UV_EAI_ADDRFAMILY &&
                r.g.error.code > UV_EAI_ADDRFAMILY - 20,
            "%s", uvmqtt_err_name(r.g.error.code));
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_RESOLVE);
  cr_expect_str_eq(r.g.error.address, "");
  cr_expect(*r.g.error.hint != '\0');
  same_as_last(&r.g);
  rig_close(&r);
}

/* An address that connect() itself refuses: known inside the call. */
Test(report, an_unreachable_address_is_told_later) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://255.255.255.255:1"};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_lt(r.g.error.code, 0);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_CONNECT);
  cr_expect_str_eq(r.g.error.address, "255.255.255.255:1");
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  cr_expect_str_eq(r.g.states, "connecting disconnecting waiting");
  same_as_last(&r.g);
  rig_close(&r);
}

Test(report, an_address_without_a_zone_of_ours_is_told_later) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = "mqtt://[fe80::1%25nozone]"};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_lt(r.g.error.code, 0);
  rig_close(&r);
}

Test(report, the_addresses_of_a_name_are_all_tried) {
  char url[64], address[64];
  rig_open(&r); /* on 127.0.0.1 only; localhost may be ::1 first */
  snprintf(url, sizeof url, "mqtt://localhost:%u", r.b.port);
  snprintf(address, sizeof address, "127.0.0.1:%u", r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url};
  rig_online(&r, &o, NULL);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_str_eq(r.g.error.address, address);
  cr_expect_eq(r.g.attempt, 1);
  rig_close(&r);
}

/* While the next attempt is under way it is what a person asks for. */
static void look_while_connecting(struct guest *g) {
  if (uvmqtt_state(g->m) != UVMQTT_STATE_CONNECTING)
    return;
  const uvmqtt_error_t *e = uvmqtt_last_error(g->m);
  cr_expect_eq(e->code, g->n[DISCONNECTED] == 0 ? 0 : UVMQTT_EREFUSED);
  cr_expect_str_eq(e->reason_string, g->n[DISCONNECTED] == 0 ? "" : "full");
}

Test(report, it_stays_until_the_next_one_or_online) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  r.g.on[STATE] = look_while_connecting;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK reason=0x80 reason_string=full");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  HEARS(&r, "CONNECT ...");
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_CONNECTING);
  look_while_connecting(&r.g);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(uvmqtt_last_error(r.g.m)->code, UV_EOF);
  cr_expect_str_eq(uvmqtt_last_error(r.g.m)->reason_string, "");
  r.g.on[STATE] = NULL;
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(uvmqtt_last_error(r.g.m)->code, 0);
  rig_close(&r);
}

Test(report, a_good_connection_clears_it) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  SAYS(&r, "DISCONNECT reason=0x98 reason_string=away");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_str_eq(r.g.error.reason_string, "away");
  cr_expect_eq(r.g.error.reason, 0x98);
  same_as_last(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_eq(uvmqtt_last_error(r.g.m)->code, 0);
  cr_expect_str_eq(uvmqtt_last_error(r.g.m)->reason_string, "");
  /* and the next one is not mixed with it */
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UV_EOF);
  cr_expect_eq(r.g.error.reason, 0);
  cr_expect_str_eq(r.g.error.reason_string, "");
  rig_close(&r);
}

/* What the server said belongs to its connection, not to the attempts after
 * it: neither in the error nor in the delay. */
Test(report, the_reason_of_an_earlier_end_is_forgotten) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 50};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK reason=0x86 reason_string=no");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.reason, 0x86);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UV_ECONNREFUSED);
  cr_expect_eq(r.g.error.reason, 0);
  cr_expect_str_eq(r.g.error.reason_string, "");
  cr_expect_leq(r.g.retry_in, 50, "%d ms", (int)r.g.retry_in);
  rig_close(&r);
}

/* 255 bytes of it, cut between characters. */
Test(report, a_long_reason_string_is_cut_at_a_character) {
  char line[1024] = "DISCONNECT reason=0x98 reason_string=";
  size_t at = strlen(line);
  for (int i = 0; i < 200; i++, at += 2)
    memcpy(line + at, "\xc3\xa9", 3);
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  SAYS(&r, line);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  size_t len = strlen(r.g.reason_string);
  cr_expect(len >= 200 && len % 2 == 0, "%zu bytes", len);
  rig_close(&r);
}

Test(report, every_common_end_has_a_hint) {
  static const char *const ends[] = {"CONNACK reason=0x86",
                                     "CONNACK reason=0x87",
                                     "CONNACK reason=0x85",
                                     "CONNACK reason=0x88",
                                     "CONNACK reason=0x97",
                                     "d0 00",
                                     "00 00"};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    rig_open(&r);
    guest_open(&r, &r.g, NULL);
    guest_connect(&r.g);
    HEARS(&r, "CONNECT ...");
    SAYS(&r, ends[i]);
    UNTIL(&r, r.g.n[DISCONNECTED] == 1);
    cr_expect_gt(strlen(r.g.hint), 10, "%s", ends[i]);
    rig_close(&r);
  }
}

static void hint_of_first_bytes(const char *says, const char *part) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, says);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_EMALFORMED);
  cr_expect(strstr(r.g.hint, part) != NULL, "%s", r.g.hint);
  rig_close(&r);
}

/* Pain 17 */
Test(report, a_port_that_wants_tls_is_known_by_its_answer) {
  hint_of_first_bytes("15 03 03 00 02 02 28", "mqtts://");
}

Test(report, a_web_server_is_known_by_its_answer) {
  hint_of_first_bytes(
      "48 54 54 50 2f 31 2e 31 20 34 30 30 20 42 61 64 20 52 65 71 75 65 73 74 "
      "0d 0a 53 65 72 76 65 72 3a 20 78 0d 0a 43 6f 6e 6e 65 63 74 69 6f 6e 3a "
      "20 63 6c 6f 73 65 0d 0a 43 6f 6e 74 65 6e 74 2d 4c 65 6e 67 74 68 3a 20 "
      "33 0d 0a 0d 0a 62 61 64 62 61 64 62 61 64 62 61 64 62 61 64 62 61 64 62",
      "ws://");
}

static struct um_fault fault = {
    .text = "first: second\x1b[0m",
    .verify_code = 62,
    .verify_depth = 2,
    .subject = "CN=b.example",
    .names = "b.example",
    .expired_days = 0,
    .alert = 42,
    .status = 0,
};

static void look_at_fault(struct guest *g) {
  const uvmqtt_error_t *e = uvmqtt_last_error(g->m);
  cr_expect_str_eq(e->detail, "first: second?[0m");
  cr_expect_str_eq(e->subject, "CN=b.example");
  cr_expect_str_eq(e->names, "b.example");
  cr_expect_eq(e->verify_code, 62);
  cr_expect_eq(e->verify_depth, 2);
  cr_expect_eq(e->alert, 42);
  cr_expect_eq(e->status, 0);
  cr_expect_str_eq(e->hint, "the certificate is for another name: b.example");
}

/* It is copied: the stream that knew it is gone while the error stays. */
Test(report, what_a_layer_knows_of_a_failure_is_in_the_error) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  r.g.m->stream->fault = &fault; /* as a TLS layer would */
  r.g.on[DISCONNECTED] = look_at_fault;
  broker_hangs_up(&r.b);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  look_at_fault(&r.g);
  rig_close(&r);
}

Test(report, the_server_s_reference_is_in_the_error) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  cr_expect_str_eq(uvmqtt_last_error(r.g.m)->server_reference, "");
  cr_expect_eq(uvmqtt_last_error(r.g.m)->alert, -1);
  SAYS(&r, "DISCONNECT reason=0x9c server_reference=other:1883");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_str_eq(uvmqtt_last_error(r.g.m)->server_reference, "other:1883");
  rig_close(&r);
}

static const char *plain_answer;

static void answer_plainly(struct broker_link *l, const uint8_t *data,
                           size_t len) {
  (void)data;
  if (len < 6)
    return;
  if (plain_answer == NULL)
    broker_hangs_up(l->broker);
  else
    broker_sends(l, plain_answer, strlen(plain_answer));
}

static void tls_is_answered(const char *answer, const char *part) {
  char url[64];
  rig_open(&r);
  plain_answer = answer;
  r.b.bytes = answer_plainly;
  snprintf(url, sizeof url, "mqtts://127.0.0.1:%u", r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url};
  int result = guest_try(&r, &r.g, &o);
  if (result == UVMQTT_ENOTSUP) {
    r.g.m = NULL;
    rig_close(&r);
    cr_skip_test("built without TLS");
  }
  cr_assert_eq(result, 0);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_TLS);
  cr_expect(strstr(r.g.hint, part) != NULL, "%s: %s", r.g.hint,
            uvmqtt_last_error(r.g.m)->detail);
  rig_close(&r);
}

/* Pain 17, the other way round */
Test(report, a_port_without_tls_is_known_by_its_answer) {
  tls_is_answered("\x20\x02\x02\x05", "speaks plain MQTT");
  tls_is_answered("HTTP/1.1 400 Bad Request\r\n\r\n", "speaks plain HTTP");
  tls_is_answered("+OK ready\r\n", "does not speak TLS");
  tls_is_answered(NULL, "does this port speak TLS, or plain MQTT");
}

/* The line is shorter than the packet that it looks like, and the peer waits
 * for our answer: nothing else will come. */
Test(report, what_is_no_mqtt_is_told_at_once) {
  static const char *const lines[][2] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "speaks SSH"},
      {"220 mail ESMTP\r\n", "speaks SMTP"},
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    for (int version = 4; version <= 5; version++) {
      uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                            .version = (uvmqtt_protocol_t)version,
                            .reconnect_max = UVMQTT_OFF};
      rig_open(&r);
      guest_open(&r, &r.g, &o);
      guest_connect(&r.g);
      HEARS(&r, "CONNECT ...");
      broker_sends(r.b.link, lines[i][0], strlen(lines[i][0]));
      UNTIL(&r, r.g.n[DISCONNECTED] == 1);
      cr_expect(strstr(r.g.error.hint, lines[i][1]) != NULL, "%s",
                r.g.error.hint);
      cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
      rig_close(&r);
    }
}
