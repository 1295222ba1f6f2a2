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

/* Payloads in parts. */

static const uint8_t large[] = {
    0x32, 26,  0,   1,   'a', 0,   1,   'p', 'a', 'y', 'l', 'o', 'a', 'd',
    ' ',  'o', 'f', ' ', 't', 'w', 'e', 'n', 't', 'y', '-', 'o', 'n', 'e'};
#define LARGE_HEAD 7

Test(frame, hands_a_large_payload_out_where_it_lies) {
  uint8_t chunk[2 * sizeof large];
  memcpy(chunk, large, sizeof large);
  memcpy(chunk + sizeof large, large, sizeof large);
  um_frame_init(&f, UM_V311, 100);
  um_frame_parts_above(&f, 20);
  um_frame_push(&f, chunk, sizeof chunk);
  for (size_t at = 0; at < sizeof chunk; at += sizeof large) {
    cr_assert_eq(um_frame_next(&f, &span), UM_FRAME_HEAD);
    uint8_t *head = span.data;
    cr_assert_eq(span.len, LARGE_HEAD);
    cr_assert_eq(span.body, 2);
    cr_assert_eq(f.payload_left, 21);
    cr_assert_eq(um_frame_next(&f, &span), UM_FRAME_PART);
    cr_assert_eq(span.data, chunk + at + LARGE_HEAD);
    cr_assert_eq(span.len, 21);
    cr_assert_eq(f.payload_left, 0);
    cr_assert_arr_eq(head, large, LARGE_HEAD); /* still there */
  }
  cr_assert_eq(um_frame_next(&f, &span), 0);
  cr_assert_eq(f.rest.cap, 0);
  cr_assert_not(um_frame_partial(&f));
  um_frame_done(&f);
}

Test(frame, leaves_payloads_up_to_the_threshold_whole_and_uncopied) {
  uint8_t chunk[sizeof large];
  memcpy(chunk, large, sizeof large);
  um_frame_init(&f, UM_V311, 100);
  um_frame_parts_above(&f, 21);
  um_alloc_fail_at(0, false);
  um_frame_push(&f, chunk, sizeof chunk);
  cr_assert_eq(um_frame_next(&f, &span), UM_FRAME_PACKET);
  cr_assert_eq(span.data, chunk);
  cr_assert_eq(um_alloc_calls(), 0);
  um_frame_done(&f);
}

/* Of 200 MB only the header is held, however they come. */
Test(frame, holds_a_header_and_no_payload) {
  static const char zeros[60000];
  size_t left = 200000000, parts = 0;
  um_frame_init(&f, UM_V5, UM_PACKET_MAX + 5);
  um_frame_parts_above(&f, 1000);
  um_alloc_fail_at(0, false);
  /* 200,000,004 bytes behind the header */
  cr_assert_eq(feed("\x30\x84\x84\xaf\x5f\x00\x01\x61\x00", 9), UM_FRAME_HEAD);
  cr_assert_eq(f.payload_left, left);
  while (left > 0) {
    size_t n = left < sizeof zeros ? left : sizeof zeros;
    cr_assert_eq(feed(zeros, n), UM_FRAME_PART);
    cr_assert_eq(span.len, n);
    cr_assert_leq(f.rest.cap, 64);
    cr_assert_eq(um_frame_partial(&f), left > n);
    left -= n;
    parts++;
    cr_assert_eq(f.payload_left, left);
  }
  cr_assert_gt(parts, 3000);
  cr_assert_eq(um_alloc_calls(), 1);
  cr_assert_eq(um_frame_next(&f, &span), 0);
  cr_assert_eq(f.rest.cap, 0);
  um_frame_done(&f);
}

Test(frame, forgets_parts_on_a_new_connection) {
  um_frame_init(&f, UM_V311, 100);
  um_frame_parts_above(&f, 20);
  cr_assert_eq(feed((const char *)large, 10), UM_FRAME_HEAD);
  um_frame_reset(&f);
  cr_assert_eq(f.payload_left, 0);
  cr_assert_eq(feed("\xd0\x00", 2), UM_FRAME_PACKET);
  cr_assert_eq(um_frame_next(&f, &span), 0);
  cr_assert_eq(feed((const char *)large, 10), UM_FRAME_HEAD); /* still on */
  um_frame_parts_above(&f, 0);
  um_frame_done(&f);
  cr_assert_eq(f.parts_above, UINT32_MAX);
}

