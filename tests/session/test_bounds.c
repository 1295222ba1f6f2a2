/* Memory under attack: what a server can make us hold. All memory of the
 * library is counted (sim/memory.c stands for base/alloc.c). */
#include "session/session.h"

#include "base/err.h"
#include "sim/memory.h"
#include "support/clock.h"
#include "support/packets.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(bounds);

#define KIB 1024u
#define READ_MAX (64 * KIB) /* the loop reads no more at a time */

static struct um_session s;
static struct um_session_config config;
static struct um_identity who;
static struct um_commons commons;
static uint64_t n_messages;
static void (*inspect)(const uvmqtt_message_t *m);
static size_t before; /* bytes held when the attack began */

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)up, (void)connack;
}

static void on_message(void *up, const uvmqtt_message_t *m) {
  (void)up;
  n_messages++;
  if (inspect != NULL)
    inspect(m);
}

static const struct um_session_events events = {.connected = on_connected,
                                                .message = on_message};

static void drop_out(void) {
  um_session_written(&s, s.out.len);
  um_buf_consume(&s.out, s.out.len);
  um_buf_release(&s.out);
}

static int feed(const void *data, size_t len) {
  uint8_t *chunk = malloc(len);
  memcpy(chunk, data, len);
  int r = um_session_feed(&s, CLOCK_START, chunk, len);
  free(chunk);
  return r;
}

static void say(const char *line) {
  size_t len;
  uint8_t *data = packet_text_bytes(line, s.version, &len);
  cr_assert_eq(feed(data, len), 0, "%s", line);
  free(data);
}

static void begin(uint8_t version, uint32_t packet_max) {
  who = (struct um_identity){.client_id = "c"};
  config = (struct um_session_config){.version = (uvmqtt_protocol_t)version,
                                      .keep_alive = 60,
                                      .receive_maximum = 64,
                                      .topic_alias_maximum = 8,
                                      .maximum_packet_size = packet_max};
  n_messages = 0;
  inspect = NULL;
  um_session_init(&s, &config, &who, &events, NULL, &commons);
  cr_assert_eq(um_session_up(&s, CLOCK_START), 0);
  drop_out();
  say("CONNACK");
  before = memory.peak = memory.live;
}

static size_t growth(void) {
  return memory.peak - before;
}

static void end(void) {
  um_session_down(&s, CLOCK_START, 0);
  um_session_done(&s);
  um_commons_done(&commons);
  cr_assert_eq(memory.blocks, 0);
}

/* N03: over our maximum, told by the header: 64 KiB of it are not kept. */
static void announce_too_much(uint8_t version) {
  static uint8_t chunk[READ_MAX] = {0x30, 0xFF, 0xFF, 0xFF, 0x7F};
  begin(version, 1u << 20);
  cr_assert_eq(feed(chunk, sizeof chunk), UVMQTT_ETOOBIG);
  cr_assert_leq(growth(), 256); /* DISCONNECT */
  end();
}

Test(bounds, N03_what_is_too_large_is_not_held) {
  announce_too_much(5);
  announce_too_much(4);
}

/* N04: 256 MB announced and allowed, 1 MB comes, then silence. */
static void announce_and_fall_silent(uint8_t version) {
  uint8_t chunk[1000] = {0x30, 0xFF, 0xFF, 0xFF, 0x7F};
  int r = 0;
  begin(version, 268435460);
  for (size_t arrived = 0; arrived < 1000000; arrived += sizeof chunk) {
    cr_assert_eq(feed(chunk, sizeof chunk), 0);
    memset(chunk, 'x', sizeof chunk);
    /* a step of growth needs the old and the new block */
    cr_assert_leq(growth(), 3 * (arrived + sizeof chunk) + 64);
  }
  for (uint64_t t = um_session_deadline(&s); r == 0; t++) {
    cr_assert_leq(t, CLOCK_START + 200000);
    r = um_session_tick(&s, t);
  }
  cr_assert_eq(r, UVMQTT_EKEEPALIVE);
  cr_assert_eq(n_messages, 0);
  end();
}

