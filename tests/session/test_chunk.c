/* Large messages in parts: what conversations (chunks.script) cannot say, where
 * the bytes lie and what it costs. */
#include "session/chunk.h"

#include "base/alloc.h"
#include "base/err.h"
#include "session/session.h"
#include "support/clock.h"
#include "support/hex.h"
#include "support/suite.h"
#include <string.h>

SUITE(chunk);

#define CONNACK "20 03 00 00 00 "
#define PIECE 65536u

static struct um_session s;
static struct um_session_config config;
static struct um_identity who;
static struct um_commons commons;
static const uint8_t *fed; /* the chunk being read */
static size_t fed_len;
static size_t n_parts, n_bytes, n_last, n_aborted, n_messages;
static char topics[64]; /* first letters of what aborted or was whole */

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)up, (void)connack;
}

static void on_message(void *up, const uvmqtt_message_t *m) {
  (void)up;
  n_messages++;
  strncat(topics, m->topic, 1);
}

static bool lies_in_chunk(const uvmqtt_bytes_t *part) {
  const uint8_t *at = part->data;
  return at >= fed && at + part->len <= fed + fed_len;
}

static void on_chunk(void *up, const uvmqtt_chunk_t *c) {
  (void)up;
  if (c->total == UVMQTT_CHUNK_ABORTED) {
    cr_assert(c->last);
    cr_assert_eq(c->offset, n_bytes);
    cr_assert_eq(c->message->n_properties, 0);
    strncat(topics, c->message->topic, 1);
    n_aborted++;
    return;
  }
  cr_assert(lies_in_chunk(&c->message->payload));
  cr_assert_str_eq(c->message->topic, "big");
  cr_assert_eq(c->message->n_properties, 1);
  cr_assert_str_eq(c->message->properties[0].value.str, "text");
  cr_assert_eq(c->offset, n_bytes);
  n_bytes += c->message->payload.len;
  n_parts++;
  n_last += c->last;
  cr_assert_eq(c->last, n_bytes == c->total);
}

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *result) {
  (void)up, (void)cb, (void)arg, (void)result;
}

static void on_notice(void *up, const uvmqtt_notice_t *notice) {
  (void)up, (void)notice;
}

static const struct um_session_events events = {.connected = on_connected,
                                                .message = on_message,
                                                .chunk = on_chunk,
                                                .completed = on_completed,
                                                .notice = on_notice};

static void take_out(void) {
  um_session_drain(&s, CLOCK_START);
  um_session_written(&s, s.out.len);
  um_buf_consume(&s.out, s.out.len);
}

static int feed(uint8_t *bytes, size_t len) {
  fed = bytes;
  fed_len = len;
  return um_session_feed(&s, CLOCK_START, bytes, len);
}

static int feed_hex(const char *line) {
  static uint8_t bytes[4096];
  long n = hex_read(line, bytes, sizeof bytes);
  cr_assert(n > 0);
  return feed(bytes, (size_t)n);
}

static void go_online(void) {
  cr_assert_eq(um_session_up(&s, CLOCK_START), 0);
  take_out();
  cr_assert_eq(feed_hex(CONNACK), 0);
  take_out();
}

static void open_session(void) {
  who = (struct um_identity){.client_id = "c"};
  config = (struct um_session_config){.version = UVMQTT_VERSION_5,
                                      .mode = UVMQTT_SESSION_RESUME,
                                      .session_expiry = 300,
                                      .receive_maximum = 64,
                                      .maximum_packet_size = UM_PACKET_MAX,
                                      .queue_messages = 10,
                                      .queue_bytes = 1024,
                                      .chunk_threshold = 1000};
  um_session_init(&s, &config, &who, &events, NULL, &commons);
  go_online();
}

static void close_session(void) {
  if (s.state != UM_SESSION_DOWN)
    um_session_down(&s, CLOCK_START, 0);
  um_session_done(&s);
  um_commons_done(&commons);
}

