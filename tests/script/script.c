#include "script/script.h"

#include "base/alloc.h"
#include "base/err.h"
#include "script/config.h"
#include "script/questions.h"
#include "script/steps.h"
#include "script/witness.h"
#include "support/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUTS_MAX 400

struct conversation {
  char *title;
  char **line;
  int *at;
  size_t n;
};

static bool is_effect(const char *line) {
  return text_starts(line, "-> ") || text_starts(line, "event ") ||
         text_starts(line, "commit ");
}

static void expect(struct player *p, const char *line, int at) {
  struct words w;
  char text[TEXT_MAX];
  if (text_starts(line, "-> ") && packet_text_is_hex(line + 3)) {
    lines_add(&p->expected, line, at);
    return;
  }
  words_split(&w, line);
  bool named = text_starts(line, "event completed") ||
               text_starts(line, "event notice") ||
               text_starts(line, "event auth");
  words_join(&w, named ? 3 : 2, text);
  lines_add(&p->expected, text, at);
}

/* Each accepted request has completed once, each refused one never. */
static void check_requests(struct player *p) {
  for (size_t i = 0; i < p->n_requests; i++) {
    struct request *q = &p->requests[i];
    if (q->completions != (q->accepted ? 1 : 0) && q->completions != -1)
      player_fail(p, "%s %s and completed %d times", q->name,
                  q->accepted ? "was accepted" : "was refused", q->completions);
  }
}

static void finish(struct player *p) {
  p->step_line = p->line;
  if (p->begun) {
    p->n_hooks = 0;
    p->s.halted = false;
    player_enter(p);
    um_session_cancel_all(&p->s, UM_ECANCELED);
    player_leave(p);
    for (int i = 0; i < 100 && um_session_unsettled(&p->s); i++)
      um_session_settle(&p->s);
    lines_clear(&p->observed);
    check_requests(p);
    um_session_done(&p->s);
    um_commons_done(&p->commons);
  }
  for (size_t i = 0; i < p->n_owned; i++)
    free(p->owned[i]);
  lines_clear(&p->observed);
  lines_clear(&p->expected);
  free(p->requests);
  free(p->parts);
}

/* The expectations that belong to line i come before it acts, so that bytes
 * can be compared with a line in hex. */
static size_t take_effects(struct player *p, const struct conversation *c,
                           size_t i) {
  for (; i < c->n && !step_is(c->line[i]); i++)
    if (is_effect(c->line[i]))
      expect(p, c->line[i], c->at[i]);
  return i;
}

/* Joins "<-" and the "<+" below it; ret is to be freed. */
static struct chunk joined(struct player *p, const struct conversation *c,
                           size_t *i) {
  struct chunk all = player_chunk(p, c->line[*i] + 3);
  while (*i + 1 < c->n && text_starts(c->line[*i + 1], "<+ ")) {
    struct chunk more = player_chunk(p, c->line[++*i] + 3);
    all.data = realloc(all.data, all.len + more.len + 1);
    memcpy(all.data + all.len, more.data, more.len);
    all.len += more.len;
    free(more.data);
  }
  return all;
}

static void play_line(struct player *p, const struct conversation *c,
                      size_t *i) {
  const char *line = c->line[*i];
  struct chunk chunk = {NULL, 0};
  p->step_line = p->line = c->at[*i];
  if (p->trace)
    fprintf(stderr, "%5d %s\n", p->line, line);
  if (!text_starts(line, "config") && !text_starts(line, "whole:"))
    player_begin(p);
  p->result = 0;
  p->result_named = false;
  if (text_starts(line, "<- "))
    chunk = joined(p, c, i);
  size_t next = take_effects(p, c, *i + 1);
  if (chunk.data != NULL)
    player_feed(p, chunk.data, chunk.len);
  else if (!text_starts(line, "<- "))
    step_run(p, line);
  free(chunk.data);
  if (p->begun && !text_starts(line, "block")) {
    player_tell_sent(p);
    player_pump(p);
  }
  for (size_t k = *i + 1; k < next; k++) {
    p->line = c->at[k];
    if (!is_effect(c->line[k]) && !question_ask(p, c->line[k]))
      player_fail(p, "what is \"%s\"?", c->line[k]);
  }
  player_compare(p);
  if (p->starving && p->result != 0 && p->s.state != UM_SESSION_DOWN)
    player_down(p, UM_ENOMEM);
  *i = next - 1;
}

