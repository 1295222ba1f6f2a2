/* on_chunk, over a socket. */
#include "base/alloc.h"
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

SUITE(chunks);

static struct rig r;
static size_t got, total;
static unsigned n_chunks, n_last, n_aborted;
static bool wrong, stopping, closing;
static uint64_t token;

static uint8_t byte_at(size_t offset) {
  return (uint8_t)(offset * 7 + offset / 251);
}

static void check(const uvmqtt_chunk_t *c) {
  const uint8_t *data = c->message->payload.data;
  for (size_t i = 0; i < c->message->payload.len; i++)
    wrong = wrong || data[i] != byte_at(c->offset + i);
  wrong = wrong || c->offset != got;
}

static void on_chunk(uvmqtt_t *m, const uvmqtt_chunk_t *c) {
  cr_assert_not(r.in_call);
  cr_assert_not(r.g.closing);
  if (c->total == UVMQTT_CHUNK_ABORTED) {
    cr_assert_eq(c->offset, got);
    cr_assert_str_eq(c->message->topic, "big");
    cr_assert_eq(r.g.n[DISCONNECTED], 1);
    n_aborted++;
    return;
  }
  if (c->offset == 0)
    got = 0;
  check(c);
  got += c->message->payload.len;
  total = c->total;
  n_chunks++;
  n_last += c->last;
  if (c->last)
    token = c->message->token;
  if (stopping)
    cr_assert_eq(uvmqtt_read_stop(m), 0);
  if (closing)
    guest_close(&r.g);
}

static uvmqtt_options_t options(void) {
  return (uvmqtt_options_t){UVMQTT_OPTIONS_INIT,
                            .session = UVMQTT_SESSION_RESUME,
                            .maximum_packet_size = 100000000,
                            .chunk_threshold = 1000,
                            .reconnect_min = 1,
                            .reconnect_max = 5,
                            .on_chunk = on_chunk};
}

static void go_online(uvmqtt_options_t o) {
  rig_open(&r);
  rig_online(&r, &o, NULL);
}

