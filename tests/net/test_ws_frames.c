/* Frames both ways: W09 to W21 of the fault list. */
#include "base/alloc.h"
#include "net/filter.h"
#include "net/ws.h"
#include "net/ws_frames.h"
#include "support/planted.h"
#include "support/suite.h"
#include "ws_peer.h"
#include <stdlib.h>
#include <string.h>

SUITE(ws_frames);

/* Frames from the server. */

static void violates_cut(const uint8_t *frame, size_t len, size_t at,
                         unsigned code) {
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x82\x01z", 3);
  tower_feed(&t, frame, at);
  tower_feed(&t, frame + at, len - at);
  cr_expect_eq(t.status, UVMQTT_EWSPROTOCOL, "%02x: %d",
               ((const uint8_t *)frame)[0], t.status);
  ws_hears_close(&t, code);
  tower_got_text(&t, "z");
  cr_expect_str_neq(t.fault.text, "");
  tower_done(&t);
}

/* However it comes. */
static void violates(const void *frame, size_t len, unsigned code) {
  for (size_t at = 0; at < len; at++)
    violates_cut(frame, len, at, code);
}

#define VIOLATES(bytes, code) violates(bytes, sizeof bytes - 1, code)

/* W09 */
Test(ws_frames, w09_a_masked_frame_is_a_violation) {
  VIOLATES("\x82\x81\x01\x02\x03\x04x", 1002);
  VIOLATES("\x82\x80\x01\x02\x03\x04", 1002);
  VIOLATES("\x89\x80\x01\x02\x03\x04", 1002);
}

/* W10 */
Test(ws_frames, w10_reserved_bits_and_opcodes_are_violations) {
  VIOLATES("\xC2\x01x", 1002);
  VIOLATES("\xA2\x01x", 1002);
  VIOLATES("\x92\x01x", 1002);
  VIOLATES("\xC9\x00", 1002);
  for (unsigned opcode = 3; opcode <= 15; opcode++)
    if (opcode < 8 || opcode > 10) {
      uint8_t frame[] = {(uint8_t)(0x80 | opcode), 0};
      violates(frame, sizeof frame, 1002);
    }
}

/* W11 [MQTT-6.0.0-1/both] */
Test(ws_frames, w11_a_text_frame_is_unsupported) {
  VIOLATES("\x81\x01x", 1003);
  VIOLATES("\x01\x00", 1003);
}

/* W12 */
Test(ws_frames, w12_control_frames_are_short_and_whole) {
  VIOLATES("\x89\x7E\x00\x7E", 1002);
  VIOLATES("\x88\x7E\x00\x80", 1002);
  VIOLATES("\x09\x00", 1002);
  VIOLATES("\x08\x00", 1002);
  VIOLATES("\x0A\x01x", 1002);
}

/* W13 */
Test(ws_frames, w13_fragments_follow_each_other) {
  VIOLATES("\x80\x01x", 1002);
  VIOLATES("\x00\x01x", 1002);
  VIOLATES("\x02\x00\x82\x01x", 1002);
  VIOLATES("\x02\x00\x02\x01x", 1002);
}

/* W14 */
Test(ws_frames, w14_a_length_is_said_in_the_shortest_way) {
  VIOLATES("\x82\x7E\x00\x7D", 1002);
  VIOLATES("\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", 1002);
  VIOLATES("\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x00", 1002);
}

/* W15 */
Test(ws_frames, w15_a_frame_of_any_size_is_no_memory) {
  VIOLATES("\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFx", 1009);
  VIOLATES("\x82\x7F\x00\x00\x00\x00\x40\x00\x00\x01x", 1009);
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x82\x7F\x00\x00\x00\x00\x40\x00\x00\x00x", 11);
  tower_got_text(&t, "x"); /* a gigabyte announced, passed on as it comes */
  cr_assert_eq(t.count[ENDED], 0);
  tower_done(&t);
}

/* W15: not for the largest that is let through, nor for the one that is not */
Test(ws_frames, w15_an_announced_length_allocates_nothing) {
  uint8_t fits[] = "\x82\x7F\x00\x00\x00\x00\x40\x00\x00\x00x";
  uint8_t over[] = "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFx";
  struct um_ws_frames w;
  struct um_buf out;
  um_buf_init(&out, SIZE_MAX, NULL);
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(um_ws_frames_init(&w, &out), 0);
    uint64_t before = um_alloc_calls();
    int r = um_ws_frames_take(&w, 0, i == 0 ? fits : over, sizeof fits - 1);
    cr_assert_eq(r, i == 0 ? 0 : UM_WS_TOO_BIG);
    cr_assert_eq(um_alloc_calls(), before);
    um_ws_frames_done(&w);
  }
  cr_assert_eq(out.cap, 0);
}

