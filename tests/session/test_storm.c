/* Handlers and requests added, removed and cancelled at random, in callbacks
 * too, while a server grants, refuses, forgets and vanishes: every done comes
 * once, every message reaches those it is for in order, and nothing leaks. */
#include "base/err.h"
#include "session/stage.h"
#include "support/suite.h"
#include "wire/topic.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(storm);

#define SLOTS 12
#define SEEDS 300
#define STEPS 120

struct slot { /* one handler, as the program knows it */
  uvmqtt_handler_t *h;
  bool alive;
  unsigned age; /* counts up */
  const char *filter;
  bool due; /* the message at hand must come */
};

static struct stage st;
static struct slot slots[SLOTS];
static unsigned age, last_age, owed, depth, reached;
static char answers[64][128]; /* the server has not sent yet */
static unsigned n_answers;
static uint32_t state;

static unsigned some(unsigned n) {
  state = state * 1664525u + 1013904223u;
  return (state >> 16) % n;
}

static const char *const filters[] = {"a",   "a/+",          "#",  "+/b",
                                      "a/#", "$share/g/a/b", "a/b"};
static const char *const topics[] = {"a", "a/b", "c", "c/b", "$SYS/a", "a/b/c"};

static void act(void);

static void on_done(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct slot *slot = arg;
  (void)m;
  owed--;
  if (result->status && slot != NULL)
    slot->alive = false; /* it is gone */
  if (depth++ == 0 && some(3) == 0)
    act();
  depth--;
}

static void on_gone(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  on_done(m, result, NULL);
  (void)arg;
}

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message,
                       void *arg) {
  struct slot *slot = arg;
  (void)m;
  (void)message;
  cr_assert(slot->alive, "a message for a handler that is gone");
  cr_assert(slot->due, "a message it should not get, or twice");
  cr_assert_gt(slot->age, last_age, "out of order");
  last_age = slot->age;
  reached++;
  slot->due = false;
  if (some(3) == 0)
    act();
}

/* A slot may be taken again only when the done of its last tenant came; so each
 * handler has a slot for itself until the end of the seed. */
static void add(void) {
  uvmqtt_subscription_t o = {.filter = filters[some(7)],
                             .qos = (uint8_t)some(3),
                             .retain_handling = (uint8_t)some(3)};
  for (size_t i = 0; i < SLOTS; i++) {
    struct slot *slot = &slots[i];
    if (slot->age != 0)
      continue;
    int r = um_session_handle(&st.session, st.now, &o, 0, on_message, slot,
                              on_done, slot, &slot->h);
    cr_assert_eq(r, 0);
    *slot = (struct slot){slot->h, true, ++age, o.filter, false};
    owed++;
    return;
  }
}

static void cut(void) {
  struct slot *slot = &slots[some(SLOTS)];
  if (!slot->alive)
    return;
  slot->alive = slot->due = false;
  int r = um_session_unhandle(&st.session, st.now, slot->h, on_gone, NULL);
  cr_assert_eq(r, 0);
  owed++;
}

static void on_reply(uvmqtt_t *m, int status, const uvmqtt_message_t *reply,
                     void *arg) {
  (void)m;
  (void)arg;
  cr_assert_eq(status == 0, reply != NULL);
  owed--;
  if (depth++ == 0 && some(3) == 0)
    act();
  depth--;
}

static void ask(void) {
  uvmqtt_message_t m = {.topic = "service", .qos = (uint8_t)some(3)};
  uint64_t id;
  int r = um_session_request(&st.session, st.now, &m, some(2) ? NULL : "r",
                             some(2) * 50, on_reply, NULL, &id);
  cr_assert_eq(r, 0);
  owed++;
  if (some(4) == 0)
    cr_assert_eq(um_session_cancel(&st.session, st.now, id), 0);
}

static void act(void) {
  static void (*const acts[])(void) = {add, add, cut, ask};
  acts[some(4)]();
}

/* The server. */

static void note_answer(const char *format, const char *id) {
  cr_assert_lt(n_answers, 64);
  snprintf(answers[n_answers++], 128, format, id);
}

static void note_suback(const char *id, const char *wanted) {
  note_answer("SUBACK id=%s reasons=", id);
  char *line = answers[n_answers - 1];
  for (const char *at = wanted; at != NULL; at = strchr(at + 1, ','))
    strcat(line, some(5) ? ",00" : ",80");
  char *first = strstr(line, "=,");
  memmove(first + 1, first + 2, strlen(first + 2) + 1);
}

