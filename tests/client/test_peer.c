/* A server that breaks the rules: families N of research/reliability.md, over
 * a socket. In 5.0 it hears DISCONNECT with the reason and the end, in 3.1.1
 * the end alone; the user hears one on_disconnect; what was asked for waits and
 * goes out on the next connection. */
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(peer);

static struct rig r;

#define BOTH 0
#define ONLY_5 5
#define ONLY_311 4

/* While online, with a PUBLISH id=1 QoS 1 and a QoS 2 id=2 unacknowledged. */
static const struct online_row {
  const char *family, *says;
  int version, code;
  uint8_t answer;
} rows[] = {
    {"N01", "30 80 80 80 80 01", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N02", "d0 80 00", ONLY_5, UVMQTT_EMALFORMED, 0x81},
    {"N03", "30 ff ff ff 7f", BOTH, UVMQTT_ETOOBIG, 0x95},
    {"N06", "40 01 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N07", "d0 01 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N07", "40 03 00 01 00", ONLY_311, UVMQTT_EMALFORMED, 0},
    {"N08", "00 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N09", "f0 00", ONLY_311, UVMQTT_EMALFORMED, 0},
    {"N10", "41 02 00 01", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N10", "60 02 00 01", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N11", "10 @ 00 04 \"MQTT\" 04 02 00 00 00 00", ONLY_311, UVMQTT_EPROTOCOL,
     0},
    {"N11", "c0 00", BOTH, UVMQTT_EPROTOCOL, 0x82},
    {"N11", "82 @ 00 01 00 00 01 \"a\" 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N12", "e0 00", ONLY_311, UVMQTT_EPROTOCOL, 0},
    {"N13", "36 @ 00 01 \"t\" 00 01", ONLY_311, UVMQTT_EMALFORMED, 0},
    {"N13", "36 @ 00 01 \"t\" 00 01 00", ONLY_5, UVMQTT_EMALFORMED, 0x81},
    {"N14", "38 @ 00 01 \"t\" 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N15", "30 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N15", "30 @ 00 09 \"t\"", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N15", "32 @ 00 01 \"t\" 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N16", "32 @ 00 01 \"t\" 00 00 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N16", "40 02 00 00", BOTH, UVMQTT_EPROTOCOL, 0x82},
    {"N17", "30 @ 00 00 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N18", "30 @ 00 03 \"a/#\" 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N19", "30 @ 00 02 c0 80 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N19", "30 @ 00 01 00 00", BOTH, UVMQTT_EMALFORMED, 0x81},
    {"N24", "90 @ 00 01 00 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N25", "90 @ 00 63 00 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N25", "90 @ 00 63 00", ONLY_311, UVMQTT_EPROTOCOL, 0},
    {"N29", "50 02 00 01", BOTH, UVMQTT_EPROTOCOL, 0x82},
    {"N29", "70 02 00 02", BOTH, UVMQTT_EPROTOCOL, 0x82},
    {"N33", "30 @ 00 01 \"t\" 03 23 00 01", ONLY_5, UVMQTT_ETOPICALIAS, 0x94},
    {"N33", "30 @ 00 01 \"t\" 03 23 00 00", ONLY_5, UVMQTT_ETOPICALIAS, 0x94},
    {"N36", "40 03 00 01 01", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N37", "30 @ 00 01 \"t\" 05 11 00 00 00 01", ONLY_5, UVMQTT_EPROTOCOL,
     0x82},
    {"N38", "30 @ 00 01 \"t\" 04 01 00 01 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N39", "30 @ 00 01 \"t\" 02 7f 00", ONLY_5, UVMQTT_EMALFORMED, 0x81},
    {"N40", "30 @ 00 01 \"t\" 7f", ONLY_5, UVMQTT_EMALFORMED, 0x81},
    {"N41", "30 @ 00 01 \"t\" 02 01 02", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N42", "30 @ 00 01 \"t\" 02 0b 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N43", "30 @ 00 01 \"t\" 06 08 00 03 \"a/#\"", ONLY_5, UVMQTT_EPROTOCOL,
     0x82},
    {"N52", "34 06 00 01 \"t\" 00 09 00 | 32 07 00 01 \"t\" 00 09 00 \"x\"",
     ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N55", "20 03 00 00 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N55", "20 02 00 00", ONLY_311, UVMQTT_EPROTOCOL, 0},
    {"N68", "f0 00", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N69", "e0 01 04", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
    {"N69", "e0 01 60", ONLY_5, UVMQTT_EPROTOCOL, 0x82},
};

static void open_with(uvmqtt_protocol_t version) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = version,
                        .reconnect_min = 4, .reconnect_max = 40};
  rig_open(&r);
  r.b.in_turn = true;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
}

/* Skips acknowledgements that were due before the fault. */
static const char *last_word(void) {
  static char text[TEXT_MAX];
  const char *got;
  text[0] = '\0';
  UNTIL(&r, r.b.link->ended);
  while ((got = broker_next(&r.b)) != NULL)
    strcpy(text, got);
  cr_assert_eq(r.b.link->in.len, 0);
  return text;
}

static void peer_breaks_a_rule(const struct online_row *row,
                               uvmqtt_protocol_t version) {
  char expected[64] = "";
  open_with(version);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  guest_publish(&r.g, "t", "1", 1);
  guest_publish(&r.g, "t", "2", 2);
  HEARS(&r, "PUBLISH id=1 qos=1 topic=t payload=1");
  HEARS(&r, "PUBLISH id=2 qos=2 topic=t payload=2");
  /* and something behind it in the same chunk that must not be delivered */
  size_t len, behind;
  uint8_t *bytes = packet_text_bytes(row->says, (uint8_t)version, &len);
  uint8_t *more = packet_text_bytes("PUBLISH topic=zz payload=x",
                                    (uint8_t)version, &behind);
  uint8_t *all = malloc(len + behind);
  memcpy(all, bytes, len);
  memcpy(all + len, more, behind);
  unsigned messages = r.g.n[MESSAGE];
  broker_sends(r.b.link, all, len + behind);
  free(bytes);
  free(more);
  free(all);
  const char *word = last_word();
  if (version == UVMQTT_VERSION_5)
    snprintf(expected, sizeof expected, "DISCONNECT reason=0x%02x",
             row->answer);
  cr_expect(strncmp(word, expected, strlen(expected)) == 0 &&
                (*expected != '\0' || strstr(word, "DISCONNECT") == NULL),
            "%s %s in %d: heard \"%s\", expected \"%s\"", row->family,
            row->says, version, word, expected);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, row->code, "%s %s in %d: %s", row->family,
               row->says, version, uvmqtt_err_name(r.g.error.code));
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_ONLINE);
  cr_expect(strstr(r.g.log, "message zz") == NULL, "%s: delivered",
            row->family);
  cr_expect_leq(r.g.n[MESSAGE] - messages, 1); /* the good one of N52 */
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK sp=1");
  HEARS(&r, "PUBLISH id=1 qos=1 dup=1 topic=t payload=1");
  HEARS(&r, "PUBLISH id=2 qos=2 dup=1 topic=t payload=2");
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  cr_expect_eq(r.g.n[COMPLETED], 0);
  rig_close(&r);
}