Test(bounds, N04_memory_grows_with_what_came_and_silence_ends_it) {
  announce_and_fall_silent(5);
  announce_and_fall_silent(4);
}

static size_t put_u16(uint8_t *at, size_t n) {
  at[0] = (uint8_t)(n >> 8);
  at[1] = (uint8_t)n;
  return 2;
}

/* PUBLISH QoS 0 with Topic Alias; returns its length. */
static size_t write_aliased(uint8_t *at, size_t topic_len, unsigned alias) {
  size_t left = 2 + topic_len + 4, n = 0;
  at[n++] = 0x30;
  for (; left > 127; left >>= 7)
    at[n++] = (uint8_t)(left | 0x80);
  at[n++] = (uint8_t)left;
  n += put_u16(at + n, topic_len);
  memset(at + n, 't', topic_len);
  n += topic_len;
  at[n++] = 3;
  at[n++] = 0x23;
  return n + put_u16(at + n, alias);
}

/* N35: 65,535 assignments to 8 aliases, the longest topics among them. */
Test(bounds, N35_aliases_hold_no_more_than_one_topic_each) {
  static uint8_t packet[70000];
  begin(5, 1u << 20);
  for (unsigned i = 0; i < 65535; i++) {
    size_t topic_len = i % 128 == 0 ? 65535 - i / 128 : 1 + i % 300;
    size_t len = write_aliased(packet, topic_len, 1 + i % 8);
    cr_assert_eq(feed(packet, len), 0);
  }
  cr_assert_eq(n_messages, 65535);
  /* and one more while it is exchanged */
  cr_assert_leq(growth(), (8 + 1) * 64 * KIB + 8 * 64);
  end();
}

/* N44 */

#define PROPERTIES_MAX 1000u /* of one packet: the default */

/* One in seven has an empty key, keys come again and again. */
static void text_of_property(unsigned i, char key[8], char value[8]) {
  snprintf(key, 8, "k%u", i % 10);
  if (i % 7 == 0)
    key[0] = '\0';
  snprintf(value, 8, "%u", i);
}

static size_t put_string(uint8_t *at, const char *text) {
  size_t len = strlen(text);
  put_u16(at, len);
  memcpy(at + 2, text, len);
  return 2 + len;
}

static size_t put_varint(uint8_t *at, size_t n) {
  size_t used = 0;
  for (; n > 127; n >>= 7)
    at[used++] = (uint8_t)(n | 0x80);
  at[used++] = (uint8_t)n;
  return used;
}

static size_t write_user_properties(uint8_t *at, unsigned n) {
  static uint8_t list[200000], body[200010];
  char key[8], value[8];
  size_t len = 0, used = 3;
  for (unsigned i = 0; i < n; i++) {
    text_of_property(i, key, value);
    list[len++] = 0x26;
    len += put_string(list + len, key);
    len += put_string(list + len, value);
  }
  memcpy(body, "\0\1t", 3);
  used += put_varint(body + used, len);
  memcpy(body + used, list, len);
  at[0] = 0x30;
  size_t header = 1 + put_varint(at + 1, used + len);
  memcpy(at + header, body, used + len);
  return header + used + len;
}

static void inspect_properties(const uvmqtt_message_t *m) {
  char key[8], value[8];
  cr_assert_eq(m->n_properties, PROPERTIES_MAX);
  for (unsigned i = 0; i < PROPERTIES_MAX; i++) {
    text_of_property(i, key, value);
    cr_assert_eq(m->properties[i].id, UVMQTT_PROPERTY_USER_PROPERTY);
    cr_assert_str_eq(m->properties[i].value.pair.key, key);
    cr_assert_str_eq(m->properties[i].value.pair.value, value);
  }
}

