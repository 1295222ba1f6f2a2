/* What the original umqtt.simple writes into its socket for each documented
 * call, and that we write the same. The bytes were derived by hand from how the
 * original composes each packet; the comments say which rule of its they come
 * from. Where we differ, the test says so in its name and the comment why. */
#include "rig.h"

#include <string.h>

SUITE(transcript);

#define ACCEPTED "> 20 02 00 00"

/* One conversation: the peer's lines, the client, and the calls. */
static void play(const char *const *lines,
                 const uvmqtt_simple_options_t *options,
                 void (*calls)(struct rig *)) {
  struct rig rig;
  rig_init(&rig, lines);
  if (options != NULL) {
    rig.options = *options;
    rig.options.server = "127.0.0.1";
    rig.options.port = rig.peer.port;
  }
  rig_open(&rig);
  calls(&rig);
  rig_free(&rig);
}

/* All bytes of CONNECT are the original's: nothing is planted in it. */
static void play_connect(const char *const *lines,
                         const uvmqtt_simple_options_t *options,
                         void (*calls)(struct rig *)) {
  planted_off(PLANTED_CONNECT);
  play(lines, options, calls);
}

/* connect(): type 0x10 and the remaining length; the name "MQTT" and level 4;
 * one byte of flags, two of keepalive, and then the strings, each behind its
 * length in two bytes: client_id; topic and message of the Will; user,
 * password.
 *
 * Flags: clean_session is bit 1; a user sets 0xc0, both credentials at once;
 * a Will sets 0x04, its QoS goes to bits 3 and 4, its retain to bit 5. */

static void connect_clean(struct rig *rig) {
  cr_assert(uvmqtt_simple_connect(rig->c, true, 5000) == 0);
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
}

static void connect_present(struct rig *rig) {
  cr_assert(uvmqtt_simple_connect(rig->c, false, 5000) == 1);
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
}

/* MQTTClient("c", server).connect(); disconnect() is e0 00. */
Test(transcript, connect_and_disconnect) {
  static const char *const lines[] = {
      "accept", "< 10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 63",
      ACCEPTED, "< e0 00",
      "eof",    NULL};
  play_connect(lines, NULL, connect_clean);
}

/* connect(clean_session=False); what it returns is bit 0 of CONNACK's flags */
Test(transcript, connect_without_clean_session) {
  static const char *const lines[] = {
      "accept", "< 10 0d 00 04 4d 51 54 54 04 00 00 00 00 01 63",
      "> 20 02 01 00", GOODBYE, NULL};
  play_connect(lines, NULL, connect_present);
}

/* keepalive=300: high byte first */
Test(transcript, connect_with_keepalive) {
  static const char *const lines[] = {
      "accept", "< 10 0d 00 04 4d 51 54 54 04 02 01 2c 00 01 63", ACCEPTED,
      GOODBYE, NULL};
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .keepalive = 300};
  play_connect(lines, &o, connect_clean);
}

/* user="u", password="pw" */
Test(transcript, connect_with_credentials) {
  static const char *const lines[] = {
      "accept",
      "< 10 14 00 04 4d 51 54 54 04 c2 00 00 00 01 63 | 00 01 75 00 02 70 77",
      ACCEPTED, GOODBYE, NULL};
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .user = "u", .password = "pw"};
  play_connect(lines, &o, connect_clean);
}

/* set_last_will(topic, msg, retain=False, qos=0) before connect(): 8 ways, and
 * with credentials behind it. */
struct will {
  bool retain;
  uint8_t qos;
  const char *lines[6];
};

#define WILL(flags)                                                            \
  {                                                                            \
    "accept",                                                                  \
        "< 10 13 00 04 4d 51 54 54 04 " flags                                  \
        " 00 00 00 01 63 | 00 01 77 00 01 6d",                                 \
        ACCEPTED, GOODBYE, NULL                                                \
  }

static const struct will wills[] = {
    {false, 0, WILL("06")}, {false, 1, WILL("0e")}, {false, 2, WILL("16")},
    {true, 0, WILL("26")},  {true, 1, WILL("2e")},  {true, 2, WILL("36")},
};

static const struct will *the_will;

static void connect_with_will(struct rig *rig) {
  cr_assert(uvmqtt_simple_set_last_will(rig->c, "w", text("m"),
                                        the_will->retain, the_will->qos) == 0);
  connect_clean(rig);
}

Test(transcript, connect_with_each_will) {
  for (size_t i = 0; i < sizeof wills / sizeof wills[0]; i++) {
    the_will = &wills[i];
    play_connect(the_will->lines, NULL, connect_with_will);
  }
}