Test(peer, violations_end_the_connection_and_nothing_else) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].version != ONLY_311)
      peer_breaks_a_rule(&rows[i], UVMQTT_VERSION_5);
    if (rows[i].version != ONLY_5)
      peer_breaks_a_rule(&rows[i], UVMQTT_VERSION_311);
  }
}

/* Instead of CONNACK. */
static const struct greeting_row {
  const char *family, *says;
  int version, code;
} greetings[] = {
    {"N54", "30 @ 00 01 \"t\" 00", BOTH, UVMQTT_EPROTOCOL},
    {"N54", "d0 00", BOTH, UVMQTT_EPROTOCOL},
    {"N56", "20 00", BOTH, UVMQTT_EMALFORMED},
    {"N56", "20 01 00", BOTH, UVMQTT_EMALFORMED},
    {"N56", "20 03 00 00 00", ONLY_311, UVMQTT_EMALFORMED},
    {"N57", "20 03 02 00 00", ONLY_5, UVMQTT_EMALFORMED},
    {"N57", "20 02 02 00", ONLY_311, UVMQTT_EMALFORMED},
    {"N58", "20 03 01 00 00", ONLY_5, UVMQTT_EPROTOCOL},
    {"N59", "20 03 01 87 00", ONLY_5, UVMQTT_EPROTOCOL},
    {"N61", "20 06 00 00 03 21 00 00", ONLY_5, UVMQTT_EPROTOCOL},
    {"N62", "20 @ 00 00 05 12 00 02 \"xy\"", ONLY_5, UVMQTT_EPROTOCOL},
    {"plain text", "\"HTTP/1.1 400 Bad Request\" 20*80", BOTH,
     UVMQTT_EPROTOCOL},
};

