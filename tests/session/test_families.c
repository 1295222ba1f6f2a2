/* Each family of bad input in both versions, fed whole, byte by byte and cut in
 * two at every offset: what is answered, that no callback hears of the bad
 * packet, that nothing behind it in the chunk is read, that the session is
 * kept. */
#include "session/families.h"

#include "base/err.h"
#include "session/session.h"
#include "support/clock.h"
#include "support/packets.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(families);

#define WHOLE SIZE_MAX
#define EACH_BYTE 0

static struct um_session s;
static struct um_session_config config;
static struct um_identity who;
static struct um_commons commons;
static char text[TEXT_MAX]; /* what callbacks said */

/* ---- callbacks ---- */

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)up, (void)connack;
  text_add(text, "connected;");
}

static void on_message(void *up, const uvmqtt_message_t *m) {
  (void)up;
  text_add(text, "message %s%s;", m->topic, m->retain ? " retained" : "");
}

static const char *name_of(int status) {
  switch (status) {
  case UVMQTT_EREASON:
    return "EREASON";
  case UVMQTT_EMALFORMED:
    return "EMALFORMED";
  case UVMQTT_EPROTOCOL:
    return "EPROTOCOL";
  default:
    return status == 0 ? "0" : "?";
  }
}

static bool ending; /* what completes now is no matter */

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *result) {
  (void)up, (void)cb;
  if (ending)
    return;
  text_add(text, "%s %s", (const char *)arg, name_of(result->status));
  if (result->reason >= 0x80)
    text_add(text, " %x", result->reason);
  text_add(text, ";");
}

static void on_notice(void *up, const uvmqtt_notice_t *notice) {
  (void)up, (void)notice;
}

static void nobody(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m, (void)result, (void)arg;
}

static const struct um_session_events events = {.connected = on_connected,
                                                .message = on_message,
                                                .completed = on_completed,
                                                .notice = on_notice};

/* ---- bytes ---- */

struct bytes {
  uint8_t at[2048];
  size_t len;
};

static void add_line(struct bytes *b, const char *line, uint8_t version) {
  size_t len;
  uint8_t *data = packet_text_bytes(line, version, &len);
  cr_assert(data != NULL && b->len + len <= sizeof b->at, "%s", line);
  memcpy(b->at + b->len, data, len);
  b->len += len;
  free(data);
}

static void add_lines(struct bytes *b, const char *lines, uint8_t version) {
  char line[TEXT_MAX];
  while (lines != NULL) {
    const char *end = strstr(lines, " / ");
    size_t len = end == NULL ? strlen(lines) : (size_t)(end - lines);
    snprintf(line, sizeof line, "%.*s", (int)len, lines);
    add_line(b, line, version);
    lines = end == NULL ? NULL : end + 3;
  }
}

static void drop_out(void) {
  um_session_written(&s, s.out.len);
  um_buf_consume(&s.out, s.out.len);
}

static void settle(void) {
  for (int i = 0; i < 100 && um_session_unsettled(&s); i++)
    um_session_settle(&s);
}

/* The chunk is gone when this returns. */
static int feed(const uint8_t *data, size_t len) {
  uint8_t *chunk = malloc(len);
  memcpy(chunk, data, len);
  int r = um_session_feed(&s, CLOCK_START, chunk, len);
  free(chunk);
  if (r == 0 && s.state == UM_SESSION_UP)
    um_session_drain(&s, CLOCK_START);
  settle();
  return r;
}

/* The first error, or 0. */
static int feed_cut(const struct bytes *b, size_t cut) {
  if (cut == WHOLE)
    return feed(b->at, b->len);
  int r = 0;
  size_t n = cut == EACH_BYTE ? 1 : cut;
  for (size_t at = 0; at < b->len; at += n) {
    if (cut != EACH_BYTE && at != 0)
      n = b->len - at;
    int err = feed(b->at + at, n);
    r = r ? r : err;
  }
  return r;
}

static int say(const char *line) {
  struct bytes b = {.len = 0};
  add_lines(&b, line, s.version);
  return feed(b.at, b.len);
}

/* ---- scenes ---- */

static void greet(uint8_t version) {
  who = (struct um_identity){.client_id = "c"};
  config = (struct um_session_config){.version = (uvmqtt_protocol_t)version,
                                      .session_expiry = 300,
                                      .receive_maximum = 4,
                                      .topic_alias_maximum = 2,
                                      .maximum_packet_size = 1000,
                                      .queue_messages = 100,
                                      .queue_bytes = 100000};
  text[0] = '\0';
  ending = false;
  um_session_init(&s, &config, &who, &events, NULL, &commons);
  cr_assert_eq(um_session_up(&s, CLOCK_START), 0);
  drop_out();
}

