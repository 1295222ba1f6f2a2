/* Pausing: what came is not looked at, nothing is lost, nobody is given up. */
#include "base/err.h"
#include "session/session.h"
#include "support/clock.h"
#include "support/hex.h"
#include "support/suite.h"
#include <string.h>

SUITE(pause);

#define CONNACK "20 02 00 00 "
/* three messages, QoS 1, topics "1" to "3" */
#define ONE "32 05 00 01 \"1\" 00 01 "
#define TWO "32 05 00 01 \"2\" 00 02 "
#define THREE "32 05 00 01 \"3\" 00 03 "

struct rig {
  struct um_session session;
  struct um_session_config config;
  struct um_identity who;
  struct um_commons commons;
  uint64_t now;
  bool pausing;      /* each message pauses */
  char messages[64]; /* first letters of their topics */
};

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)up;
  (void)connack;
}

static void on_message(void *up, const uvmqtt_message_t *message) {
  struct rig *rig = up;
  strncat(rig->messages, message->topic, 1);
  if (rig->pausing)
    um_session_pause(&rig->session, rig->now);
}

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *result) {
  (void)up;
  cb(NULL, result, arg);
}

static void on_notice(void *up, const uvmqtt_notice_t *notice) {
  (void)up;
  (void)notice;
}

static const struct um_session_events events = {.connected = on_connected,
                                                .message = on_message,
                                                .completed = on_completed,
                                                .notice = on_notice};

static void rig_init(struct rig *rig) {
  memset(rig, 0, sizeof *rig);
  rig->now = CLOCK_START;
  rig->who = (struct um_identity){.client_id = "c"};
  rig->config = (struct um_session_config){.version = UVMQTT_VERSION_311,
                                           .keep_alive = 60,
                                           .receive_maximum = 64,
                                           .maximum_packet_size = 1024,
                                           .queue_messages = 10,
                                           .queue_bytes = 1024};
  um_session_init(&rig->session, &rig->config, &rig->who, &events, rig,
                  &rig->commons);
}

/* The chunk is gone when this returns. */
static int feed(struct rig *rig, const void *bytes, size_t len) {
  uint8_t chunk[256];
  memcpy(chunk, bytes, len);
  int r = um_session_feed(&rig->session, rig->now, chunk, len);
  memset(chunk, 0xEE, sizeof chunk);
  return r;
}

static int feed_hex(struct rig *rig, const char *line) {
  uint8_t bytes[256];
  long n = hex_read(line, bytes, sizeof bytes);
  cr_assert(n > 0);
  return feed(rig, bytes, (size_t)n);
}

static int resume(struct rig *rig) {
  um_session_resume(&rig->session, rig->now);
  return um_session_read_on(&rig->session, rig->now);
}

static void expect_out(struct rig *rig, const char *line) {
  uint8_t bytes[256];
  long n = hex_read(line, bytes, sizeof bytes);
  struct um_buf *out = &rig->session.out;
  cr_assert(n >= 0 && out->len == (size_t)n);
  cr_assert(n == 0 || memcmp(um_buf_head(out), bytes, (size_t)n) == 0);
  um_session_written(&rig->session, out->len);
  um_buf_consume(out, out->len);
}

static void drop_out(struct rig *rig) {
  struct um_buf *out = &rig->session.out;
  um_session_written(&rig->session, out->len);
  um_buf_consume(out, out->len);
}

static void go_online(struct rig *rig) {
  cr_assert(um_session_up(&rig->session, rig->now) == 0);
  drop_out(rig);
  cr_assert(feed_hex(rig, CONNACK) == 0);
}

static void rig_done(struct rig *rig) {
  um_session_down(&rig->session, rig->now, 0);
  um_session_done(&rig->session);
  um_commons_done(&rig->commons);
}

/* [MQTT-4.3.2-2/311]: the acknowledgement of what was not delivered waits. */
Test(pause, inside_a_message_holds_the_very_next_packet) {
  struct rig rig;
  rig_init(&rig);
  go_online(&rig);
  rig.pausing = true;
  cr_assert(feed_hex(&rig, ONE TWO THREE) == 0);
  cr_assert(strcmp(rig.messages, "1") == 0);
  cr_assert(um_session_paused(&rig.session));
  expect_out(&rig, "40 02 00 01");
  cr_assert(um_session_read_on(&rig.session, rig.now) == 0);
  cr_assert(strcmp(rig.messages, "1") == 0);
  cr_assert(resume(&rig) == 0);
  cr_assert(strcmp(rig.messages, "12") == 0);
  expect_out(&rig, "40 02 00 02");
  cr_assert(resume(&rig) == 0);
  cr_assert(strcmp(rig.messages, "123") == 0);
  expect_out(&rig, "40 02 00 03");
  cr_assert(resume(&rig) == 0);
  cr_assert(!um_session_paused(&rig.session));
  rig_done(&rig);
}

static void play_cut(size_t cut) {
  uint8_t bytes[64];
  struct rig rig;
  size_t n = (size_t)hex_read(ONE TWO THREE, bytes, sizeof bytes);
  rig_init(&rig);
  go_online(&rig);
  rig.pausing = true;
  cr_assert(feed(&rig, bytes, cut) == 0);
  cr_assert(feed(&rig, bytes + cut, n - cut) == 0);
  while (um_session_paused(&rig.session)) {
    size_t before = strlen(rig.messages);
    cr_assert(resume(&rig) == 0);
    cr_assert(strlen(rig.messages) <= before + 1);
  }
  cr_assert(strcmp(rig.messages, "123") == 0, "cut at %zu: %s", cut,
            rig.messages);
  expect_out(&rig, "40 02 00 01 40 02 00 02 40 02 00 03");
  rig_done(&rig);
}