/* PUBLISH QoS 1, topic "big", id 7, and so much payload to follow. */
static size_t header_for(size_t payload, uint8_t *ret) {
  static const uint8_t rest[] = {0, 3, 'b', 'i', 'g', 0, 7, 0};
  size_t left = payload + sizeof rest, n = 0;
  ret[n++] = 0x32;
  do {
    ret[n++] = (uint8_t)((left & 0x7F) | (left > 127 ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  memcpy(ret + n, rest, sizeof rest);
  return n + sizeof rest;
}

static void sends_header(size_t payload) {
  uint8_t header[16];
  size_t n = header_for(payload, header);
  broker_sends(r.b.link, header, n);
}

static void sends_payload(size_t from, size_t n) {
  uint8_t *bytes = malloc(n);
  for (size_t i = 0; i < n; i++)
    bytes[i] = byte_at(from + i);
  broker_sends(r.b.link, bytes, n);
  free(bytes);
}

Test(chunks, need_a_callback) {
  uvmqtt_options_t o = options();
  uvmqtt_t *m = NULL;
  o.url = "mqtt://127.0.0.1";
  o.on_chunk = NULL;
  cr_assert_eq(uvmqtt_new(uv_default_loop(), &o, &m), UV_EINVAL);
}

Test(chunks, come_as_they_arrive_and_are_acknowledged_at_the_end) {
  go_online(options());
  sends_header(5000);
  sends_payload(0, 2000);
  UNTIL(&r, got == 2000);
  rig_hears_nothing(&r, 20);
  cr_assert_eq(n_last, 0);
  sends_payload(2000, 3000);
  HEARS(&r, "PUBACK id=7");
  cr_assert_eq(got, 5000);
  cr_assert_eq(total, 5000);
  cr_assert_eq(n_last, 1);
  cr_assert_not(wrong);
  SAYS(&r, "PUBLISH topic=small payload=x");
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  cr_assert_eq(n_aborted, 0);
  rig_close(&r);
}

Test(chunks, bring_the_token_with_the_last) {
  uvmqtt_options_t o = options();
  o.manual_ack = true;
  go_online(o);
  sends_header(5000);
  sends_payload(0, 2000);
  UNTIL(&r, got == 2000);
  cr_assert_eq(token, 0);
  sends_payload(2000, 3000);
  UNTIL(&r, n_last == 1);
  rig_hears_nothing(&r, 20);
  cr_assert_eq(uvmqtt_ack(r.g.m, token, 0), 0);
  HEARS(&r, "PUBACK id=7");
  rig_close(&r);
}

Test(chunks, wait_while_reading_is_stopped) {
  stopping = true;
  go_online(options());
  sends_header(5000);
  sends_payload(0, 2000);
  UNTIL(&r, n_chunks == 1);
  size_t before = got;
  sends_payload(2000, 3000);
  rig_hears_nothing(&r, 30);
  cr_assert_eq(got, before);
  stopping = false;
  cr_assert_eq(uvmqtt_read_start(r.g.m), 0);
  HEARS(&r, "PUBACK id=7");
  cr_assert_eq(got, 5000);
  cr_assert_not(wrong);
  rig_close(&r);
}

Test(chunks, tell_when_the_connection_ends_in_the_middle) {
  go_online(options());
  sends_header(5000);
  sends_payload(0, 2000);
  UNTIL(&r, got == 2000);
  broker_resets(&r.b);
  UNTIL(&r, n_aborted == 1);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK sp=1");
  sends_header(5000);
  sends_payload(0, 5000);
  HEARS(&r, "PUBACK id=7");
  cr_assert_eq(n_last, 1);
  cr_assert_eq(n_aborted, 1);
  cr_assert_not(wrong);
  rig_close(&r);
}

Test(chunks, stay_silent_after_close) {
  closing = true;
  go_online(options());
  sends_header(5000);
  sends_payload(0, 2000);
  UNTIL(&r, n_chunks == 1);
  rig_close(&r);
  cr_assert_eq(n_chunks, 1);
  cr_assert_eq(n_aborted, 0);
}

static long resident_most(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss; /* KiB */
}

/* What the kernel takes, without waiting. Returns how much of n. */
static size_t offer(const uint8_t *bytes, size_t n) {
  uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)n);
  int taken = uv_try_write((uv_stream_t *)&r.b.link->tcp, &buf, 1);
  return taken < 0 ? 0 : (size_t)taken;
}

/* The bytes repeat after so many, so one block has them all. */
#define PERIOD (256u * 251u)

Test(chunks, hold_no_payload_of_64_mib) {
  static uint8_t pattern[2 * PERIOD];
  const size_t all = 64u * 1024 * 1024;
  for (size_t i = 0; i < sizeof pattern; i++)
    pattern[i] = byte_at(i);
  cr_assert_eq(byte_at(PERIOD + 12345), byte_at(12345));
  go_online(options());
  sends_header(1000000); /* a first one warms up */
  for (size_t sent = 0; got < 1000000; rig_turn(&r, "1 MB", __FILE__, __LINE__))
    if (sent < 1000000)
      sent += offer(pattern + sent % PERIOD,
                    sent + PERIOD < 1000000 ? PERIOD : 1000000 - sent);
  HEARS(&r, "PUBACK id=7");
  long before = resident_most();
  um_alloc_fail_at(0, false);
  sends_header(all);
  rig_arm(&r);
  for (size_t sent = 0; n_last < 2;) {
    if (sent < all)
      sent += offer(pattern + sent % PERIOD,
                    sent + PERIOD < all ? PERIOD : all - sent);
    rig_turn(&r, "64 MiB", __FILE__, __LINE__);
  }
  uint64_t allocations = um_alloc_calls();
  HEARS(&r, "PUBACK id=7");
  cr_assert_eq(got, all);
  cr_assert_not(wrong);
  printf("64 MiB in %u chunks: %llu allocations, %ld KiB more resident\n",
         n_chunks, (unsigned long long)allocations, resident_most() - before);
  cr_assert_leq(allocations, 8);
  cr_assert_lt(resident_most() - before, 4096);
  rig_close(&r);
}