static void peer_greets_badly(const struct greeting_row *row,
                              uvmqtt_protocol_t version) {
  open_with(version);
  cr_assert_eq(guest_publish(&r.g, "t", "1", 1), 0);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, row->says);
  const char *word = last_word();
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  int code = r.g.error.code;
  cr_expect(code == row->code ||
                (row->family[0] == 'p' && code <= -5000 && code > -5010),
            "%s %s in %d: %s", row->family, row->says, version,
            uvmqtt_err_name(code));
  if (version == UVMQTT_VERSION_311)
    cr_expect_str_eq(word, "", "%s %s: heard %s", row->family, row->says, word);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  cr_expect_eq(r.g.n[CONNECTED], 0);
  cr_expect_eq(r.g.n[MESSAGE], 0);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  HEARS(&r, "PUBLISH id=1 qos=1 topic=t payload=1");
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  rig_close(&r);
}

Test(peer, violations_instead_of_connack) {
  for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++) {
    if (greetings[i].version != ONLY_311)
      peer_greets_badly(&greetings[i], UVMQTT_VERSION_5);
    if (greetings[i].version != ONLY_5)
      peer_greets_badly(&greetings[i], UVMQTT_VERSION_311);
  }
}

/* N47 */
Test(peer, more_than_receive_maximum_is_a_violation) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .receive_maximum = 2};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  SAYS(&r, "34 06 00 01 \"t\" 00 01 00 34 06 00 01 \"t\" 00 02 00 "
           "34 06 00 01 \"t\" 00 03 00");
  cr_expect(strncmp(last_word(), "DISCONNECT reason=0x93", 22) == 0);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_EQUOTA);
  cr_expect_eq(r.g.n[MESSAGE], 2);
  rig_close(&r);
}

/* N70, N71 */
Test(peer, disconnects_of_the_server_are_told_and_honoured) {
  static const struct {
    const char *says;
    uint8_t reason;
    int64_t least;
  } said[] = {{"DISCONNECT reason=0x8e", 0x8e, 10000},
              {"DISCONNECT reason=0x8b", 0x8b, 5000},
              {"DISCONNECT reason=0x89 reason_string=busy", 0x89, 5000},
              {"DISCONNECT reason=0x98", 0x98, 1}};
  for (size_t i = 0; i < 4; i++) {
    rig_open(&r);
    rig_online(&r, NULL, NULL);
    SAYS(&r, said[i].says);
    rig_hears_end(&r);
    UNTIL(&r, r.g.n[DISCONNECTED] == 1);
    cr_expect_eq(r.g.error.code, UVMQTT_EDISCONNECTED);
    cr_expect_eq(r.g.error.reason, said[i].reason);
    cr_expect_geq(r.g.retry_in, said[i].least);
    if (i == 2)
      cr_expect_str_eq(r.g.error.reason_string, "busy");
    rig_close(&r);
  }
}

/* N26, N27, N28, N73: what is ignored or answered, and the connection stays. */
Test(peer, strays_do_no_harm) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  SAYS(&r, "PUBACK id=77");
  SAYS(&r, "PUBCOMP id=77");
  SAYS(&r, "PINGRESP");
  SAYS(&r, "PUBREC id=78");
  HEARS(&r, "PUBREL id=78 reason=0x92");
  SAYS(&r, "PUBREL id=79");
  HEARS(&r, "PUBCOMP id=79 reason=0x92");
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  cr_expect_eq(guest_stats(&r.g).unknown_acks, 2);
  rig_close(&r);
}

