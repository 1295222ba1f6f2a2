/* Bytes: how soon, how many at once, and how many at most. */
#include "client/client.h"
#include "client/rig.h"
#include "support/suite.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

SUITE(pump);

static struct rig r;

/* How many writes. */

static size_t bytes_heard;

static void count_bytes(struct broker_link *l, const uint8_t *data,
                        size_t len) {
  (void)l;
  (void)data;
  bytes_heard += len;
}

static void publish_1000(struct guest *g) {
  char text[65];
  for (int i = 0; i < 1000; i++) {
    snprintf(text, sizeof text, "x%063d", i);
    cr_assert_eq(guest_publish(g, "t", text, 0), 0);
  }
}

static void few_writes(void) {
  uvmqtt_stats_t s = guest_stats(&r.g);
  cr_expect_leq(s.writes, s.bytes_sent / 65536 + 2, "%u writes for %u bytes",
                (unsigned)s.writes, (unsigned)s.bytes_sent);
}

static void in_order(void) {
  char expected[128];
  for (int i = 0; i < 1000; i++) {
    snprintf(expected, sizeof expected, "PUBLISH topic=t payload=x%063d", i);
    HEARS(&r, expected);
  }
}

Test(pump, a_thousand_publishes_in_one_callback_are_few_writes) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  r.g.on[CONNECTED] = publish_1000;
  rig_online(&r, NULL, NULL);
  UNTIL(&r, r.g.n[COMPLETED] == 1000);
  few_writes();
  in_order();
  rig_close(&r);
}

Test(pump, a_thousand_publishes_outside_of_all_callbacks_are_few_writes) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  publish_1000(&r.g);
  UNTIL(&r, r.g.n[COMPLETED] == 1000);
  few_writes();
  in_order();
  rig_close(&r);
}

Test(pump, a_thousand_publishes_made_offline_are_few_writes) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  publish_1000(&r.g);
  rig_online(&r, NULL, NULL);
  UNTIL(&r, r.g.n[COMPLETED] == 1000);
  few_writes();
  in_order();
  rig_close(&r);
}

/* From every kind of callback of the host, on a loop that has nothing else to
 * do: a write that waits for the next turn would wait for ever. */

static uint64_t published_at;

static void publish_here(void) {
  published_at = rig_clock();
  cr_assert_eq(guest_publish(&r.g, "t", "here", 0), 0);
}

static void on_timer(uv_timer_t *h) {
  publish_here();
  uv_close((uv_handle_t *)h, NULL);
}

static void on_idle(uv_idle_t *h) {
  publish_here();
  uv_close((uv_handle_t *)h, NULL);
}

static void on_prepare(uv_prepare_t *h) {
  publish_here();
  uv_close((uv_handle_t *)h, NULL);
}

static void on_check(uv_check_t *h) {
  publish_here();
  uv_close((uv_handle_t *)h, NULL);
}

static void on_async(uv_async_t *h) {
  publish_here();
  uv_close((uv_handle_t *)h, NULL);
}

static void on_close(uv_handle_t *h) {
  (void)h;
  publish_here();
}

static union uv_any_handle any;

static void from_timer(void) {
  uv_timer_init(&r.loop, &any.timer);
  uv_timer_start(&any.timer, on_timer, 1, 0);
}

static void from_idle(void) {
  uv_idle_init(&r.loop, &any.idle);
  uv_idle_start(&any.idle, on_idle);
}

static void from_prepare(void) {
  uv_prepare_init(&r.loop, &any.prepare);
  uv_prepare_start(&any.prepare, on_prepare);
}

static void on_waking(uv_timer_t *h) {
  uv_close((uv_handle_t *)h, NULL);
}

static void from_check(void) {
  static uv_timer_t waking; /* else nothing ends the poll before it */
  uv_timer_init(&r.loop, &waking);
  uv_timer_start(&waking, on_waking, 1, 0);
  uv_check_init(&r.loop, &any.check);
  uv_check_start(&any.check, on_check);
}

static void from_async(void) {
  uv_async_init(&r.loop, &any.async, on_async);
  uv_async_send(&any.async);
}

static void from_close(void) {
  uv_idle_init(&r.loop, &any.idle);
  uv_close((uv_handle_t *)&any.idle, on_close);
}