static void put_conversation(struct um_buf *b, const uint8_t *data,
                             size_t len) {
  ws_put(b, BEGIN, data, 1);
  ws_put(b, PING, "p", 1);
  ws_put(b, MORE, data + 1, 0);
  ws_put(b, MORE, data + 1, 126);
  ws_put(b, PONG, "", 0);
  ws_put(b, LAST, data + 127, 10);
  ws_put(b, BINARY, data + 137, len - 137);
}

/* W16 [MQTT-6.0.0-2/both] */
Test(ws_frames, w16_frames_may_be_cut_anywhere) {
  uint8_t data[400];
  struct um_buf b;
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (uint8_t)(i * 7);
  um_buf_init(&b, SIZE_MAX, NULL);
  put_conversation(&b, data, sizeof data);
  for (size_t at = 0; at <= b.len; at++) {
    struct tower t;
    ws_open(&t, true);
    tower_feed(&t, b.data, at);
    tower_feed(&t, b.data + at, b.len - at);
    tower_got(&t, data, sizeof data);
    ws_hears(&t, PONG, "p", 1);
    tower_done(&t);
  }
  for (size_t cut = 1; cut < 20; cut++) {
    struct tower t;
    ws_open(&t, true);
    t.m->cut = cut;
    tower_feed(&t, b.data, b.len);
    tower_got(&t, data, sizeof data);
    tower_done(&t);
  }
  um_buf_done(&b);
}

/* W16 */
Test(ws_frames, w16_many_frames_in_one_read_are_handed_up_at_once) {
  struct tower t;
  struct um_buf b;
  ws_open(&t, true);
  um_buf_init(&b, SIZE_MAX, NULL);
  for (int i = 0; i < 100; i++)
    ws_put(&b, BINARY, "ab", 2);
  tower_feed(&t, b.data, b.len);
  cr_assert_eq(t.count[BYTES], 1);
  cr_assert_eq(t.got.len, 200);
  for (size_t i = 0; i < 100; i++)
    cr_assert_eq(memcmp(t.got.data + 2 * i, "ab", 2), 0);
  um_buf_done(&b);
  tower_done(&t);
}

/* W16 */
Test(ws_frames, w16_a_large_frame_goes_up_as_it_comes) {
  struct tower t;
  struct um_buf b;
  size_t len = 300000;
  uint8_t *data = malloc(len);
  for (size_t i = 0; i < len; i++)
    data[i] = (uint8_t)(i % 251);
  ws_open(&t, true);
  um_buf_init(&b, SIZE_MAX, NULL);
  ws_put(&b, BINARY, data, len);
  t.m->cut = 65536;
  tower_feed(&t, b.data, b.len);
  cr_assert_eq(t.count[BYTES], 5);
  tower_got(&t, data, len);
  um_buf_done(&b);
  free(data);
  tower_done(&t);
}

/* Again and again: how often until it is too much; 0: never. */
static unsigned flood(const char *bytes, size_t len, unsigned pongs) {
  struct tower t;
  unsigned n = 0;
  ws_open(&t, true);
  while (t.count[ENDED] == 0 && n < 300) {
    tower_feed(&t, bytes, len);
    n++;
  }
  for (unsigned i = 0; i < pongs; i++)
    ws_hears(&t, PONG, "", 0);
  if (t.count[ENDED] == 0)
    n = 0;
  else
    ws_hears_close(&t, 1008);
  tower_done(&t);
  return n;
}

#define FLOOD(bytes, pongs) flood(bytes, sizeof bytes - 1, pongs)

/* W17: the 201st of a second */
Test(ws_frames, w17_frames_that_say_nothing_are_counted) {
  cr_assert_eq(FLOOD("\x89\x00", 200), 201);
  cr_assert_eq(FLOOD("\x8A\x00", 0), 201);
  cr_assert_eq(FLOOD("\x82\x00", 0), 201);
  cr_assert_eq(FLOOD("\x02\x00\x80\x00", 0), 101); /* fragments */
  cr_assert_eq(FLOOD("\x82\x01x\x8A\x00", 0),
               201); /* data makes it no better */
}

/* W17: servers that stream end each message with one */
Test(ws_frames, w17_an_empty_frame_after_each_with_data_is_fine) {
  cr_assert_eq(FLOOD("\x02\x01x\x80\x00", 0), 0);
  cr_assert_eq(FLOOD("\x02\x01x\x00\x00\x80\x00", 0), 201); /* two are not */
}