Test(transcript, connect_with_everything) {
  static const struct will will = {true, 1, {NULL}};
  static const char *const lines[] = {
      "accept",
      "< 10 1a 00 04 4d 51 54 54 04 ee 00 3c 00 01 63 | 00 01 77 00 01 6d |"
      " 00 01 75 00 02 70 77",
      ACCEPTED, GOODBYE, NULL};
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .user = "u", .password = "pw", .keepalive = 60};
  the_will = &will;
  play_connect(lines, &o, connect_with_will);
}

/* A remaining length over 127: seven bits a byte, the lowest first, 0x80 says
 * that there is more. 10 + 2 + 1 + (2 + 1) + (2 + 120) = 138 = 8a 01 */
static void connect_with_long_will(struct rig *rig) {
  char m[121];
  memset(m, 'm', 120);
  m[120] = '\0';
  cr_assert(uvmqtt_simple_set_last_will(rig->c, "w", text(m), false, 0) == 0);
  connect_clean(rig);
}

#define TEN_M "6d 6d 6d 6d 6d 6d 6d 6d 6d 6d "

Test(transcript, connect_with_a_length_of_two_bytes) {
  static const char *const lines[] = {
      "accept",
      "< 10 8a 01 00 04 4d 51 54 54 04 06 00 00 00 01 63 | 00 01 77 00 78 "
      "| " TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M
          TEN_M,
      ACCEPTED, GOODBYE, NULL};
  play_connect(lines, NULL, connect_with_long_will);
}

/* publish(topic, msg, retain=False, qos=0): 0x30 with QoS in bits 1 and 2 and
 * retain in bit 0; the remaining length; the topic behind its length; at QoS 1
 * the packet identifier; the bytes of msg and no length. */

static void publish_all(struct rig *rig) {
  uvmqtt_simple_t *c = rig->c;
  rig_connect(rig);
  cr_assert(uvmqtt_simple_publish(c, "foo_topic", text("hello"), false, 0) ==
            0);
  cr_assert(uvmqtt_simple_publish(c, "t", text("on"), true, 0) == 0);
  cr_assert(uvmqtt_simple_publish(c, "t", text("x"), false, 1) == 0);
  cr_assert(uvmqtt_simple_publish(c, "t", text("y"), true, 1) == 0);
  cr_assert(uvmqtt_simple_publish(c, "t", text(""), true, 0) == 0);
  cr_assert(uvmqtt_simple_disconnect(c) == 0);
}

Test(transcript, publish) {
  static const char *const lines[] = {
      ONLINE,
      "< 30 10 00 09 66 6f 6f 5f 74 6f 70 69 63 68 65 6c 6c 6f",
      "< 31 05 00 01 74 6f 6e",
      "< 32 06 00 01 74 00 01 78",
      "> 40 02 00 01",
      "< 33 06 00 01 74 00 02 79",
      "> 40 02 00 02",
      "< 31 03 00 01 74",
      GOODBYE,
      NULL};
  play(lines, NULL, publish_all);
}

/* 2 + 1 + 125 = 128 = 80 01 */
static void publish_long(struct rig *rig) {
  char m[126];
  memset(m, 'm', 125);
  m[125] = '\0';
  rig_connect(rig);
  cr_assert(uvmqtt_simple_publish(rig->c, "t", text(m), false, 0) == 0);
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
}

Test(transcript, publish_with_a_length_of_two_bytes) {
  static const char *const lines[] = {
      ONLINE,
      "< 30 80 01 00 01 74 | " TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M
          TEN_M TEN_M TEN_M TEN_M "6d 6d 6d 6d 6d",
      GOODBYE, NULL};
  play(lines, NULL, publish_long);
}

/* subscribe(topic, qos=0): 0x82, one byte of length, the packet identifier, the
 * topic behind its length, and the QoS. Identifiers count from 1, SUBSCRIBE and
 * PUBLISH together. ping(): c0 00. */

static void subscribe_and_publish(struct rig *rig) {
  uvmqtt_simple_t *c = rig->c;
  rig_connect(rig);
  cr_assert(uvmqtt_simple_subscribe(c, "foo_topic", 0) == 0);
  cr_assert(uvmqtt_simple_publish(c, "t", text("x"), false, 1) == 0);
  cr_assert(uvmqtt_simple_subscribe(c, "a/#", 1) == 0);
  cr_assert(uvmqtt_simple_ping(c) == 0);
  cr_assert(uvmqtt_simple_disconnect(c) == 0);
}