static void publish(const char *topic, uint8_t qos) {
  uvmqtt_message_t m = {.topic = topic, .qos = qos};
  cr_assert_eq(um_session_publish(&s, CLOCK_START, &m, nobody,
                                  (char *)(uintptr_t)topic, NULL),
               0);
}

static void go_online(uint8_t version) {
  static char sub[] = "s", unsub[] = "u";
  const uvmqtt_subscription_t filters[] = {{.filter = "s"}, {.filter = "t"}};
  const char *filter = "u";
  greet(version);
  cr_assert_eq(say("CONNACK"), 0);
  publish("p1", 1);
  publish("p2", 2);
  publish("p3", 2);
  cr_assert_eq(um_session_subscribe(&s, CLOCK_START, filters, 2, NULL, 0,
                                    nobody, sub, NULL),
               0);
  cr_assert_eq(um_session_unsubscribe(&s, CLOCK_START, &filter, 1, NULL, 0,
                                      nobody, unsub, NULL),
               0);
  cr_assert_eq(say("PUBREC id=3 / PUBLISH topic=open qos=2 id=9"), 0);
  drop_out();
  text[0] = '\0';
}

static void end(void) {
  ending = true;
  um_session_cancel_all(&s, -1);
  um_session_down(&s, CLOCK_START, 0);
  settle();
  um_session_done(&s);
  um_commons_done(&commons);
}

/* ---- what must hold ---- */

static uint8_t reason_of(int result) {
  static const struct {
    int result;
    uint8_t reason;
  } table[] = {{UVMQTT_EMALFORMED, 0x81}, {UVMQTT_EPROTOCOL, 0x82},
               {UVMQTT_EQUOTA, 0x93},     {UVMQTT_ETOPICALIAS, 0x94},
               {UVMQTT_ETOOBIG, 0x95},    {0, 0}};
  size_t i = 0;
  while (table[i].result != 0 && table[i].result != result)
    i++;
  return table[i].reason;
}

struct scene {
  const struct family *row;
  uint8_t version;
  size_t cut;
  bool online;
};

static const char *name_scene(const struct scene *scene) {
  static char name[200];
  snprintf(name, sizeof name, "%s in %u, cut at %zd: %s", scene->row->name,
           scene->version, (ssize_t)scene->cut, scene->row->says);
  return name;
}

static void check_out(const struct scene *scene) {
  struct bytes b = {.len = 0};
  uint8_t reason = reason_of(scene->row->result);
  add_lines(&b, scene->row->hears, scene->version);
  if (reason != 0 && scene->version == 5) {
    uint8_t disconnect[] = {0xE0, 1, reason};
    memcpy(b.at + b.len, disconnect, sizeof disconnect);
    b.len += sizeof disconnect;
  }
  cr_expect_eq(s.out.len, b.len, "%s: sent %u bytes, not %zu",
               name_scene(scene), s.out.len, b.len);
  cr_expect(b.len == 0 || memcmp(um_buf_head(&s.out), b.at, b.len) == 0,
            "%s: sent something else", name_scene(scene));
}

static void check_log(const struct scene *scene) {
  char expected[TEXT_MAX] = "";
  text_add(expected, "%s%s", scene->row->log == NULL ? "" : scene->row->log,
           scene->row->result == 0 ? "message after;" : "");
  cr_expect_str_eq(text, expected, "%s: heard %s, expected %s",
                   name_scene(scene), text, expected);
}

static bool is_in_out(const struct bytes *b) {
  for (size_t at = 0; at + b->len <= s.out.len; at++)
    if (memcmp(um_buf_head(&s.out) + at, b->at, b->len) == 0)
      return true;
  return false;
}

/* The next connection goes on with the session: CONNECT without clean start,
 * then what was in flight. */
static void check_session_kept(const struct scene *scene) {
  const char *log = scene->row->log;
  struct bytes resent = {.len = 0};
  bool completed = log != NULL && strstr(log, "p1 ") != NULL;
  um_session_down(&s, CLOCK_START, 0);
  settle();
  cr_expect_eq(um_session_up(&s, CLOCK_START), 0);
  cr_expect_eq(um_buf_head(&s.out)[9] & 2, 0, "%s", name_scene(scene));
  drop_out();
  cr_expect_eq(say("CONNACK sp=1"), 0, "%s", name_scene(scene));
  add_line(&resent, "PUBLISH id=1 qos=1 topic=p1 dup=1", scene->version);
  cr_expect_neq(is_in_out(&resent), completed, "%s", name_scene(scene));
}