static void nowhere(void) {
  publish_here();
}

Test(pump, a_publish_in_any_callback_of_the_host_leaves_at_once) {
  static const struct {
    const char *name;
    void (*from)(void);
  } rows[] = {{"timer", from_timer},     {"idle", from_idle},
              {"prepare", from_prepare}, {"check", from_check},
              {"async", from_async},     {"close", from_close},
              {"outside", nowhere}};
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.crowded = true;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t took = 20;
    for (int k = 0; k < 3 && took >= 20; k++) { /* a busy machine is late */
      rows[i].from();
      HEARS(&r, "PUBLISH topic=t payload=here");
      took = rig_clock() - published_at;
      rig_rest(&r, 1);
    }
    cr_expect_lt(took, 20, "from %s: %d ms", rows[i].name, (int)took);
  }
  UNTIL(&r, r.g.n[COMPLETED] == r.g.requests);
  r.crowded = false;
  rig_close(&r);
}

/* A slow peer. */

#define PIECE 1000u /* payload */
#define PACKET (3 + 3 + 1 + PIECE)
#define PIECES 4000u

static size_t expected_at; /* in the stream after CONNECT */

static uint8_t stream_byte(size_t at) {
  static const uint8_t head[] = {0x30, 0xec, 0x07, 0x00, 0x01, 't', 0x00};
  size_t in = at % PACKET, piece = at / PACKET;
  return in < sizeof head ? head[in] : (uint8_t)(piece * 7 + in);
}

static void check_bytes(const uint8_t *data, size_t len) {
  for (size_t i = 0; i < len; i++, expected_at++)
    if (data[i] != stream_byte(expected_at))
      cr_assert(false, "byte %zu: 0x%02x for 0x%02x", expected_at, data[i],
                stream_byte(expected_at));
}

/* Reads a few KiB at a time, as a timer allows. */
static void on_slow_read(uv_timer_t *timer) {
  static uint8_t buffer[65536];
  struct broker *b = timer->data;
  uv_os_fd_t fd;
  if (uv_fileno((uv_handle_t *)&b->link->tcp, &fd))
    return;
  ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  cr_assert(n > 0 || errno == EAGAIN);
  if (n > 0)
    check_bytes(buffer, (size_t)n);
}

static size_t made, full, most_bytes;

static void fill(struct guest *g) {
  static char payload[PIECE];
  uvmqtt_message_t message = {.topic = "t", .payload = {payload, PIECE}};
  int result = 0;
  while (made < PIECES) {
    for (size_t i = 0; i < PIECE; i++)
      payload[i] = (char)stream_byte(made * PACKET + PACKET - PIECE + i);
    IN_CALL(g->rig, result,
            uvmqtt_publish(g->m, &message, guest_completed(),
                           (char *)g + REQUESTS_MAX, NULL));
    if (result != 0)
      break;
    made++;
  }
  cr_assert(result == 0 || result == UVMQTT_EFULL);
  full += result != 0;
  size_t held = guest_stats(g).queued_bytes;
  if (held > most_bytes)
    most_bytes = held;
  cr_assert_geq(guest_stats(g).bytes_sent, (uint64_t)(g->n[COMPLETED] * PACKET),
                "completed before the kernel took it");
}

Test(pump, a_slow_peer_gets_every_byte_and_the_queue_stays_bounded) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .queue_bytes = 300000};
  uv_timer_t slow;
  rig_open(&r);
  r.b.rcvbuf = 4096;
  broker_refuses(&r.b);
  broker_listens(&r.b);
  rig_online(&r, &o, NULL);
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
  r.crowded = r.g.quiet = true;
  uv_timer_init(&r.loop, &slow);
  slow.data = &r.b;
  uv_timer_start(&slow, on_slow_read, 1, 1);
  r.g.on[COMPLETED] = fill;
  fill(&r.g);
  cr_expect_gt(full, 0);
  UNTIL(&r, expected_at == PIECES * PACKET);
  UNTIL(&r, r.g.n[COMPLETED] == PIECES);
  cr_expect_leq(most_bytes, 300000);
  cr_expect_eq(guest_stats(&r.g).queued_bytes, 0);
  uv_close((uv_handle_t *)&slow, NULL);
  r.g.on[COMPLETED] = NULL;
  rig_close(&r);
}

