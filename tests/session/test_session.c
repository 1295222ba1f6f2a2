/* Plays the conversations in *.script (see script/script.h), then what is
 * easier said in C. */
#include "session/session.h"

#include "base/err.h"
#include "script/script.h"
#include "support/clock.h"
#include "support/suite.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SUITE(session);

#define SCRIPTS_MAP(X)                                                         \
  X(auth)                                                                      \
  X(acks)                                                                      \
  X(alias)                                                                     \
  X(chunks)                                                                    \
  X(connack)                                                                   \
  X(connect)                                                                   \
  X(fallback)                                                                  \
  X(keepalive)                                                                 \
  X(limits)                                                                    \
  X(lost)                                                                      \
  X(outbox)                                                                    \
  X(manual_ack)                                                                \
  X(publish)                                                                   \
  X(reading)                                                                   \
  X(receive)                                                                   \
  X(requests)                                                                  \
  X(resume)                                                                    \
  X(store)                                                                     \
  X(withdraw)                                                                  \
  X(violations)

/* Without memory in the middle of a packet the connection ends:
 * [MQTT-4.8.0-2/311]. */
#define SCRIPT(name)                                                           \
  Test(session, plays_##name) {                                                \
    cr_assert_eq(script_play(SCRIPTS "/" #name ".script"), 0);                 \
  }                                                                            \
  Test(session, survives_without_memory_##name) {                              \
    cr_assert_eq(script_play_without_memory(SCRIPTS "/" #name ".script"), 0);  \
  }
SCRIPTS_MAP(SCRIPT)

static bool is_played(const char *file) {
#define X(name)                                                                \
  if (strcmp(file, #name ".script") == 0)                                      \
    return true;
  SCRIPTS_MAP(X)
#undef X
  return false;
}

Test(session, leaves_no_script_unplayed) {
  DIR *dir = opendir(SCRIPTS);
  cr_assert_not_null(dir);
  for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
    if (strstr(e->d_name, ".script") != NULL)
      cr_assert(is_played(e->d_name), "%s", e->d_name);
  closedir(dir);
}

/* ---- the player itself: a test that cannot fail is a defect ---- */

static int play(const char *text) {
  char path[] = "/tmp/script-XXXXXX";
  int fd = mkstemp(path);
  FILE *f = fdopen(fd, "w");
  fputs(text, f);
  fclose(f);
  int failures = script_play(path);
  unlink(path);
  return failures;
}

Test(session, the_player_sees_what_no_line_names_and_what_does_not_come) {
  static const char *const wrong[] = {
      "",
      "== a packet too much\nonline\npublish qos=0\n",
      "== a packet too few\nonline\n  -> PINGREQ\n",
      "== other bytes\nonline\nping\n  -> c0 01 00\n",
      "== another field\nonline\npublish qos=1\n"
      "  -> PUBLISH id=2 qos=1 topic=a\n",
      "== an event too much\nonline\n<- PUBLISH topic=a\n",
      "== an event too few\nonline\n  event message topic=a\n",
      "== another order\nonline\n<- PUBLISH topic=a qos=1 id=1\n"
      "  -> PUBACK id=1\n  event message topic=a qos=1\n",
      "== an error not named\nonline\n<- DISCONNECT reason=0x80\n",
      "== an error that does not come\nonline\nping\n  -> PINGREQ\n"
      "  fails UVMQTT_EPROTOCOL\n",
      "== another reason\nonline\n<- DISCONNECT reason=0x80\n"
      "  fails UVMQTT_EDISCONNECTED reason=0x81\n",
      "== another state\nonline\n  state DOWN\n",
      "== another deadline\nonline\n  deadline +1\n",
      "== a ping too early\nonline\n+58999\n  -> PINGREQ\n",
      "== no such question\nonline\n  hopes for the best\n",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_assert_eq(play(wrong[i]), 1, "%s", wrong[i]);
  cr_assert_eq(play("== right\nonline\nping\n  -> c0 00\n"), 0);
}

/* ---- what is easier said in C ---- */

static struct um_session s;
static struct um_session_config config;
static struct um_identity who;
static struct um_commons commons;
static struct um_session_events events;
static size_t n_completed;
static int last_status;
static bool publish_again;

static void heard(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m, (void)result, (void)arg;
}

static int publish(uint8_t qos) {
  uvmqtt_message_t m = {.topic = "a", .qos = qos};
  return um_session_publish(&s, CLOCK_START, &m, heard, NULL, NULL);
}

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)up, (void)connack;
}

static void on_notice(void *up, const uvmqtt_notice_t *notice) {
  (void)up, (void)notice;
}

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *result) {
  (void)up, (void)cb, (void)arg;
  n_completed++;
  last_status = result->status;
  if (publish_again)
    cr_assert_eq(publish(1), 0);
}

static void feed(const uint8_t *data, size_t len) {
  uint8_t chunk[64];
  memcpy(chunk, data, len);
  cr_assert_eq(um_session_feed(&s, CLOCK_START, chunk, len), 0);
}

static void take_out(void) {
  size_t n = s.out.len;
  um_buf_consume(&s.out, n);
  um_session_written(&s, n);
}

/* Up, with a CONNACK of these bytes. */
static void begin(const uint8_t *connack, size_t len) {
  who = (struct um_identity){.client_id = "c"};
  config = (struct um_session_config){.version = UVMQTT_VERSION_5,
                                      .receive_maximum = 10,
                                      .maximum_packet_size = 1000,
                                      .session_expiry = 1,
                                      .queue_messages = 100000,
                                      .queue_bytes = UINT64_MAX};
  events = (struct um_session_events){.connected = on_connected,
                                      .completed = on_completed,
                                      .notice = on_notice};
  um_session_init(&s, &config, &who, &events, NULL, &commons);
  cr_assert_eq(um_session_up(&s, CLOCK_START), 0);
  take_out();
  feed(connack, len);
}

#define BEGIN(...)                                                             \
  do {                                                                         \
    const uint8_t bytes[] = {__VA_ARGS__};                                     \
    begin(bytes, sizeof bytes);                                                \
  } while (0)

/* "completes 0 when the kernel took its last byte" also when the end of the
 * link is seen before the owner settles */
Test(session, what_the_kernel_took_is_good_though_the_link_ended_since) {
  BEGIN(0x20, 3, 0, 0, 0);
  cr_assert_eq(publish(0), 0);
  take_out();
  um_session_down(&s, CLOCK_START, UM_ECONNRESET);
  um_session_settle(&s);
  cr_assert_eq(n_completed, 1);
  cr_assert_eq(last_status, 0);
  um_session_done(&s);
  um_commons_done(&commons);
}

/* A callback that publishes again what is refused again must not keep settle
 * from returning. */
Test(session, settle_returns_though_callbacks_make_more_due) {
  BEGIN(0x20, 5, 0, 0, 2, 0x24, 0); /* Maximum QoS 0 */
  publish_again = true;
  cr_assert_eq(publish(1), 0);
  for (size_t i = 1; i < 10; i++) {
    cr_assert(um_session_unsettled(&s));
    um_session_settle(&s);
    cr_assert_eq(n_completed, i);
    cr_assert_eq(last_status, UVMQTT_ENOTSUP);
  }
  um_session_done(&s);
  um_commons_done(&commons);
}

static uint16_t id_in_out(void) { /* of a PUBLISH to "a" */
  const uint8_t *p = um_buf_head(&s.out) + s.out.len - 8;
  return (uint16_t)(p[5] << 8 | p[6]);
}

static void puback(uint16_t id) {
  const uint8_t bytes[] = {0x40, 2, (uint8_t)(id >> 8), (uint8_t)id};
  feed(bytes, sizeof bytes);
}

/* [MQTT-2.2.1-3/5], [MQTT-2.3.1-2/311]: an id in use is never given out; with
 * all in use a message waits for one */
Test(session, waits_for_a_packet_id_when_all_are_in_use) {
  BEGIN(0x20, 3, 0, 0, 0); /* Receive Maximum 65,535 */
  for (unsigned id = 1; id <= 65535; id++) {
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(id_in_out(), id);
    take_out();
  }
  const char *filter = "a";
  cr_assert_eq(um_session_unsubscribe(&s, CLOCK_START, &filter, 1, NULL, 0,
                                      heard, NULL, NULL),
               0);
  cr_assert_eq(publish(1), 0);
  cr_assert_eq(s.out.len, 0);
  puback(700); /* UNSUBSCRIBE takes it, being first */
  cr_assert_eq(s.out.len, 2 + 2 + 1 + 3);
  cr_assert_eq(um_buf_head(&s.out)[0], 0xA2);
  take_out();
  puback(9);
  cr_assert_eq(id_in_out(), 9);
  take_out();
  cr_assert_eq(n_completed, 2);
  um_session_cancel_all(&s, UM_ECANCELED);
  while (um_session_unsettled(&s))
    um_session_settle(&s);
  cr_assert_eq(n_completed, 65535 + 2);
  um_session_done(&s);
  um_commons_done(&commons);
}

/* After 65,535 comes 1 again, and ids still in use are passed over. */
Test(session, packet_ids_go_round) {
  BEGIN(0x20, 3, 0, 0, 0);
  cr_assert_eq(publish(1), 0); /* 1 stays in use */
  take_out();
  for (unsigned id = 2; id <= 65535; id++) {
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(id_in_out(), id);
    take_out();
    puback((uint16_t)id);
  }
  cr_assert_eq(publish(1), 0);
  cr_assert_eq(id_in_out(), 2);
  um_session_done(&s);
  um_commons_done(&commons);
}