static void play_scene(const struct scene *scene) {
  struct bytes b = {.len = 0};
  if (scene->online)
    go_online(scene->version);
  else
    greet(scene->version);
  add_lines(&b, scene->row->says, scene->version);
  add_line(&b, "PUBLISH topic=after", scene->version);
  int r = feed_cut(&b, scene->cut);
  cr_expect_eq(r, scene->row->result, "%s: %d", name_scene(scene), r);
  check_out(scene);
  check_log(scene);
  if (r != 0) {
    cr_expect_eq(s.state, UM_SESSION_FAILED, "%s", name_scene(scene));
    cr_expect_eq(say("PUBLISH topic=later"), 0);
    check_log(scene);
  }
  if (scene->online)
    check_session_kept(scene);
  end();
}

static void play_cuts(const struct family *row, uint8_t version, bool online) {
  struct bytes b = {.len = 0};
  add_lines(&b, row->says, version);
  play_scene(&(struct scene){row, version, WHOLE, online});
  play_scene(&(struct scene){row, version, EACH_BYTE, online});
  for (size_t cut = 1; cut <= b.len; cut++)
    play_scene(&(struct scene){row, version, cut, online});
}

static void play(const struct family *row, bool online) {
  if (row->versions & V5)
    play_cuts(row, 5, online);
  if (row->versions & V311)
    play_cuts(row, 4, online);
}

/* [MQTT-4.13.1-1/5], [MQTT-4.13.2-1/5], [MQTT-4.8.0-1/311] */
Test(families, of_input_on_an_open_connection) {
  for (size_t i = 0; i < n_families_online; i++)
    play(&families_online[i], true);
}

/* [MQTT-3.2.0-1/5], [MQTT-3.2.0-1/311] */
Test(families, of_input_in_place_of_connack) {
  for (size_t i = 0; i < n_families_greeting; i++)
    play(&families_greeting[i], false);
}

/* ---- N10: the standard's table 2-2, all of it. ---- */

/* Flags that a server may send with a type; bits of a set. */
static unsigned allowed_flags(unsigned type) {
  if (type == UVMQTT_PUBLISH) /* not QoS 3, not DUP with QoS 0 */
    return 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 |
           1u << 10 | 1u << 11 | 1u << 12 | 1u << 13;
  bool two = type == UVMQTT_PUBREL || type == UVMQTT_SUBSCRIBE ||
             type == UVMQTT_UNSUBSCRIBE;
  return two ? 1u << 2 : 1u << 0;
}

/* [MQTT-2.2.2-2/311], [MQTT-2.1.3-1/5] */
Test(families, N10_no_flag_is_taken_that_the_standard_reserves) {
  char line[40];
  unsigned played = 0;
  struct family row = {"N10", BOTH, line, UVMQTT_EMALFORMED, NULL, NULL};
  for (unsigned type = 1; type < 16; type++)
    for (unsigned flags = 0; flags < 16; flags++) {
      if (allowed_flags(type) >> flags & 1)
        continue;
      snprintf(line, sizeof line, "%x%x 05 00 01 \"t\" 00 07", type, flags);
      play(&row, true);
      played++;
    }
  cr_assert_eq(played, 14 * 15 + 6);
}

/* ---- the list is whole ---- */

static bool is_in(const struct family *rows, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(rows[i].name, name) == 0)
      return true;
  return false;
}

static bool file_says(const char *file, const char *name) {
  char path[500], line[500];
  bool found = false;
  snprintf(path, sizeof path, SCRIPTS "/../%s", file);
  FILE *f = fopen(path, "r");
  while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
    found = strstr(line, name) != NULL;
  if (f != NULL)
    fclose(f);
  return found;
}

static bool is_elsewhere(const char *name) {
  for (size_t i = 0; i < n_families_elsewhere; i++)
    if (strcmp(families_elsewhere[i].name, name) == 0)
      return file_says(families_elsewhere[i].file, name);
  return false;
}

Test(families, N01_to_N78_are_all_played) {
  char name[16];
  for (unsigned i = 1; i <= 78; i++) {
    snprintf(name, sizeof name, "N%02u", i);
    cr_expect(is_in(families_online, n_families_online, name) ||
                  is_in(families_greeting, n_families_greeting, name) ||
                  is_elsewhere(name),
              "%s", name);
  }
}