Test(pump, qos_0_completes_when_the_kernel_took_it_and_not_before) {
  static char payload[100001];
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
  memset(payload, 'x', sizeof payload - 1);
  for (int i = 0; i < 60; i++)
    cr_assert_eq(guest_publish(&r.g, "t", payload, 0), 0);
  rig_rest(&r, 20);
  unsigned done = r.g.n[COMPLETED];
  cr_expect(done < 60, "six MB fit into the socket");
  uint64_t sent = guest_stats(&r.g).bytes_sent;
  cr_expect(done * UINT64_C(100010) <= sent);
  cr_expect(sent < (done + 2) * UINT64_C(100010), "%u of %u bytes told", done,
            (unsigned)sent);
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  for (unsigned i = 0; i < done; i++)
    cr_expect_eq(r.g.status[i], 0);
  HEARS(&r, "CONNECT ...");
  r.g.quiet = true;
  SAYS(&r, "CONNACK sp=1");
  UNTIL(&r, r.g.n[COMPLETED] == 60);
  /* In the buffer of the dead connection: lost, and said so. The others go
   * out on the new one. */
  unsigned lost = 0;
  for (unsigned i = done; i < 60; i++) {
    cr_expect(r.g.status[i] == 0 || r.g.status[i] == UV_ECONNRESET);
    lost += r.g.status[i] != 0;
  }
  cr_expect(lost >= 1 && lost <= 3, "%u", lost);
  rig_close(&r);
}

/* More than one turn may write: it goes on by itself in the next. */
Test(pump, a_long_queue_leaves_without_help) {
  static char payload[100001];
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  memset(payload, 'x', sizeof payload - 1);
  r.b.bytes = count_bytes;
  bytes_heard = 0;
  uint64_t before = rig_clock();
  for (int i = 0; i < 60; i++)
    cr_assert_eq(guest_publish(&r.g, "t", payload, 0), 0);
  UNTIL(&r, bytes_heard == 60 * (1 + 3 + 3 + 1 + 100000));
  cr_expect_lt(rig_clock() - before, 1000);
  UNTIL(&r, r.g.n[COMPLETED] == 60);
  rig_close(&r);
}

Test(pump, the_queue_is_bounded_in_messages) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .queue_messages = 10};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  for (int i = 0; i < 10; i++)
    cr_assert_eq(guest_publish(&r.g, "t", "x", (uint8_t)(i % 3)), 0);
  cr_expect_eq(guest_publish(&r.g, "t", "x", 0), UVMQTT_EFULL);
  cr_expect_eq(guest_publish(&r.g, "t", "x", 1), UVMQTT_EFULL);
  cr_expect_eq(guest_subscribe(&r.g, "f", 0), UVMQTT_EFULL);
  cr_expect_eq(guest_unsubscribe(&r.g, "f"), UVMQTT_EFULL);
  r.b.polite = true;
  rig_online(&r, NULL, NULL);
  UNTIL(&r, r.g.n[COMPLETED] == 10);
  cr_expect_eq(guest_publish(&r.g, "t", "x", 1), 0);
  UNTIL(&r, r.g.n[COMPLETED] == 11);
  rig_close(&r);
}

Test(pump, the_queue_is_bounded_in_bytes) {
  static char payload[10001];
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .queue_bytes = 50000};
  int accepted = 0;
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  memset(payload, 'x', 10000);
  while (guest_publish(&r.g, "t", payload, 1) == 0)
    accepted++;
  cr_expect_eq(accepted, 4);
  cr_expect_eq(guest_publish(&r.g, "t", payload, 0), UVMQTT_EFULL);
  cr_expect_leq(guest_stats(&r.g).queued_bytes, 50000);
  rig_close(&r);
}

#define POURED_MAX (60u * 1024 * 1024)

/* Nothing more is read, whatever is there. */
static bool is_deaf(void) {
  uint64_t before = guest_stats(&r.g).bytes_received;
  for (int turn = 0; turn < 100; turn++)
    uv_run(&r.loop, UV_RUN_NOWAIT);
  return guest_stats(&r.g).bytes_received == before;
}

/* Sends QoS 1 messages and does not read, until the client reads no more;
 * returns false when it went on reading. */
