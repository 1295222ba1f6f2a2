#include "base/err.h"
#include "support/hex.h"
#include "support/suite.h"
#include "wire/packet.h"

#include <stdlib.h>
#include <string.h>

SUITE(encode);

static struct um_buf out;

static void encodes(uint8_t version, const struct um_packet *p,
                    const char *hex) {
  uint8_t expected[256];
  long n = hex_read(hex, expected, sizeof expected);
  um_buf_init(&out, 1000, NULL);
  cr_assert_eq(um_encode(&out, version, p), 0);
  cr_assert_eq(out.len, (size_t)n);
  cr_assert_arr_eq(um_buf_head(&out), expected, out.len);
  cr_assert_eq(um_encoded_size(version, p), out.len);
  um_buf_done(&out);
}

static struct um_packet publish(const char *topic, size_t payload) {
  return (struct um_packet){
      .type = UVMQTT_PUBLISH,
      .u.publish = {.topic = topic,
                    .topic_len = strlen(topic),
                    .payload = {topic, payload}},
  };
}

/* [MQTT-3.3.1-2/both] [MQTT-2.3.1-5/311] [MQTT-2.2.1-2/5] */
Test(encode, qos_0_has_neither_dup_nor_id) {
  struct um_packet p = publish("ab", 2);
  p.u.publish.dup = true;
  p.id = 7;
  encodes(UM_V311, &p, "30 06 | 00 02 \"ab\" | \"ab\"");
  p.u.publish.qos = 1;
  encodes(UM_V311, &p, "3a 08 | 00 02 \"ab\" | 00 07 | \"ab\"");
}

/* [MQTT-2.2.2-1/5] no properties: length byte zero */
Test(encode, of_3_1_1_writes_neither_properties_nor_reasons) {
  uvmqtt_property_t prop = UVMQTT_USER_PROPERTY("a", "b");
  struct um_packet p = {.type = UVMQTT_PUBACK,
                        .reason = 0x80,
                        .id = 1,
                        .properties = &prop,
                        .n_properties = 1};
  encodes(UM_V311, &p, "40 02 | 00 01");
  encodes(UM_V5, &p, "40 0b | 00 01 | 80 | 07 26 00 01 \"a\" 00 01 \"b\"");
  p.type = UVMQTT_DISCONNECT;
  encodes(UM_V311, &p, "e0 00");
  p = publish("t", 0);
  p.properties = &prop;
  p.n_properties = 1;
  encodes(UM_V311, &p, "30 03 | 00 01 \"t\"");
  p.n_properties = 0;
  encodes(UM_V5, &p, "30 04 | 00 01 \"t\" | 00");
}

/* [MQTT-3.8.3-4/311] reserved bits are zero */
Test(encode, of_3_1_1_subscribes_with_the_qos_only) {
  uvmqtt_subscription_t s = {"a", 1, true, true, 2};
  struct um_packet p = {
      .type = UVMQTT_SUBSCRIBE, .id = 9, .u.subscribe = {&s, 1}};
  encodes(UM_V311, &p, "82 06 | 00 09 | 00 01 \"a\" 01");
  encodes(UM_V5, &p, "82 07 | 00 09 | 00 | 00 01 \"a\" 2d");
}

/* [MQTT-1.5.5-1/5] */
Test(encode, writes_lengths_in_as_few_bytes_as_possible) {
  static const struct {
    size_t body, header;
  } sizes[] = {{127, 2},     {128, 3},     {16383, 3},    {16384, 4},
               {2097151, 4}, {2097152, 5}, {268435455, 5}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct um_packet p = publish("t", sizes[i].body - 3);
    cr_assert_eq(um_encoded_size(UM_V311, &p), sizes[i].header + sizes[i].body);
  }
}

Test(encode, of_more_than_a_packet_can_hold_is_refused) {
  static const size_t lens[] = {268435453, 268435456, SIZE_MAX - 4, SIZE_MAX};
  um_buf_init(&out, SIZE_MAX, NULL);
  for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
    struct um_packet p = publish("t", lens[i]);
    cr_assert_eq(um_encoded_size(UM_V311, &p), 0);
    cr_assert_eq(um_encode(&out, UM_V311, &p), UVMQTT_ETOOBIG);
  }
  cr_assert_eq(out.len, 0);
  um_buf_done(&out);
}

Test(encode, of_a_string_that_has_no_length_is_refused) {
  char *longest = malloc(65537);
  memset(longest, 'x', 65536);
  longest[65536] = '\0';
  struct um_packet p = publish(longest, 0);
  cr_assert_eq(um_encoded_size(UM_V5, &p), 0);
  uvmqtt_property_t prop = UVMQTT_USER_PROPERTY(longest, "");
  p = publish("t", 0);
  p.properties = &prop;
  p.n_properties = 1;
  cr_assert_eq(um_encoded_size(UM_V5, &p), 0);
  free(longest);
}

Test(encode, appends_nothing_when_the_buffer_is_full) {
  struct um_packet p = publish("topic", 5);
  um_buf_init(&out, 20, NULL);
  cr_assert_eq(um_encode(&out, UM_V311, &p), 0);
  cr_assert_eq(out.len, 14);
  cr_assert_eq(um_encode(&out, UM_V311, &p), UM_ENOMEM);
  cr_assert_eq(out.len, 14);
  um_buf_done(&out);
}
