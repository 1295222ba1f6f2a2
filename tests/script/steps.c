#include "script/steps.h"

#include "script/codes.h"
#include "script/config.h"
#include "script/requests.h"
#include "script/witness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void step_up(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  p->ended = false;
  p->seen = 0;
  player_enter(p);
  p->result = um_session_ask(&p->s);
  if (p->result == 0)
    p->result = um_session_up(&p->s, p->now);
  player_leave(p);
  if (p->starving && p->result != 0) {
    player_down(p, 0);
    p->result = 0;
  }
}

static void step_down(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  player_down(p, w->n > 1 ? code_named(w->word[1]) : 0);
}

static void step_feed(struct player *p, struct words *w, const char *rest) {
  (void)w;
  struct chunk c = player_chunk(p, rest);
  player_feed(p, c.data, c.len);
  free(c.data);
}

static void pass(struct player *p, uint64_t ms) {
  uint64_t until = p->now + ms;
  bool up = p->s.state != UM_SESSION_DOWN;
  for (int wakes = 0; p->result == 0 && !(p->ended && up); wakes++) {
    uint64_t due = um_session_deadline(&p->s);
    if (due > until || p->failed)
      break;
    if (wakes > 10000) {
      player_fail(p, "the deadline does not move on");
      break;
    }
    p->now = due > p->now ? due : p->now;
    player_enter(p);
    p->result = um_session_tick(&p->s, p->now);
    player_leave(p);
    player_tell_sent(p);
    player_pump(p);
    if (p->starving && p->result != 0)
      p->ended = true;
  }
  if (p->starving)
    p->result = 0;
  p->now = until > p->now ? until : p->now;
}

static void step_tick(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  player_enter(p);
  p->result = um_session_tick(&p->s, p->now);
  player_leave(p);
}

static void step_block(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  p->now += strtoull(w->word[1], NULL, 10);
}

static void step_ping(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  player_enter(p);
  p->result = um_session_ping(&p->s, p->now);
  player_leave(p);
}

/* Inside an event a refusal has no place to go to but the failure. */
static void step_auth(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  struct text_properties props;
  text_properties_read(&props, w, "");
  bool was = p->requesting;
  p->requesting = true;
  player_enter(p);
  int err =
      um_session_auth(&p->s, p->now, request_auth_data(w), props.p, props.n);
  player_leave(p);
  memset(&props, 0xEE, sizeof props); /* copied before return */
  p->requesting = was;
  if (p->inside == 0 && !p->starving)
    p->result = err;
  else if (err != 0 && !p->starving)
    player_fail(p, "refused inside an event: %s", code_name(err));
}

static void step_leave(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  struct text_properties props;
  text_properties_read(&props, w, "");
  uint8_t reason = w->n > 1 ? (uint8_t)strtoul(w->word[1], NULL, 0) : 0;
  player_enter(p);
  um_session_leave(&p->s, p->now, reason, props.p, props.n);
  player_leave(p);
}

static void step_cancel(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  bool was = p->requesting;
  p->requesting = true;
  player_enter(p);
  um_session_cancel_all(&p->s, code_named(w->word[1]));
  player_leave(p);
  p->requesting = was;
}

static void step_cancel_one(struct player *p, struct words *w,
                            const char *rest) {
  uint64_t id = UINT64_MAX;
  bool was = p->requesting;
  for (size_t i = 0; i < p->n_requests; i++)
    if (strcmp(p->requests[i].name, w->word[1]) == 0 && p->requests[i].accepted)
      id = p->requests[i].id;
  p->requesting = true;
  player_enter(p);
  int r = um_session_cancel(&p->s, p->now, id);
  player_leave(p);
  p->requesting = was;
  (void)rest;
  if (!p->starving)
    p->result = r;
}

static void step_halt(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  um_session_halt(&p->s);
}

static void step_ack(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  size_t n = strtoull(w->word[1], NULL, 10);
  uint8_t reason = w->n > 2 ? (uint8_t)strtoul(w->word[2], NULL, 0) : 0;
  bool was = p->requesting;
  if (n == 0 || n > p->n_tokens) {
    if (!p->starving)
      player_fail(p, "no such token yet");
    return;
  }
  p->requesting = true;
  player_enter(p);
  int err = um_session_ack(&p->s, p->now, p->tokens[n - 1], reason);
  player_leave(p);
  p->requesting = was;
  if (p->starving)
    return;
  if (p->inside == 0)
    p->result = err;
  else if (err != 0)
    player_fail(p, "refused inside an event: %s", code_name(err));
}

static void step_pause(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  um_session_pause(&p->s, p->now);
}

static void step_resume(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  player_enter(p);
  um_session_resume(&p->s, p->now);
  if (p->inside == 1)
    p->result = um_session_read_on(&p->s, p->now);
  player_leave(p);
}