Test(bounds, N44_user_properties_come_in_order_and_are_counted) {
  static uint8_t packet[300000];
  begin(5, 1u << 20);
  inspect = inspect_properties;
  size_t len = write_user_properties(packet, PROPERTIES_MAX);
  cr_assert_eq(feed(packet, len), 0);
  /* byte by byte: the fragment, too, and while it grows twice */
  for (size_t i = 0; i < len; i++)
    cr_assert_eq(feed(packet + i, 1), 0);
  cr_assert_eq(n_messages, 2);
  cr_assert_leq(growth(),
                4 * len + 3 * PROPERTIES_MAX * sizeof(uvmqtt_property_t));
  end();
  begin(5, 1u << 20);
  len = write_user_properties(packet, 10000);
  cr_assert_eq(feed(packet, len), UVMQTT_ETOOBIG);
  cr_assert_eq(n_messages, 0);
  cr_assert_leq(growth(), 3 * PROPERTIES_MAX * sizeof(uvmqtt_property_t) + 256);
  end();
}

/* N53: every id there is at QoS 2, none released. */

static int open_id(unsigned id, uint8_t version) {
  uint8_t packet[] = {0x34, 5, 0, 1, 't', 0, 0, 0};
  packet[1] = version == 5 ? 6 : 5;
  put_u16(packet + 5, id);
  int r = feed(packet, version == 5 ? 8 : 7);
  drop_out();
  return r;
}

#define SETS (3 * 8 * KIB) /* bits for all ids: open, here and held */

Test(bounds, N53_ids_that_are_never_released_are_bits) {
  begin(4, 1u << 20);
  for (unsigned id = 1; id <= 65535; id++)
    cr_assert_eq(open_id(id, 4), 0);
  cr_assert_eq(n_messages, 65535);
  cr_assert_leq(growth(), SETS + KIB);
  end();
}

/* Once in a session Receive Maximum stops it; then it is suffered, as some
 * servers forget it (architecture.md). */
Test(bounds, N53_receive_maximum_stops_ids_that_are_never_released) {
  begin(5, 1u << 20);
  for (unsigned id = 1; id <= 64; id++)
    cr_assert_eq(open_id(id, 5), 0);
  cr_assert_eq(open_id(65, 5), UVMQTT_EQUOTA);
  cr_assert_eq(n_messages, 64);
  um_session_down(&s, CLOCK_START, UM_EOF);
  cr_assert_eq(um_session_up(&s, CLOCK_START), 0);
  drop_out();
  say("CONNACK sp=1");
  for (unsigned id = 65; id <= 65535; id++)
    cr_assert_eq(open_id(id, 5), 0);
  cr_assert_eq(n_messages, 65535);
  cr_assert_leq(growth(), SETS + KIB);
  end();
}

/* N76: a million packets in 4 MB; neither memory nor stack grows with them. */

static uint8_t flood[4u << 20];

static void fill(const uint8_t *packet, size_t len) {
  for (size_t at = 0; at + len <= sizeof flood; at += len)
    memcpy(flood + at, packet, len);
}

static char *lowest;

static void inspect_stack(const uvmqtt_message_t *m) {
  char here;
  (void)m;
  if (lowest == NULL)
    lowest = &here;
  cr_assert_eq(&here, lowest); /* as deep as the first time */
}

static void flood_with(uint8_t version, const uint8_t *packet, size_t len,
                       uint64_t messages) {
  begin(version, 1u << 20);
  inspect = inspect_stack;
  lowest = NULL;
  fill(packet, len);
  cr_assert_eq(
      um_session_feed(&s, CLOCK_START, flood, sizeof flood / len * len), 0);
  cr_assert_eq(n_messages, messages);
  cr_assert_eq(um_counters_total(&s.counters, UM_RECEIVED),
               1 + sizeof flood / len);
  cr_assert_leq(growth(), 1024);
  end();
}

Test(bounds, N76_a_million_packets_in_one_chunk) {
  static const uint8_t pingresp[] = {0xD0, 0},
                       publish_5[] = {0x30, 4, 0, 1, 't', 0},
                       publish_311[] = {0x30, 3, 0, 1, 't'};
  flood_with(5, pingresp, 2, 0);
  flood_with(4, pingresp, 2, 0);
  flood_with(5, publish_5, 6, sizeof flood / 6);
  flood_with(4, publish_311, 5, sizeof flood / 5);
}
