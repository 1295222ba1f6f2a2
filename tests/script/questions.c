#include "script/questions.h"

#include "script/codes.h"
#include "script/requests.h"
#include "session/pending.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ask_fails(struct player *p, struct words *w) {
  const struct um_ending *e = &p->s.ending;
  const char *text = words_value(w, "text");
  const char *said = e->reason_string == NULL ? "" : e->reason_string;
  int want = code_named(w->word[1]);
  p->result_named = true;
  if (p->result != want)
    player_fail(p, "should fail with %s, not %s", w->word[1],
                p->result == 0 ? "work" : code_name(p->result));
  bool is_ending = p->s.state == UM_SESSION_FAILED;
  if (is_ending && e->code != want)
    player_fail(p, "ending.code is %s", code_name(e->code));
  if (is_ending && e->reason != words_number(w, "reason", 0))
    player_fail(p, "ending.reason is 0x%02x", e->reason);
  if (is_ending && strcmp(said, text == NULL ? "" : text) != 0)
    player_fail(p, "ending.reason_string is \"%s\"", said);
}

/* What is not named is not asked for; reference= and information= none: "". */
static void ask_server(struct player *p, struct words *w) {
  const struct um_limits *l = &p->s.limits;
  const char *named[][3] = {
      {"reference", words_value(w, "reference"), p->s.ending.server_reference},
      {"information", words_value(w, "information"), p->s.response_information},
  };
  for (size_t i = 0; i < 2; i++) {
    const char *is = named[i][2] == NULL ? "" : named[i][2];
    if (named[i][1] != NULL && strcmp(named[i][1], is) != 0)
      player_fail(p, "%s is \"%s\"", named[i][0], is);
  }
  if (l->session_expiry != words_number(w, "expiry", l->session_expiry))
    player_fail(p, "expiry is %u", l->session_expiry);
  if (l->topic_alias_maximum !=
      words_number(w, "aliases", l->topic_alias_maximum))
    player_fail(p, "aliases is %u", l->topic_alias_maximum);
}

static void ask_state(struct player *p, struct words *w) {
  static const char *const names[] = {"DOWN", "GREETING", "UP", "LEAVING",
                                      "FAILED"};
  if (strcmp(names[p->s.state], w->word[1]) != 0)
    player_fail(p, "state is %s, not %s", names[p->s.state], w->word[1]);
}

static void ask_deadline(struct player *p, struct words *w) {
  uint64_t due = um_session_deadline(&p->s);
  if (strcmp(w->word[1], "never") == 0) {
    if (due != UM_NEVER)
      player_fail(p, "there is a deadline, +%lld", (long long)(due - p->now));
  } else if (due != p->now + strtoull(w->word[1] + 1, NULL, 10)) {
    player_fail(p, "deadline is +%lld", (long long)(due - p->now));
  }
}

static void ask_flushed(struct player *p, struct words *w) {
  bool want = strcmp(w->word[1], "yes") == 0;
  if (um_session_flushed(&p->s) != want)
    player_fail(p, "flushed is %d", !want);
}

static void ask_paused(struct player *p, struct words *w) {
  bool want = strcmp(w->word[1], "yes") == 0;
  if (um_session_paused(&p->s) != want)
    player_fail(p, "paused is %d", !want);
}

static void ask_version(struct player *p, struct words *w) {
  if (p->s.version != w->word[1][0] - '0')
    player_fail(p, "version is %d", p->s.version);
}

static void ask_retry_now(struct player *p, struct words *w) {
  bool want = strcmp(w->word[1], "yes") == 0;
  if (p->s.ending.retry_now != want)
    player_fail(p, "retry_now is %d", !want);
}

static void ask_counters(struct player *p, struct words *w) {
  static const struct {
    const char *name;
    enum um_counted place;
  } named[] = {{"unknown_acks", UM_COUNTED_UNKNOWN_ACKS},
               {"duplicates", UM_COUNTED_DUPLICATES}};
  for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
    uint64_t is = um_counters_get(&p->s.counters, named[i].place);
    if (is != words_number(w, named[i].name, is))
      player_fail(p, "%s is %d", named[i].name, (int)is);
  }
}

/* "pending p1 s2+": what is listed, in order, + is sent */
static void ask_pending(struct player *p, struct words *w) {
  static uvmqtt_pending_t list[REQUESTS_MAX];
  char text[TEXT_MAX] = "", buf[24];
  size_t n = um_pending_list(p->s.outbox, list, REQUESTS_MAX), at = 1;
  if (um_pending_count(p->s.outbox) != n)
    player_fail(p, "%zu are counted", um_pending_count(p->s.outbox));
  bool same = n == w->n - 1;
  for (size_t i = 0; i < n; i++) {
    char one[32];
    snprintf(one, sizeof one, "%s%s", request_name(p, list[i].id, buf),
             list[i].sent ? "+" : "");
    same = same && strcmp(one, w->word[at++]) == 0;
    text_add(text, " %s", one);
  }
  if (!same)
    player_fail(p, "pending are%s", text);
}

/* "outbox none" or "outbox open": is there memory for one? */
static void ask_outbox(struct player *p, struct words *w) {
  bool want = strcmp(w->word[1], "open") == 0;
  if ((p->s.outbox != um_outbox_none()) != want)
    player_fail(p, "outbox is %s", want ? "none" : "open");
}

static const struct {
  const char *word;
  void (*ask)(struct player *, struct words *);
} questions[] = {
    {"fails", ask_fails},         {"state", ask_state},
    {"paused", ask_paused},       {"deadline", ask_deadline},
    {"flushed", ask_flushed},     {"version", ask_version},
    {"retry_now", ask_retry_now}, {"counters", ask_counters},
    {"server", ask_server},       {"pending", ask_pending},
    {"outbox", ask_outbox},
};

bool question_ask(struct player *p, const char *line) {
  struct words w;
  words_split(&w, line);
  for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
    if (strcmp(w.word[0], questions[i].word) != 0)
      continue;
    if (!p->starving && !p->failed)
      questions[i].ask(p, &w);
    return true;
  }
  return false;
}
