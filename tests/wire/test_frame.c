#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

SUITE(frame);

static struct um_frame f;
static struct um_span span;

static int feed(const char *bytes, size_t len) {
  static uint8_t chunk[100000];
  memcpy(chunk, bytes, len);
  um_frame_push(&f, chunk, len);
  return um_frame_next(&f, &span);
}

Test(frame, hands_out_whole_packets_where_they_lie) {
  uint8_t chunk[] = {0xD0, 0, 0x30, 3, 0, 1, 'a', 0xD0};
  um_frame_init(&f, UM_V311, 100);
  um_alloc_fail_at(0, false);
  um_frame_push(&f, chunk, sizeof chunk - 1);
  cr_assert_eq(um_frame_next(&f, &span), 1);
  cr_assert_eq(span.data, chunk);
  cr_assert_eq(span.len, 2);
  cr_assert_eq(span.body, 2);
  cr_assert_eq(um_frame_next(&f, &span), 1);
  cr_assert_eq(span.data, chunk + 2);
  cr_assert_eq(span.len, 5);
  cr_assert_eq(um_frame_next(&f, &span), 0);
  cr_assert_eq(um_alloc_calls(), 0);
  cr_assert_not(um_frame_partial(&f));
  um_frame_done(&f);
}

/* N04: five bytes cannot reserve 256 MB. */
Test(frame, holds_memory_for_what_arrived_not_for_what_was_announced) {
  um_frame_init(&f, UM_V5, UM_PACKET_MAX + 5);
  cr_assert_eq(feed("\x30\xff\xff\xff\x7f", 5), 0);
  cr_assert_leq(f.rest.cap, 64);
  static const char more[1000];
  for (size_t arrived = 5; arrived < 200000; arrived += sizeof more) {
    cr_assert_leq(f.rest.cap, 2 * arrived + 2 * sizeof more + 64);
    cr_assert_eq(feed(more, sizeof more), 0);
  }
  cr_assert(um_frame_partial(&f));
  um_frame_reset(&f);
  cr_assert_not(um_frame_partial(&f));
  cr_assert_eq(f.rest.cap, 0);
  um_frame_done(&f);
}

/* N03 */
Test(frame, checks_the_limit_before_the_body) {
  um_frame_init(&f, UM_V5, 100);
  cr_assert_eq(feed("\x30\x62", 2), 0); /* 100 bytes in all */
  um_frame_reset(&f);
  cr_assert_eq(feed("\x30\x63", 2), UVMQTT_ETOOBIG);
  um_frame_reset(&f);
  cr_assert_eq(feed("\x30", 1), 0);
  cr_assert_eq(feed("\x63", 1), UVMQTT_ETOOBIG);
  um_frame_reset(&f);
  cr_assert_eq(feed("\x30\xff\xff\xff\x7f", 5), UVMQTT_ETOOBIG);
  um_frame_done(&f);
}

/* N01 */
Test(frame, refuses_a_fifth_length_byte_when_the_fourth_announces_it) {
  um_frame_init(&f, UM_V311, 100);
  cr_assert_eq(feed("\x30\x80\x80\x80\x80", 5), UVMQTT_EMALFORMED);
  um_frame_reset(&f);
  cr_assert_eq(feed("\x30\x80\x80\x80", 4), 0);
  cr_assert_eq(feed("\x80", 1), UVMQTT_EMALFORMED);
  um_frame_done(&f);
}

Test(frame, stops_at_the_first_violation) {
  uint8_t chunk[] = {0x30, 0xFF, 0xFF, 0x7F, 0xD0, 0};
  um_frame_init(&f, UM_V311, 100);
  um_frame_push(&f, chunk, sizeof chunk);
  cr_assert_eq(um_frame_next(&f, &span), UVMQTT_ETOOBIG);
  cr_assert_eq(um_frame_next(&f, &span), 0);
  um_frame_done(&f);
}

Test(frame, gives_a_finished_fragment_back) {
  um_frame_init(&f, UM_V311, 100);
  cr_assert_eq(feed("\x30\x03\x00", 3), 0);
  cr_assert(um_frame_partial(&f));
  cr_assert_eq(feed("\x01\x61\xd0\x00", 4), 1);
  cr_assert_not(um_frame_partial(&f));
  cr_assert_eq(span.len, 5);
  cr_assert_arr_eq(span.data, "\x30\x03\x00\x01\x61", 5);
  cr_assert_eq(um_frame_next(&f, &span), 1);
  cr_assert_eq(f.rest.cap, 0);
  cr_assert_eq(span.data[0], 0xD0);
  cr_assert_eq(um_frame_next(&f, &span), 0);
  um_frame_done(&f);
}

Test(frame, keeps_a_packet_that_ends_with_the_chunk_out_of_its_memory) {
  um_frame_init(&f, UM_V311, 100);
  cr_assert_eq(feed("\xd0\x00", 2), 1);
  cr_assert_eq(um_frame_next(&f, &span), 0);
  cr_assert_eq(f.rest.cap, 0);
  um_frame_done(&f);
}

/* Many packets cut into random pieces come out whole. */
Test(frame, is_the_same_however_the_stream_is_cut) {
  uint8_t stream[6000];
  size_t len = 0, count = 0;
  for (size_t n = 0; len + n * 3 + 3 < sizeof stream; n++) {
    size_t body = n * 3 % 300;
    stream[len++] = 0x30;
    if (body > 127)
      stream[len++] = (uint8_t)(body % 128 | 128);
    stream[len++] = (uint8_t)(body > 127 ? body / 128 : body);
    memset(stream + len, (int)n, body);
    len += body;
    count++;
  }
  srand(1);
  for (int round = 0; round < 200; round++) {
    size_t seen = 0, sum = 0;
    um_frame_init(&f, UM_V311, 1000);
    for (size_t at = 0; at < len;) {
      size_t n = (size_t)rand() % (round < 100 ? 7 : 700) + 1;
      n = n < len - at ? n : len - at;
      int r = feed((char *)stream + at, n);
      for (; r == 1; r = um_frame_next(&f, &span), seen++) {
        cr_assert_arr_eq(span.data, stream + sum, span.len);
        sum += span.len;
      }
      cr_assert_eq(r, 0);
      at += n;
    }
    cr_assert_eq(seen, count);
    cr_assert_eq(sum, len);
    cr_assert_not(um_frame_partial(&f));
    um_frame_done(&f);
  }
}