Test(frame, says_so_when_a_header_finds_no_memory) {
  for (size_t cut = 1; cut < 10; cut++) {
    um_frame_init(&f, UM_V311, 100);
    um_frame_parts_above(&f, 20);
    um_alloc_fail_at(1, true);
    cr_assert_eq(feed((const char *)large, cut), UM_ENOMEM);
    um_alloc_fail_at(0, false);
    um_frame_done(&f);
  }
}

Test(frame, says_so_when_the_rest_of_a_header_finds_no_memory) {
  char bytes[300] = {0x30, (char)0xA9, 2, 0, (char)200}; /* a topic of 200 */
  um_frame_init(&f, UM_V311, 1000);
  um_frame_parts_above(&f, 20);
  cr_assert_eq(feed(bytes, 10), 0);
  um_alloc_fail_at(1, true);
  cr_assert_eq(feed(bytes + 10, 290), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  um_frame_done(&f);
}

/* N03: the same answer however little is allowed and however it is cut */
Test(frame, reads_a_header_that_is_longer_than_a_packet_may_be) {
  um_frame_init(&f, UM_V5, 100);
  um_frame_limit(&f, 3);
  cr_assert_eq(feed("\x30", 1), 0);
  for (size_t i = 0; i < 3; i++)
    cr_assert_eq(feed("\x80", 1), 0);
  cr_assert_eq(feed("\x01", 1), UVMQTT_ETOOBIG);
  um_frame_done(&f);
}

/* 1 MiB of header is legal, a byte more is not; known before it is held. */
Test(frame, bounds_the_header_beside_parts) {
  static char text[UM_FRAME_HEAD_MAX + 100];
  /* 2 MiB of PUBLISH, topic "a", properties of 0x3fff6 + 0xc0000 bytes */
  memcpy(text, "\x30\xff\xff\x7f\x00\x01\x61", 7);
  memcpy(text + 7, "\xf6\xff\x3f", 3);
  um_frame_init(&f, UM_V5, 4 * UM_FRAME_HEAD_MAX);
  um_frame_parts_above(&f, 1000);
  static uint8_t chunk[sizeof text];
  memcpy(chunk, text, sizeof text);
  um_frame_push(&f, chunk, sizeof chunk);
  cr_assert_eq(um_frame_next(&f, &span), UM_FRAME_HEAD);
  cr_assert_eq(span.len, UM_FRAME_HEAD_MAX);
  um_frame_reset(&f);
  text[7] = '\xf7';
  cr_assert_eq(feed(text, 10), UVMQTT_ETOOBIG);
  um_frame_done(&f);
}

/* As above, with large ones among them: the same bytes, in parts. */
Test(frame, cuts_the_same_headers_however_the_stream_is_cut) {
  static uint8_t stream[40000], got[40000];
  size_t len = 0;
  for (size_t n = 0; len + 700 < sizeof stream; n++) {
    size_t topic = n * 7 % 90, payload = n * 13 % 500,
           body = 2 + topic + payload;
    stream[len++] = 0x30;
    if (body > 127)
      stream[len++] = (uint8_t)(body % 128 | 128);
    stream[len++] = (uint8_t)(body > 127 ? body / 128 : body);
    stream[len++] = 0;
    stream[len++] = (uint8_t)topic;
    memset(stream + len, (int)n, topic + payload);
    len += topic + payload;
  }
  srand(2);
  size_t whole = 0, heads = 0;
  for (int round = 0; round < 100; round++) {
    size_t n_whole = 0, n_heads = 0, n_got = 0;
    um_frame_init(&f, UM_V311, 1000);
    um_frame_parts_above(&f, 100);
    for (size_t at = 0; at < len;) {
      size_t n = round == 0 ? len : (size_t)rand() % (round < 50 ? 7 : 700) + 1;
      n = n < len - at ? n : len - at;
      int r = feed((char *)stream + at, n);
      for (; r > 0; r = um_frame_next(&f, &span)) {
        memcpy(got + n_got, span.data, span.len);
        n_got += span.len;
        n_whole += r == UM_FRAME_PACKET;
        n_heads += r == UM_FRAME_HEAD;
        if (r == UM_FRAME_HEAD)
          cr_assert_gt(f.payload_left, 100);
      }
      cr_assert_eq(r, 0);
      at += n;
    }
    cr_assert_eq(n_got, len);
    cr_assert_arr_eq(got, stream, len);
    cr_assert(round == 0 || (n_whole == whole && n_heads == heads));
    whole = n_whole;
    heads = n_heads;
    um_frame_done(&f);
  }
  cr_assert_gt(whole, 10);
  cr_assert_gt(heads, 10);
}