Test(transcript, subscribe_and_ping_with_identifiers_from_1_on) {
  static const char *const lines[] = {
      ONLINE,
      "< 82 0e 00 01 00 09 66 6f 6f 5f 74 6f 70 69 63 00",
      "> 90 03 00 01 00",
      "< 32 06 00 01 74 00 02 78",
      "> 40 02 00 02",
      "< 82 08 00 03 00 03 61 2f 23 01",
      "> 90 03 00 03 01",
      "< c0 00",
      "> d0 00",
      GOODBYE,
      NULL};
  play(lines, NULL, subscribe_and_publish);
}

/* wait_msg(): a message of QoS 1 is answered, after the callback, by 40 02 and
 * its identifier; one of QoS 0 by nothing. check_msg() is the same call. */

static void receive(struct rig *rig) {
  rig_connect(rig);
  cr_assert(uvmqtt_simple_wait_msg(rig->c, 5000) == 1);
  cr_assert(uvmqtt_simple_wait_msg(rig->c, 5000) == 1);
  cr_assert_str_eq(rig->heard, "m=0 m=1 ");
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
}

Test(transcript, wait_msg_acknowledges) {
  static const char *const lines[] = {ONLINE,
                                      "> 30 04 00 01 6d 30",
                                      "> 32 06 00 01 6d 12 34 31",
                                      "< 40 02 12 34",
                                      GOODBYE,
                                      NULL};
  play(lines, NULL, receive);
}

/* Where we differ. */

/* umqtt keeps counting identifiers over connect(); for us each connect is a new
 * conversation. Its count runs to 65,536 and then fails; ours begins again. */
static void publish_twice(struct rig *rig) {
  rig_connect(rig);
  cr_assert(uvmqtt_simple_publish(rig->c, "t", text("x"), false, 1) == 0);
  cr_assert(uvmqtt_simple_connect(rig->c, true, 5000) == 0);
  cr_assert(uvmqtt_simple_publish(rig->c, "t", text("x"), false, 1) == 0);
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
}

Test(transcript, differs_in_that_each_connect_counts_from_1) {
  static const char *const lines[] = {ONLINE,
                                      "< 32 06 00 01 74 00 01 78",
                                      "> 40 02 00 01",
                                      "eof",
                                      "accept",
                                      CONNECT,
                                      ACCEPTED,
                                      "< 32 06 00 01 74 00 01 78",
                                      "> 40 02 00 01",
                                      GOODBYE,
                                      NULL};
  play(lines, NULL, publish_twice);
}

/* umqtt sets the password flag with every user, and fails when there is no
 * password. [MQTT-3.1.2-20/311] */
Test(transcript, differs_in_that_a_user_needs_no_password) {
  static const char *const lines[] = {
      "accept", "< 10 10 00 04 4d 51 54 54 04 82 00 00 00 01 63 | 00 01 75",
      ACCEPTED, GOODBYE, NULL};
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .user = "u"};
  play_connect(lines, &o, connect_clean);
}

/* umqtt's SUBSCRIBE has one byte of length, so a topic of 123 bytes and more
 * becomes a malformed packet: 2 + 2 + 130 + 1 = 135 = 87 01 */
static void subscribe_long(struct rig *rig) {
  char filter[131];
  memset(filter, 'm', 130);
  filter[130] = '\0';
  rig_connect(rig);
  cr_assert(uvmqtt_simple_subscribe(rig->c, filter, 0) == 0);
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
}

Test(transcript, differs_in_that_long_topics_can_be_subscribed_to) {
  static const char *const lines[] = {
      ONLINE,
      "< 82 87 01 00 01 00 82 | " TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M
          TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M "00",
      "> 90 03 00 01 00", GOODBYE, NULL};
  play(lines, NULL, subscribe_long);
}

/* umqtt asserts that there is no QoS 2, sent or received. */
static void exactly_once(struct rig *rig) {
  rig_connect(rig);
  cr_assert(uvmqtt_simple_publish(rig->c, "t", text("x"), false, 2) == 0);
  cr_assert(uvmqtt_simple_wait_msg(rig->c, 5000) == 1);
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
}

Test(transcript, differs_in_that_qos_2_works) {
  static const char *const lines[] = {ONLINE,
                                      "< 34 06 00 01 74 00 01 78",
                                      "> 50 02 00 01",
                                      "< 62 02 00 01",
                                      "> 70 02 00 01",
                                      "> 34 06 00 01 6d 00 07 32",
                                      "< 50 02 00 07",
                                      GOODBYE,
                                      NULL};
  play(lines, NULL, exactly_once);
}