static void step_kernel(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  p->kernel_stopped = strcmp(w->word[1], "stop") == 0;
}

static void step_written(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  size_t n = (size_t)strtoull(w->word[1], NULL, 10);
  if (n > p->s.out.len && !p->starving)
    player_fail(p, "only %u bytes are in out", p->s.out.len);
  player_kernel_takes(p, n > p->s.out.len ? p->s.out.len : n);
}

static void step_store(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  if (w->n > 1 && strcmp(w->word[1], "fails") == 0)
    witness_store_fails(p);
  else
    witness_store_done(p,
                       w->n > 2 ? strtoull(w->word[2], NULL, 10) : UINT64_MAX);
}

static void step_config(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  config_set(p, w);
}

static bool is_hook_step(const char *line);

static void step_on(struct player *p, struct words *w, const char *rest) {
  (void)w;
  const char *does = strstr(rest, " do ");
  if (does == NULL || p->n_hooks == HOOKS_MAX)
    abort();
  struct hook *h = &p->hooks[p->n_hooks++];
  if (!is_hook_step(does + 4))
    player_fail(p, "not inside an event: %s", does + 4);
  snprintf(h->event, sizeof h->event, "%.*s", (int)(does - rest), rest);
  snprintf(h->step, sizeof h->step, "%s", does + 4);
}

static void step_whole(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  p->uncut = true;
}

static void step_request(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  request_make(p, w);
}

static void step_reached(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  um_session_reached(&p->s, strtoull(w->word[1], NULL, 10));
}

static void step_online(struct player *p, struct words *w, const char *rest) {
  char line[TEXT_MAX];
  step_up(p, w, rest);
  player_tell_sent(p);
  player_pump(p);
  if (p->late_store) {
    witness_store_done(p, UINT64_MAX);
    player_pump(p);
  }
  snprintf(line, sizeof line, "CONNACK %s", rest);
  step_feed(p, w, line);
  struct lines kept = {.n = 0};
  int greetings = 0;
  for (size_t i = 0; i < p->observed.n; i++) {
    bool is_greeting = text_starts(p->observed.text[i], "-> CONNECT") ||
                       text_starts(p->observed.text[i], "event connected") ||
                       text_starts(p->observed.text[i], "commit META");
    if (greetings < 2 && text_starts(p->observed.text[i], "commit NEW_EPOCH"))
      continue; /* R1, before CONNECT */
    greetings +=
        text_starts(p->observed.text[i], "-> CONNECT") ? 2 : is_greeting;
    if (!is_greeting)
      lines_add(&kept, p->observed.text[i], 0);
  }
  lines_clear(&p->observed);
  p->observed = kept;
  if (!p->starving && greetings < 3)
    player_fail(p, "no CONNECT, or not connected");
}

static const struct {
  const char *word;
  void (*run)(struct player *, struct words *, const char *rest);
  bool in_hook; /* legal behind "do" */
} steps[] = {
    {"config", step_config, false},
    {"up", step_up, false},
    {"reached", step_reached, false},
    {"online", step_online, false},
    {"<-", step_feed, false},
    {"down", step_down, false},
    {"tick", step_tick, false},
    {"block", step_block, false},
    {"publish", step_request, true},
    {"subscribe", step_request, true},
    {"unsubscribe", step_request, true},
    {"reauthenticate", step_request, true},
    {"auth", step_auth, true},
    {"ping", step_ping, false},
    {"leave", step_leave, true},
    {"cancel_all", step_cancel, true},
    {"halt", step_halt, true},
    {"cancel", step_cancel_one, true},
    {"kernel", step_kernel, false},
    {"pause", step_pause, true},
    {"resume", step_resume, true},
    {"written", step_written, false},
    {"store", step_store, false},
    {"on", step_on, false},
    {"whole:", step_whole, false},
    {"ack", step_ack, true},
};

bool step_is(const char *line) {
  size_t len = strcspn(line, " ");
  if (line[0] == '+')
    return true;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (strlen(steps[i].word) == len && memcmp(line, steps[i].word, len) == 0)
      return true;
  return false;
}

static bool is_hook_step(const char *line) {
  size_t len = strcspn(line, " ");
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (strlen(steps[i].word) == len && memcmp(line, steps[i].word, len) == 0)
      return steps[i].in_hook;
  return false;
}

/* Not static words: a hook runs inside a step. */
void step_run(struct player *p, const char *line) {
  struct words *w = malloc(sizeof *w);
  words_split(w, line);
  const char *rest = line + strcspn(line, " ");
  rest += strspn(rest, " ");
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (strcmp(w->word[0], steps[i].word) == 0)
      steps[i].run(p, w, rest);
  if (line[0] == '+')
    pass(p, strtoull(line + 1, NULL, 10));
  free(w);
}
