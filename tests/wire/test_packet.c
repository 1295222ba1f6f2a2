#include "base/err.h"
#include "support/suite.h"
#include "wire/build.h"
#include "wire/differ.h"
#include "wire/packet.h"

#include <stdlib.h>
#include <string.h>

SUITE(packet);

/* Table 2.2 / 2-2: Reserved, written as in the standard; PUBLISH has none. */
static const char *const flags[16] = {
    "----", "0000", "0000", "****", "0000", "0000", "0010", "0000",
    "0010", "0000", "0010", "0000", "0000", "0000", "0000", "0000"};

static bool flags_legal(int type, int nibble) {
  if (flags[type][0] == '*')
    return nibble != 8 && nibble != 9 && (nibble & 6) != 6; /* N13 N14 */
  return flags[type][0] == '0' && strtol(flags[type], NULL, 2) == nibble;
}

/* In 3.1.1 there are no properties and no reasons. */
static struct build smallest(int type, uint8_t version, int nibble) {
  static const struct build none = {.len = 0};
  struct build p = build_with_properties(type, &none);
  if (version == UM_V311) {
    struct build body = {.len = 0}, after;
    build_parts(type, &body, &after);
    if (type == 1)
      body.bytes[6] = 4;
    if ((type >= 4 && type <= 7) || type >= 14)
      body.len = type >= 14 ? 0 : 2;
    if (type != 11)
      build_raw(&body, after.bytes, after.len);
    p.len = 1;
    build_block(&p, &body);
  }
  if (type == 3 && nibble & 6) { /* an id behind the topic "t" */
    memmove(p.bytes + 7, p.bytes + 5, p.len - 5);
    memcpy(p.bytes + 5, "\0\1", 2);
    p.len += 2;
    p.bytes[1] = (uint8_t)(p.bytes[1] + 2);
  }
  p.bytes[0] = (uint8_t)(type << 4 | nibble);
  return p;
}

static const char *senders(int type, uint8_t version) {
  static const char *const both[] = {"",   "c", "s", "cs", "cs", "cs", "cs",
                                     "cs", "c", "s", "c",  "s",  "c",  "s"};
  if (type < 14)
    return both[type];
  return version == UM_V5 ? "cs" : type == 14 ? "c" : "";
}

/* N08 N09 N10 N11 N12 N13 N14 [MQTT-2.2.2-1/311] [MQTT-2.2.2-2/311]
 * [MQTT-2.1.3-1/5] */
Test(packet, is_accepted_with_its_own_flags_from_its_own_sender_only) {
  int accepted_count = 0;
  for (int type = 0; type < 16; type++)
    for (int nibble = 0; nibble < 16; nibble++)
      for (uint8_t version = UM_V311; version <= UM_V5; version++)
        for (uint8_t from = UM_CLIENT; from <= UM_SERVER; from++) {
          struct build p = smallest(type, version, nibble);
          bool accepted;
          char *wrong =
              differ(p.bytes, p.len, version, from, VERDICT_EXACT, &accepted);
          cr_expect_null(wrong, "type %d flags %x version %d from %d: %s", type,
                         nibble, version, from, wrong);
          bool may = strchr(senders(type, version), from ? 's' : 'c') != NULL;
          cr_expect_eq(accepted, may && flags_legal(type, nibble),
                       "type %d flags %x version %d from %d", type, nibble,
                       version, from);
          accepted_count += accepted;
          free(wrong);
        }
  /* one each, PUBLISH ten; both senders: acks, PUBLISH, 5.0 DISCONNECT, AUTH */
  cr_assert_eq(accepted_count, 2 * (9 - 1 + 4 * 2 + 10 * 2) + 1 + 2 + 2);
}

static uvmqtt_message_t message(const char *topic) {
  return (uvmqtt_message_t){.topic = topic};
}

/* [MQTT-3.3.2-2/both] [MQTT-3.3.1-4/both] [MQTT-3.1.2-14/311]
 * [MQTT-3.1.2-12/5] [MQTT-4.7.3-1/both] [MQTT-3.1.3-10/311]
 * [MQTT-3.1.3-11/5] */
Test(packet, message_of_a_caller_is_checked) {
  uvmqtt_message_t m = message("a/b");
  cr_assert_eq(um_check_message(&m, UVMQTT_PUBLISH), 0);
  cr_assert_eq(um_check_message(&m, 0), 0);
  static const char *const bad[] = {NULL, "", "a/+", "#", "\xff"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uvmqtt_message_t wrong = message(bad[i]);
    cr_assert_eq(um_check_message(&wrong, UVMQTT_PUBLISH), UVMQTT_ETOPIC);
  }
  m.qos = 3;
  cr_assert_eq(um_check_message(&m, UVMQTT_PUBLISH), UVMQTT_EQOS);
  m.qos = 2;
  m.payload.len = 65536;
  cr_assert_eq(um_check_message(&m, UVMQTT_PUBLISH), UM_EINVAL);
  m.payload.data = "only the length is looked at";
  cr_assert_eq(um_check_message(&m, UVMQTT_PUBLISH), 0);
  cr_assert_eq(um_check_message(&m, 0), UM_EINVAL);
  uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(WILL_DELAY_INTERVAL, 1);
  m.payload.len = 0;
  m.properties = &p;
  m.n_properties = 1;
  cr_assert_eq(um_check_message(&m, UVMQTT_PUBLISH), UVMQTT_EPROPERTY);
  cr_assert_eq(um_check_message(&m, 0), 0);
}

/* [MQTT-3.8.3-4/5] [MQTT-3.8.3-4/311] [MQTT-3.8.3-1/both] [MQTT-3.10.3-1/both]
 */
Test(packet, subscription_of_a_caller_is_checked) {
  uvmqtt_subscription_t s = {.filter = "a/#", .qos = 2, .no_local = true};
  cr_assert_eq(um_check_subscription(&s), 0);
  s.filter = "$share/g/a";
  cr_assert_eq(um_check_subscription(&s), UM_EINVAL);
  s.no_local = false;
  cr_assert_eq(um_check_subscription(&s), 0);
  s.retain_handling = 3;
  cr_assert_eq(um_check_subscription(&s), UM_EINVAL);
  s.qos = 3;
  cr_assert_eq(um_check_subscription(&s), UVMQTT_EQOS);
  s.filter = "a#";
  cr_assert_eq(um_check_subscription(&s), UVMQTT_EFILTER);
  cr_assert_eq(um_check_filter(NULL), UVMQTT_EFILTER);
  cr_assert_eq(um_check_filter("+/+"), 0);
}
