#include "support/suite.h"
#include "wire/build.h"
#include "wire/differ.h"
#include "wire/reason.h"
#include "wire/reference.h"

#include <stdlib.h>
#include <string.h>
#include <uvmqtt/error.h>

SUITE(reason);

Test(reason, tables_agree_with_the_standard_for_every_code) {
  int legal = 0;
  for (uint8_t type = 0; type < 16; type++)
    for (uint8_t version = UM_V311; version <= UM_V5; version++)
      for (uint8_t from = UM_CLIENT; from <= UM_SERVER; from++)
        for (int code = 0; code < 256; code++) {
          bool ours = um_reason_legal(type, version, from, (uint8_t)code);
          cr_expect_eq(ours,
                       ref_reason_legal(type, version, from == UM_SERVER, code),
                       "type %d version %d from %d code %02x", type, version,
                       from, code);
          legal += ours;
        }
  cr_assert_eq(legal, 10 + 22 + 4 * 9 + 4 * 2 + 12 + 7 + 15 + 29 + 4);
  cr_assert_not(um_reason_legal(16, UM_V5, UM_SERVER, 0));
}

/* Where the code stands in the smallest packet: behind the fixed header. */
static struct build packet_with_code(int type, uint8_t version, int code) {
  struct build body = {.len = 0}, packet = {.len = 0};
  bool v5 = version == UM_V5;
  if (type == 2)
    build_u8(&body, 0);
  else if (type < 12)
    build_raw(&body, "\0\1", 2);
  if (v5 && (type == 9 || type == 11))
    build_u8(&body, 0);
  build_u8(&body, (unsigned)code);
  if (v5 && (type == 2 || type == 15))
    build_u8(&body, 0);
  build_u8(&packet, build_first_byte(type));
  build_block(&packet, &body);
  return packet;
}

/* N23 N36 N59 N69 [MQTT-3.4.2-1/5] [MQTT-3.5.2-1/5] [MQTT-3.6.2-1/5]
 * [MQTT-3.7.2-1/5] [MQTT-3.9.3-2/311] [MQTT-3.14.2-1/5] [MQTT-3.15.2-1/5] */
Test(reason, outside_the_table_is_a_protocol_error_in_every_packet) {
  static const int types[] = {2, 4, 5, 6, 7, 9, 11, 14, 15};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    for (uint8_t version = UM_V311; version <= UM_V5; version++)
      for (uint8_t from = UM_CLIENT; from <= UM_SERVER; from++)
        for (int code = 0; code < 256; code++) {
          struct build p = packet_with_code(types[i], version, code);
          bool accepted;
          char *wrong =
              differ(p.bytes, p.len, version, from, VERDICT_EXACT, &accepted);
          cr_expect_null(wrong, "type %d code %02x: %s", types[i], code, wrong);
          if (version == UM_V5)
            cr_expect_eq(accepted, um_reason_legal((uint8_t)types[i], version,
                                                   from, (uint8_t)code));
          free(wrong);
        }
}

Test(reason, of_a_3_1_1_connack_becomes_its_5_0_equivalent) {
  static const uint8_t expected[] = {0, 0x84, 0x85, 0x88, 0x86, 0x87, 0x80};
  for (uint8_t code = 0; code < sizeof expected; code++)
    cr_assert_eq(um_reason_from_connack_311(code), expected[code]);
  cr_assert_eq(um_reason_from_connack_311(255), 0x80);
}

Test(reason, of_a_violation_names_it) {
  cr_assert_eq(um_reason_of_violation(UVMQTT_EMALFORMED), 0x81);
  cr_assert_eq(um_reason_of_violation(UVMQTT_EPROTOCOL), 0x82);
  cr_assert_eq(um_reason_of_violation(UVMQTT_EQUOTA), 0x93);
  cr_assert_eq(um_reason_of_violation(UVMQTT_ETOPICALIAS), 0x94);
  cr_assert_eq(um_reason_of_violation(UVMQTT_ETOOBIG), 0x95);
  cr_assert_eq(um_reason_of_violation(UVMQTT_EAUTH), 0x8C);
  cr_assert_eq(um_reason_of_violation(-1), 0x80);
}

Test(reason, has_words_for_exactly_the_defined_codes) {
  int known = 0;
  for (int code = 0; code < 256; code++)
    known += strcmp(uvmqtt_reason_string((uint8_t)code), "Unknown reason") != 0;
  cr_assert_eq(known, 43);
  cr_assert_str_eq(uvmqtt_reason_string(0x8E), "Session taken over");
}

Test(reason, packet_names_are_those_of_the_standard) {
  cr_assert_str_eq(uvmqtt_packet_name(0), "?");
  cr_assert_str_eq(uvmqtt_packet_name(3), "PUBLISH");
  cr_assert_str_eq(uvmqtt_packet_name(15), "AUTH");
  cr_assert_str_eq(uvmqtt_packet_name(16), "?");
  cr_assert_str_eq(uvmqtt_packet_name(255), "?");
}