/* Fixed header for this payload, then the variable one. */
static size_t header_for(size_t payload, uint8_t *ret) {
  static const char rest[] = "\x00\x03"
                             "big\x00\x07\x07\x03\x00\x04text";
  size_t left = payload + sizeof rest - 1, n = 0;
  ret[n++] = 0x32;
  do {
    ret[n++] = (uint8_t)((left & 0x7F) | (left > 127 ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  memcpy(ret + n, rest, sizeof rest - 1);
  return n + sizeof rest - 1;
}

/* 64 MiB: the header and its topic are held, the payload never is. */
Test(chunk, copies_no_payload_and_allocates_for_the_header_alone) {
  static uint8_t piece[PIECE];
  const size_t total = 64u * 1024 * 1024;
  open_session();
  size_t n = header_for(total, piece);
  um_alloc_fail_at(0, false);
  cr_assert_eq(feed(piece, n), 0);
  for (size_t left = total; left > 0; left -= n) {
    n = left < PIECE ? left : PIECE;
    cr_assert_eq(s.out.len, 0);
    cr_assert_eq(feed(piece, n), 0);
    cr_assert_leq(s.frame.rest.cap + s.chunk->topic.cap, 256);
  }
  cr_assert_null(s.later);
  /* header, topic, properties, what is known, PUBACK */
  cr_assert_leq(um_alloc_calls(), 5);
  cr_assert_eq(n_bytes, total);
  cr_assert_eq(n_parts, total / PIECE);
  cr_assert_eq(n_last, 1);
  static const uint8_t puback[] = {0x40, 2, 0, 7};
  cr_assert_eq(s.out.len, sizeof puback);
  cr_assert_arr_eq(um_buf_head(&s.out), puback, sizeof puback);
  close_session();
}

/* The same header again and again needs no memory but the header's. */
Test(chunk, keeps_the_memory_of_the_topic) {
  static uint8_t piece[2000];
  open_session();
  for (int i = 0; i < 5; i++) {
    size_t n = header_for(1500, piece);
    n_bytes = 0;
    um_alloc_fail_at(0, false);
    cr_assert_eq(feed(piece, n + 1500), 0);
    cr_assert_leq(um_alloc_calls(), i == 0 ? 5 : 1);
    take_out();
  }
  cr_assert_eq(n_last, 5);
  close_session();
}

static struct um_session other;

static void decode_elsewhere(void) {
  uint8_t connack[] = {0x20, 6, 0, 0, 3, 0x21, 0, 10};
  um_session_init(&other, &config, &who, &events, NULL, &commons);
  cr_assert_eq(um_session_up(&other, CLOCK_START), 0);
  cr_assert_eq(um_session_feed(&other, CLOCK_START, connack, sizeof connack),
               0);
  cr_assert_eq(other.limits.receive_maximum, 10);
  um_session_down(&other, CLOCK_START, 0);
  um_session_done(&other);
}

/* Sessions of one thread decode into the same memory. */
Test(chunk, properties_stay_while_another_session_decodes) {
  static uint8_t piece[2000];
  open_session();
  size_t n = header_for(1500, piece);
  cr_assert_eq(feed(piece, n), 0);
  decode_elsewhere();
  cr_assert_eq(feed(piece, 1000), 0); /* on_chunk looks at them */
  decode_elsewhere();
  cr_assert_eq(feed(piece, 500), 0);
  cr_assert_eq(n_last, 1);
  close_session();
}

/* settle may come late: the end of the one is told before the other begins. */
Test(chunk, tells_an_abort_before_the_next_message) {
  static uint8_t piece[2000];
  open_session();
  size_t n = header_for(1500, piece);
  cr_assert_eq(feed(piece, n + 700), 0);
  cr_assert_eq(n_bytes, 700);
  um_session_down(&s, CLOCK_START, UM_ECONNRESET);
  cr_assert(um_session_unsettled(&s));
  cr_assert_eq(n_aborted, 0);
  go_online();
  n = header_for(1500, piece);
  cr_assert_eq(feed(piece, n), 0);
  cr_assert_eq(n_aborted, 1);
  cr_assert_str_eq(topics, "b");
  cr_assert_not(um_session_unsettled(&s));
  n_bytes = 0;
  cr_assert_eq(feed(piece, 1500), 0);
  cr_assert_eq(n_last, 1);
  um_session_down(&s, CLOCK_START, UM_ECONNRESET);
  um_session_settle(&s);
  cr_assert_eq(n_aborted, 1);
  close_session();
}

/* Paused in the middle: what came is kept, nothing twice. */
Test(chunk, waits_between_parts_while_paused) {
  static uint8_t piece[4000];
  open_session();
  size_t n = header_for(1500, piece);
  cr_assert_eq(feed(piece, n + 700), 0);
  um_session_pause(&s, CLOCK_START);
  cr_assert_eq(feed(piece, 300), 0);
  cr_assert_eq(n_bytes, 700);
  cr_assert(um_session_paused(&s));
  um_session_resume(&s, CLOCK_START);
  fed = um_buf_head(s.later);
  fed_len = s.later->len;
  cr_assert_eq(um_session_read_on(&s, CLOCK_START), 0);
  cr_assert_eq(n_bytes, 1000);
  cr_assert_eq(feed(piece, 500), 0);
  cr_assert_eq(n_last, 1);
  close_session();
}