static void hear(const char *text) {
  static struct words w;
  words_split(&w, text);
  const char *id = words_value(&w, "id");
  if (strcmp(w.word[0], "SUBSCRIBE") == 0)
    note_suback(id, words_value(&w, "filters"));
  else if (strcmp(w.word[0], "UNSUBSCRIBE") == 0)
    note_answer("UNSUBACK id=%s reasons=00", id);
  else if (strcmp(w.word[0], "PUBREL") == 0)
    note_answer("PUBCOMP id=%s", id);
  else if (id != NULL && words_value(&w, "qos") != NULL)
    note_answer(
        *words_value(&w, "qos") == '1' ? "PUBACK id=%s" : "PUBREC id=%s", id);
}

static void listen_to_client(void) {
  static char text[TEXT_MAX];
  struct um_buf *out = &st.session.out;
  while (out->len != 0) {
    size_t body;
    size_t len = packet_text_length(um_buf_head(out), out->len, &body);
    cr_assert(packet_text_of(um_buf_head(out), len, 5, text), "%s", text);
    hear(text + 3);
    um_session_written(&st.session, len);
    um_buf_consume(out, len);
  }
}

static void answer(void) {
  if (n_answers == 0)
    return;
  char line[128];
  memcpy(line, answers[0], 128);
  memmove(answers[0], answers[1], sizeof answers - 128);
  n_answers--;
  size_t len;
  uint8_t *bytes = packet_text_bytes(line, 5, &len);
  cr_assert_eq(um_session_feed(&st.session, st.now, bytes, len), 0, "%s", line);
  free(bytes);
}

static void message(void) {
  const char *topic = topics[some(6)];
  char line[64];
  last_age = 0;
  for (size_t i = 0; i < SLOTS; i++)
    slots[i].due = slots[i].alive && um_topic_match(slots[i].filter, topic);
  snprintf(line, sizeof line, "PUBLISH topic=%s", topic);
  size_t len;
  uint8_t *bytes = packet_text_bytes(line, 5, &len);
  cr_assert_eq(um_session_feed(&st.session, st.now, bytes, len), 0);
  free(bytes);
  for (size_t i = 0; i < SLOTS; i++)
    cr_assert_not(slots[i].due, "%s did not reach %s", topic, slots[i].filter);
}

static void reconnect(void) {
  if (st.session.state != UM_SESSION_DOWN) {
    um_session_down(&st.session, st.now, UM_ECONNRESET);
    n_answers = 0;
    return;
  }
  cr_assert_eq(um_session_up(&st.session, st.now), 0);
  struct um_buf *out = &st.session.out;
  um_session_written(&st.session, out->len);
  um_buf_consume(out, out->len);
  bool sp = st.session.have_session && some(2);
  size_t len;
  uint8_t *bytes = packet_text_bytes(sp ? "CONNACK sp=1" : "CONNACK", 5, &len);
  um_session_feed(&st.session, st.now, bytes, len);
  free(bytes);
}

static void step(void) {
  bool up = st.session.state == UM_SESSION_UP;
  unsigned what = some(10);
  if (what < 3)
    act();
  else if (what < 6 && up)
    answer();
  else if (what < 8 && up)
    message();
  else if (what == 8 && some(6) == 0)
    reconnect();
  else if (!up && some(2))
    reconnect();
  st.now += some(20);
  if (um_session_deadline(&st.session) <= st.now)
    um_session_tick(&st.session, st.now);
  um_session_settle(&st.session);
  um_session_drain(&st.session, st.now);
  if (st.session.state == UM_SESSION_FAILED)
    um_session_down(&st.session, st.now, 0);
  if (st.session.state == UM_SESSION_DOWN)
    n_answers = 0;
  listen_to_client();
}

Test(storm, leaves_everything_told_once_and_in_order) {
  unsigned most = 0;
  for (uint32_t seed = 1; seed <= SEEDS; seed++) {
    state = seed * 2654435761u;
    memset(slots, 0, sizeof slots);
    age = owed = n_answers = 0;
    stage_open(&st, 5);
    st.quiet = true;
    for (int i = 0; i < STEPS; i++)
      step();
    most = age > most ? age : most;
    depth = 1; /* nobody asks for more now */
    stage_close(&st);
    cr_assert_eq(owed, 0, "seed %u: %u completions missing", seed, owed);
    depth = 0;
  }
  cr_assert_eq(most, SLOTS);
  cr_assert_gt(reached, 10 * SEEDS);
}