struct outcome {
  size_t fed;
  bool failed, uncut, starved;
};

static struct outcome play(const char *path, const struct conversation *c,
                           size_t cut, uint64_t fail_at) {
  struct player *p = calloc(1, sizeof *p);
  p->path = path;
  p->title = c->title;
  p->cut = cut;
  p->starving = fail_at != 0;
  p->fail_in = fail_at;
  p->trace = cut == WHOLE && !p->starving && getenv("SCRIPT_TRACE") != NULL;
  p->now = CLOCK_START;
  p->requests = calloc(REQUESTS_MAX, sizeof *p->requests);
  witness_listen(p);
  config_default(p);
  for (size_t i = 0; i < c->n && !p->failed; i++)
    play_line(p, c, &i);
  finish(p);
  struct outcome o = {p->fed, p->failed, p->uncut,
                      p->starving && p->fail_in == 0};
  free(p);
  return o;
}

/* ---- a file ---- */

static void add_line(struct conversation *c, const char *line, int at) {
  c->line = realloc(c->line, (c->n + 1) * sizeof *c->line);
  c->at = realloc(c->at, (c->n + 1) * sizeof *c->at);
  c->line[c->n] = strcpy(malloc(strlen(line) + 1), line);
  c->at[c->n++] = at;
}

static void conversation_done(struct conversation *c) {
  for (size_t i = 0; i < c->n; i++)
    free(c->line[i]);
  free(c->line);
  free(c->at);
  free(c->title);
  memset(c, 0, sizeof *c);
}

static int each_conversation(const char *path,
                             int (*run)(const char *,
                                        const struct conversation *)) {
  FILE *f = fopen(path, "r");
  char buf[TEXT_MAX];
  struct conversation c = {NULL, NULL, NULL, 0};
  int failures = 0, at = 0, played = 0;
  if (f == NULL) {
    fprintf(stderr, "%s: cannot be opened\n", path);
    return 1;
  }
  while (fgets(buf, sizeof buf, f) != NULL) {
    char *line = buf + strspn(buf, " \t");
    char *end = line + strcspn(line, "\n");
    at++;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
      end--;
    *end = 0;
    if (text_starts(line, "== ")) {
      if (c.title != NULL) {
        failures += run(path, &c);
        played++;
      }
      conversation_done(&c);
      c.title = strcpy(malloc(strlen(line)), line + 3);
    } else if (line[0] != 0 && line[0] != '#') {
      add_line(&c, line, at);
    }
  }
  if (c.title != NULL) {
    failures += run(path, &c);
    played++;
  }
  conversation_done(&c);
  fclose(f);
  if (played == 0)
    fprintf(stderr, "%s: nothing to play\n", path);
  return played == 0 ? 1 : failures;
}

/* Long input is cut at CUTS_MAX places, evenly spread. */
static int play_cut(const char *path, const struct conversation *c) {
  struct outcome o = play(path, c, WHOLE, 0);
  if (o.failed || o.uncut)
    return o.failed;
  if (play(path, c, EACH_BYTE, 0).failed)
    return 1;
  size_t step = o.fed / CUTS_MAX + 1;
  for (size_t cut = 1; cut < o.fed; cut += step)
    if (play(path, c, cut, 0).failed)
      return 1;
  return 0;
}

static size_t n_starved; /* plays in which an allocation failed */

static int play_starving(const char *path, const struct conversation *c) {
  for (uint64_t n = 1; n < 10000; n++) {
    struct outcome o = play(path, c, WHOLE, n);
    if (o.failed)
      return 1;
    if (!o.starved)
      return 0;
    n_starved++;
  }
  fprintf(stderr, "%s: \"%s\" allocates without end\n", path, c->title);
  return 1;
}

int script_play(const char *path) {
  return each_conversation(path, play_cut);
}

int script_play_without_memory(const char *path) {
  n_starved = 0;
  int failures = each_conversation(path, play_starving);
  return n_starved == 0 ? 1 : failures; /* nothing failed, nothing proven */
}