Test(pause, loses_nothing_wherever_the_stream_is_cut) {
  for (size_t cut = 1; cut < 21; cut++)
    play_cut(cut);
}

Test(pause, keeps_what_comes_meanwhile_in_order) {
  struct rig rig;
  rig_init(&rig);
  go_online(&rig);
  um_session_pause(&rig.session, rig.now);
  cr_assert(feed_hex(&rig, ONE) == 0);
  um_session_resume(&rig.session, rig.now);
  cr_assert(feed_hex(&rig, TWO) == 0); /* before it was read on */
  cr_assert(strcmp(rig.messages, "") == 0);
  cr_assert(um_session_read_on(&rig.session, rig.now) == 0);
  cr_assert(feed_hex(&rig, THREE) == 0);
  cr_assert(strcmp(rig.messages, "123") == 0);
  rig_done(&rig);
}

Test(pause, does_not_hold_up_the_handshake) {
  struct rig rig;
  rig_init(&rig);
  um_session_pause(&rig.session, rig.now);
  cr_assert(um_session_up(&rig.session, rig.now) == 0);
  cr_assert(!um_session_paused(&rig.session));
  drop_out(&rig);
  cr_assert(feed_hex(&rig, CONNACK ONE) == 0);
  cr_assert(rig.session.state == UM_SESSION_UP);
  cr_assert(um_session_paused(&rig.session));
  cr_assert(strcmp(rig.messages, "") == 0);
  cr_assert(resume(&rig) == 0);
  cr_assert(strcmp(rig.messages, "1") == 0);
  rig_done(&rig);
}

Test(pause, outlives_the_connection_but_its_bytes_do_not) {
  struct rig rig;
  rig_init(&rig);
  go_online(&rig);
  um_session_pause(&rig.session, rig.now);
  cr_assert(feed_hex(&rig, ONE) == 0);
  um_session_down(&rig.session, rig.now, UM_ECONNRESET);
  go_online(&rig);
  cr_assert(feed_hex(&rig, TWO) == 0);
  cr_assert(strcmp(rig.messages, "") == 0);
  cr_assert(resume(&rig) == 0);
  cr_assert(strcmp(rig.messages, "2") == 0);
  rig_done(&rig);
}

Test(pause, a_violation_is_found_when_it_is_read) {
  struct rig rig;
  rig_init(&rig);
  go_online(&rig);
  um_session_pause(&rig.session, rig.now);
  cr_assert(feed_hex(&rig, ONE "36 05 00 01 \"2\" 00 02 " THREE) == 0);
  cr_assert(resume(&rig) == UVMQTT_EMALFORMED); /* QoS 3 */
  cr_assert(rig.session.state == UM_SESSION_FAILED);
  cr_assert(strcmp(rig.messages, "1") == 0);
  rig_done(&rig);
}

Test(pause, ends_with_leaving) {
  struct rig rig;
  rig_init(&rig);
  go_online(&rig);
  um_session_pause(&rig.session, rig.now);
  cr_assert(feed_hex(&rig, ONE) == 0);
  um_session_leave(&rig.session, rig.now, 0, NULL, 0);
  cr_assert(!um_session_paused(&rig.session));
  cr_assert(feed_hex(&rig, TWO) == 0);
  cr_assert(resume(&rig) == 0);
  cr_assert(strcmp(rig.messages, "") == 0);
  rig_done(&rig);
}

/* Wakes the session when it asks for it; counts its PINGREQs. */
static unsigned pass(struct rig *rig, uint64_t ms, int *ret_error) {
  uint64_t end = rig->now + ms;
  unsigned pings = 0;
  *ret_error = 0;
  while (*ret_error == 0 && um_session_deadline(&rig->session) <= end) {
    cr_assert(um_session_deadline(&rig->session) > rig->now, "it would spin");
    rig->now = um_session_deadline(&rig->session);
    *ret_error = um_session_tick(&rig->session, rig->now);
    pings += rig->session.out.len != 0;
    drop_out(rig);
  }
  rig->now = end;
  return pings;
}

/* [MQTT-3.1.2-23/311] */
Test(pause, pings_go_on_and_nobody_is_given_up) {
  struct rig rig;
  int error;
  rig_init(&rig);
  go_online(&rig);
  um_session_pause(&rig.session, rig.now);
  cr_assert(pass(&rig, 600000, &error) == 10);
  cr_assert(error == 0);
  rig_done(&rig);
}

Test(pause, the_verdict_waits_as_much_longer) {
  struct rig rig;
  int error;
  rig_init(&rig);
  go_online(&rig);
  cr_assert(pass(&rig, 59000, &error) == 1); /* verdict due in 30 s */
  cr_assert(pass(&rig, 29000, &error) == 0 && error == 0);
  um_session_pause(&rig.session, rig.now);
  pass(&rig, 600000, &error);
  um_session_resume(&rig.session, rig.now);
  cr_assert(error == 0);
  pass(&rig, 900, &error);
  cr_assert(error == 0);
  pass(&rig, 200, &error);
  cr_assert(error == UVMQTT_EKEEPALIVE);
  rig_done(&rig);
}