static bool pours_until_stuck(void) {
  static uint8_t chunk[7 * 2000];
  uv_os_fd_t fd;
  uint64_t poured = 0;
  size_t off = 0;
  for (size_t i = 0; i < sizeof chunk; i += 7)
    memcpy(chunk + i, "\x32\x05\x00\x01t\x00\x07", 7);
  uv_fileno((uv_handle_t *)&r.b.link->tcp, &fd);
  ssize_t n = 0;
  rig_arm(&r);
  while ((n >= 0 || !r.g.m->throttled) && poured < POURED_MAX && !r.late) {
    n = send(fd, chunk + off, sizeof chunk - off, MSG_DONTWAIT);
    if (n > 0) {
      off = (off + (size_t)n) % sizeof chunk;
      poured += (uint64_t)n;
    }
    uv_run(&r.loop, UV_RUN_NOWAIT);
  }
  return poured < POURED_MAX && !r.late && is_deaf();
}

static void online_and_clogged(void) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = UVMQTT_VERSION_311,
                        .reconnect_min = 1};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
  r.g.quiet = true;
  cr_expect(pours_until_stuck(), "read on without being able to answer");
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
}

/* [MQTT-4.5.0-2/both] would fill our memory when the peer does not read what
 * we answer: from the high-water mark on nothing more is read. */
/* O07 */
Test(pump, a_peer_that_does_not_read_our_acks_is_not_read_either) {
  online_and_clogged();
  unsigned before = r.g.n[MESSAGE];
  r.b.bytes = count_bytes; /* it reads again, and so do we */
  broker_reads(r.b.link);
  UNTIL(&r, r.g.n[MESSAGE] > before + 1000);
  rig_close(&r);
}

/* What was clogged is forgotten with its connection. */
Test(pump, the_connection_after_a_clogged_one_is_read) {
  online_and_clogged();
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 10);
  UNTIL(&r, r.g.n[LEFT] == 1);
  rig_online(&r, NULL, NULL);
  unsigned before = r.g.n[MESSAGE];
  for (int i = 0; i < 3; i++) {
    SAYS(&r, "PUBLISH topic=t payload=x");
    UNTIL(&r, r.g.n[MESSAGE] > before + (unsigned)i);
  }
  rig_close(&r);
}

/* Reading paused. */

static void pause_here(struct guest *g) {
  cr_assert_eq(uvmqtt_read_stop(g->m), 0);
}

Test(pump, reading_stops_with_the_very_next_message) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.g.on[MESSAGE] = pause_here;
  SAYS(&r, "30 04 00 01 \"a\" 00 32 06 00 01 \"b\" 00 05 00 "
           "30 04 00 01 \"c\" 00");
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  rig_hears_nothing(&r, 10);
  cr_expect_eq(r.g.n[MESSAGE], 1);
  guest_publish(&r.g, "t", "x", 0); /* what is asked for is still sent */
  HEARS(&r, "PUBLISH topic=t payload=x");
  int result;
  IN_CALL(&r, result, uvmqtt_read_start(r.g.m));
  cr_expect_eq(result, 0);
  UNTIL(&r, r.g.n[MESSAGE] == 2);
  HEARS(&r, "PUBACK id=5");
  r.g.on[MESSAGE] = NULL;
  cr_expect_eq(uvmqtt_read_start(r.g.m), 0);
  cr_expect_eq(uvmqtt_read_start(r.g.m), 0);
  UNTIL(&r, r.g.n[MESSAGE] == 3);
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  rig_close(&r);
}

Test(pump, reading_paused_holds_up_neither_connecting_nor_leaving) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  uvmqtt_read_stop(r.g.m);
  rig_online(&r, NULL, NULL);
  SAYS(&r, "PUBLISH topic=t payload=x");
  rig_rest(&r, 5);
  cr_expect_eq(r.g.n[MESSAGE], 0);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "DISCONNECT ...");
  broker_hangs_up(&r.b);
  uint64_t before = rig_clock();
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_lt(rig_clock() - before, 500);
  cr_expect_eq(r.g.n[MESSAGE], 0);
  rig_online(&r, NULL, NULL);
  uvmqtt_read_start(r.g.m);
  SAYS(&r, "PUBLISH topic=t payload=y");
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  rig_close(&r);
}