/* N20, N46, N78 */
Test(peer, odd_but_legal_messages_are_delivered) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  SAYS(&r, "30 @ 00 02 01 7f 00 \"a\"");
  SAYS(&r, "30 @ 00 03 ef bb bf 00 \"b\"");
  SAYS(&r, "30 @ 00 01 \"t\" 02 01 01 ff");
  UNTIL(&r, r.g.n[MESSAGE] == 3);
  cr_expect(strstr(r.g.log, "message \x01\x7f a\n") != NULL);
  cr_expect(strstr(r.g.log, "message \xef\xbb\xbf b\n") != NULL);
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  rig_close(&r);
}

/* N72 */
Test(peer, nothing_behind_a_disconnect_is_looked_at) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  SAYS(&r, "e0 00 30 04 00 01 \"t\" 00");
  rig_hears_end(&r);
  cr_expect_eq(r.g.n[MESSAGE], 0);
  cr_expect_eq(r.g.error.code, UVMQTT_EDISCONNECTED);
  rig_close(&r);
}

/* Without waiting for the delay, however short it is. */
static void kick(struct guest *g) {
  if (uvmqtt_state(g->m) == UVMQTT_STATE_WAITING)
    guest_connect(g);
}

/* A server that breaks the protocol after each CONNACK would be tried at speed
 * for ever: after five in a row the delay stays at its maximum. */
Test(peer, five_violations_in_a_row_are_told_and_slow_us_down) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 77777};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  r.g.on[STATE] = kick;
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 7; i++) {
    UNTIL(&r, r.b.accepted >= i);
    HEARS(&r, "CONNECT ...");
    SAYS(&r, i == 1 ? "CONNACK" : "CONNACK sp=1");
    SAYS(&r, "c0 00");
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
    cr_expect_eq(r.g.n[NOTICE], i >= 5 ? 1 : 0);
    if (i >= 5)
      cr_expect_eq(r.g.retry_in, 77777);
    else
      cr_expect_leq(r.g.retry_in, 1 << i);
  }
  cr_expect(strstr(r.g.log, "notice the server keeps breaking") != NULL);
  rig_close(&r);
}

/* N21, N22: never reported as granted, and not asked again for ever. */
Test(peer, a_suback_that_does_not_fit_fails_its_request) {
  static const char *const acks[] = {"90 @ 00 01 00", "90 @ 00 01 00 00 00",
                                     "90 @ 00 01 00 7f"};
  for (size_t i = 0; i < 3; i++) {
    rig_open(&r);
    rig_online(&r, NULL, NULL);
    guest_subscribe(&r.g, "f", 0);
    HEARS(&r, "SUBSCRIBE id=1 filters=f:0");
    SAYS(&r, acks[i]);
    UNTIL(&r, r.g.n[COMPLETED] == 1 && r.g.n[DISCONNECTED] == 1);
    cr_expect_eq(r.g.status[0], UVMQTT_EPROTOCOL, "%zu: %s", i,
                 uvmqtt_err_name(r.g.status[0]));
    rig_close(&r);
  }
}

/* One byte at a time, all the way. */
/* O08, O09 */
Test(peer, a_server_that_dribbles_is_understood) {
  static const char *const said[] = {
      "CONNACK", "PUBLISH topic=a payload=1 qos=1 id=5",
      "PUBLISH topic=b payload=2 content_type=x", "PINGRESP"};
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  for (size_t i = 0; i < 4; i++) {
    size_t len;
    uint8_t *bytes = packet_text_bytes(said[i], UM_V5, &len);
    for (size_t k = 0; k < len; k++) {
      broker_sends(r.b.link, bytes + k, 1);
      uv_run(&r.loop, UV_RUN_NOWAIT);
    }
    free(bytes);
  }
  UNTIL(&r, r.g.n[MESSAGE] == 2);
  HEARS(&r, "PUBACK id=5");
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  rig_close(&r);
}