/* W17 */
Test(ws_frames, w17_endless_fragments_too) {
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x02\x00", 2);
  for (int i = 0; i < 300 && t.count[ENDED] == 0; i++)
    tower_feed(&t, "\x00\x00", 2);
  cr_assert_eq(t.status, UVMQTT_EWSPROTOCOL);
  ws_hears_close(&t, 1008);
  tower_done(&t);
}

/* W17: a ping now and then is none of that */
Test(ws_frames, w17_the_count_is_by_the_second) {
  struct tower t;
  ws_open(&t, true);
  for (int i = 0; i < 2; i++) {
    for (int n = 0; n < 150; n++)
      tower_feed(&t, "\x8A\x00", 2);
    uint64_t until = uv_hrtime() + 1100000000u;
    while (uv_hrtime() < until && i == 0)
      uv_run(&t.loop, UV_RUN_NOWAIT);
    uv_update_time(&t.loop);
  }
  cr_assert_eq(t.count[ENDED], 0);
  tower_done(&t);
}

static void closed_by(const void *frame, size_t len, int status,
                      const char *text) {
  struct tower t;
  uint8_t echo[2];
  ws_open(&t, true);
  tower_feed(&t, frame, len);
  cr_expect_eq(t.status, status, "%d", t.status);
  cr_expect_str_eq(t.fault.text, text);
  memcpy(echo, (const uint8_t *)frame + 2, len > 2 ? 2 : 0);
  ws_hears(&t, CLOSE, echo, len > 2 ? 2 : 0);
  tower_done(&t);
}

#define CLOSED_BY(bytes, status, text)                                         \
  closed_by(bytes, sizeof bytes - 1, status, text)

Test(ws_frames, a_close_is_answered_and_ends_it) {
  CLOSED_BY("\x88\x02\x03\xE8", UV_EOF, "WebSocket closed with code 1000");
  CLOSED_BY("\x88\x00", UV_EOF, "WebSocket closed with code 1005");
  CLOSED_BY("\x88\x05\x03\xE9"
            "bye",
            UV_EOF, "WebSocket closed with code 1001: bye");
  CLOSED_BY("\x88\x02\x03\xF3", UVMQTT_EWSCLOSED,
            "WebSocket closed with code 1011");
  CLOSED_BY("\x88\x02\x13\x87", UVMQTT_EWSCLOSED,
            "WebSocket closed with code 4999");
}

/* W18 */
Test(ws_frames, w18_a_close_must_be_well_formed) {
  VIOLATES("\x88\x01\x03", 1002);
  static const unsigned codes[] = {0,    999,  1004, 1005, 1006,
                                   1015, 1016, 2999, 5000, 65535};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    uint8_t frame[] = {CLOSE, 2, (uint8_t)(codes[i] >> 8), (uint8_t)codes[i]};
    violates(frame, sizeof frame, 1002);
  }
  VIOLATES("\x88\x04\x03\xE8\xC3\x28", 1002);
}

/* W18 */
Test(ws_frames, w18_what_comes_after_a_close_is_ignored) {
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x82\x01x\x88\x02\x03\xE8\x82\x01y\xFF\xFF", 12);
  tower_got_text(&t, "x");
  cr_assert_eq(t.status, UV_EOF);
  ws_hears_close(&t, 1000);
  tower_done(&t);
}

static void pause_reading(struct tower *t) {
  tower_read(t, false);
}

/* As an end of the socket, which nobody looks for meanwhile: the owner may have
 * put aside what came before. */
Test(ws_frames, a_close_or_a_violation_waits_until_the_owner_reads_on) {
  static const struct {
    const char *bytes;
    size_t len;
    int status;
  } ends[] = {{"\x82\x01z\x88\x00", 5, UV_EOF},
              {"\x82\x01z\x81\x00", 5, UVMQTT_EWSPROTOCOL}};
  for (size_t i = 0; i < 2; i++) {
    struct tower t;
    ws_open(&t, true);
    t.on[BYTES] = pause_reading;
    tower_feed(&t, ends[i].bytes, ends[i].len);
    tower_got_text(&t, "z");
    tower_turn(&t);
    cr_assert_eq(t.count[ENDED], 0);
    tower_read(&t, true);
    tower_turn(&t);
    cr_assert_eq(t.count[ENDED], 1);
    cr_assert_eq(t.status, ends[i].status);
    tower_done(&t);
  }
}

/* W19 */
Test(ws_frames, w19_an_unsolicited_pong_is_ignored) {
  struct tower t;
  ws_open(&t, true);
  ws_say(&t, PONG, "whatever");
  ws_say(&t, BINARY, "x");
  tower_got_text(&t, "x");
  tower_hears(&t, "", 0);
  tower_done(&t);
}

Test(ws_frames, a_ping_is_answered_with_its_own_bytes) {
  struct tower t;
  char longest[126];
  memset(longest, 'x', 125);
  longest[125] = '\0';
  ws_open(&t, true);
  ws_say(&t, PING, longest);
  ws_hears(&t, PONG, longest, 125);
  ws_say(&t, PING, "");
  ws_hears(&t, PONG, "", 0);
  tower_done(&t);
}

/* W20 */
Test(ws_frames, w20_keys_are_random_and_never_the_same_for_long) {
  enum { FRAMES = 4000 };
  struct tower t;
  unsigned ones[32] = {0}, repeats = 0;
  uint8_t last[4] = {0};
  ws_open(&t, true);
  for (int i = 0; i < FRAMES; i++) {
    struct ws_frame f;
    tower_write(&t, "x", 1);
    ws_hear(&t, &f);
    repeats += memcmp(f.key, last, 4) == 0;
    memcpy(last, f.key, 4);
    for (unsigned bit = 0; bit < 32; bit++)
      ones[bit] += f.key[bit / 8] >> (bit % 8) & 1;
    um_buf_done(&f.data);
  }
  cr_assert_leq(repeats, 1);
  for (unsigned bit = 0; bit < 32; bit++) /* 6 sigma are 190 */
    cr_assert(ones[bit] > FRAMES / 2 - 250 && ones[bit] < FRAMES / 2 + 250);
  tower_done(&t);
}

/* W21 */
Test(ws_frames, w21_an_end_without_a_close_is_a_lost_connection) {
  struct tower t;
  ws_open(&t, true);
  memstream_end(t.m, UV_EOF);
  cr_assert_eq(t.status, UV_EOF);
  tower_hears(&t, "", 0);
  tower_done(&t);
  ws_open(&t, true);
  tower_feed(&t, "\x82\x05x", 3);
  memstream_end(t.m, UV_ECONNRESET);
  tower_got_text(&t, "x");
  cr_assert_eq(t.status, UV_ECONNRESET);
  tower_done(&t);
}

/* Frames to the server. */

/* [MQTT-6.0.0-1/both] */
Test(ws_frames, each_write_is_one_binary_frame) {
  static const size_t sizes[] = {1, 125, 126, 65535, 65536, 100000};
  struct tower t;
  ws_open(&t, true);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    uint8_t *data = malloc(sizes[i]);
    memset(data, (int)('a' + i), sizes[i]);
    cr_assert_eq(tower_write(&t, data, sizes[i]), 0);
    ws_hears(&t, BINARY, data, sizes[i]);
    tower_hears(&t, "", 0);
    free(data);
  }
  cr_assert_eq(t.taken, 1 + 125 + 126 + 65535 + 65536 + 100000);
  tower_done(&t);
}

/* A mask hides nothing. */
Test(ws_frames, the_copy_of_a_secret_is_one) {
  struct tower t;
  struct um_buf bytes;
  size_t taken;
  ws_open(&t, true);
  struct um_filter *f = (struct um_filter *)t.s;
  um_buf_done(&f->out); /* the request was one, too */
  t.m->room = 0;
  um_buf_init(&bytes, SIZE_MAX, NULL);
  cr_assert_eq(um_buf_append(&bytes, PLANTED_SECRET, 13), 0);
  bytes.secret = true;
  cr_assert_eq(t.s->ops->write(t.s, &bytes, &taken), 0);
  cr_assert_gt(t.m->rest.len, 0);
  cr_assert(t.m->rest.secret);
  um_buf_done(&bytes);
  tower_done(&t);
}

Test(ws_frames, finish_says_close_and_the_servers_close_ends_it) {
  struct tower t;
  ws_open(&t, true);
  tower_finish(&t);
  ws_hears_close(&t, 1000);
  cr_assert(t.m->finished);
  ws_say(&t, PING, "late");
  tower_hears(&t, "", 0);
  tower_feed(&t, "\x82\x01x\x88\x02\x03\xE8", 7);
  tower_got_text(&t, "x");
  cr_assert_eq(t.status, UV_EOF);
  tower_hears(&t, "", 0);
  tower_done(&t);
}
