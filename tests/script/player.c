#include "script/player.h"

#include "base/alloc.h"
#include "script/codes.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_lines(const char *what, const struct lines *l) {
  fprintf(stderr, "  %s:%s\n", what, l->n == 0 ? " nothing" : "");
  for (size_t i = 0; i < l->n; i++)
    fprintf(stderr, "    %s\n", l->text[i]);
}

void player_fail(struct player *p, const char *format, ...) {
  if (p->failed)
    return;
  p->failed = true;
  char cut[40] = "";
  if (p->cut == EACH_BYTE)
    snprintf(cut, sizeof cut, " (byte by byte)");
  else if (p->cut != WHOLE)
    snprintf(cut, sizeof cut, " (input cut at %zu)", p->cut);
  if (p->starving)
    snprintf(cut, sizeof cut, " (without memory)");
  fprintf(stderr, "%s:%d: \"%s\"%s: ", p->path, p->step_line, p->title, cut);
  va_list ap;
  va_start(ap, format);
  vfprintf(stderr, format, ap);
  va_end(ap);
  fprintf(stderr, "\n");
  if (p->starving)
    return;
  print_lines("expected", &p->expected);
  print_lines("observed", &p->observed);
}

void player_compare(struct player *p) {
  if (!p->starving && !p->failed) {
    if (!lines_same(&p->expected, &p->observed, p->cut != WHOLE))
      player_fail(p, "something else happened");
    else if (p->result != 0 && !p->result_named)
      player_fail(p, "failed with %s (ending %d)", code_name(p->result),
                  p->s.ending.code);
  }
  lines_clear(&p->expected);
  lines_clear(&p->observed);
}

void player_observe(struct player *p, const char *text) {
  if (p->starving)
    return;
  if (p->trace)
    fprintf(stderr, "      %s\n", text);
  lines_add(&p->observed, text, p->step_line);
}

/* ---- around each call into the session ---- */

void player_enter(struct player *p) {
  if (p->inside++ == 0 && p->starving)
    um_alloc_fail_at(p->fail_in, false);
}

void player_leave(struct player *p) {
  if (--p->inside != 0 || !p->starving)
    return;
  uint64_t used = um_alloc_calls();
  um_alloc_fail_at(0, false);
  p->fail_in = used >= p->fail_in ? 0 : p->fail_in - used;
}

/* Where a line in hex is expected the bytes are compared: when they are those
 * of such a line, text becomes that line. */
static void as_hex(struct player *p, const uint8_t *data, size_t len,
                   char text[TEXT_MAX]) {
  for (size_t i = 0; i < p->expected.n; i++) {
    const char *want = p->expected.text[i];
    size_t want_len = 0;
    if (!text_starts(want, "-> ") || !packet_text_is_hex(want + 3))
      continue;
    uint8_t *bytes = packet_text_bytes(want + 3, p->s.version, &want_len);
    bool same =
        bytes != NULL && want_len == len && memcmp(bytes, data, len) == 0;
    free(bytes);
    if (same) {
      snprintf(text, TEXT_MAX, "%s", want);
      return;
    }
  }
}

void player_tell_sent(struct player *p) {
  struct um_buf *out = &p->s.out;
  while (!p->starving && p->seen < out->len) {
    const uint8_t *at = um_buf_head(out) + p->seen;
    char text[TEXT_MAX];
    size_t body, len = packet_text_length(at, out->len - p->seen, &body);
    if (len == 0) {
      player_fail(p, "half a packet in out");
      return;
    }
    uint8_t *copy = malloc(len);
    memcpy(copy, at, len);
    packet_text_of(copy, len, p->s.version, text);
    as_hex(p, at, len, text);
    free(copy);
    p->seen += len;
    player_observe(p, text);
  }
}

void player_kernel_takes(struct player *p, size_t n) {
  um_buf_consume(&p->s.out, n);
  p->seen = p->seen > n ? p->seen - n : 0;
  player_enter(p);
  um_session_written(&p->s, n);
  player_leave(p);
}

void player_pump(struct player *p) {
  for (int turn = 0; turn < 100000; turn++) {
    size_t n = p->s.out.len;
    player_enter(p);
    um_session_settle(&p->s);
    int r = um_session_drain(&p->s, p->now);
    um_session_settle(&p->s);
    player_leave(p);
    p->result = p->result == 0 ? r : p->result;
    player_tell_sent(p);
    if (!p->kernel_stopped && p->s.out.len != 0)
      player_kernel_takes(p, p->s.out.len);
    else if (n == p->s.out.len && (p->s.halted || !um_session_unsettled(&p->s)))
      return;
  }
  player_fail(p, "never comes to rest");
}

void player_begin(struct player *p) {
  if (p->begun)
    return;
  p->begun = true;
  player_enter(p);
  um_session_init(&p->s, &p->config, &p->who, &p->events, p, &p->commons);
  player_leave(p);
}

void player_down(struct player *p, int code) {
  um_buf_consume(&p->s.out, p->s.out.len);
  p->seen = 0;
  p->ended = true;
  player_enter(p);
  um_session_down(&p->s, p->now, code);
  player_leave(p);
}

/* ---- input ---- */

static void feed_piece(struct player *p, const uint8_t *data, size_t len) {
  if (p->result != 0 || p->ended || len == 0)
    return;                     /* after an error the connection is closed */
  uint8_t *chunk = malloc(len); /* so that reading past it is seen */
  memcpy(chunk, data, len);
  player_enter(p);
  p->result = um_session_feed(&p->s, p->now, chunk, len);
  player_leave(p);
  memset(chunk, 0xEE, len); /* nothing may point there any more */
  free(chunk);
  player_tell_sent(p);
  if (p->result != 0 && p->starving)
    p->ended = true;
  player_pump(p);
}

void player_feed(struct player *p, const uint8_t *data, size_t len) {
  size_t from = p->fed, to = p->fed + len;
  p->fed = to;
  if (p->cut == EACH_BYTE) {
    for (size_t i = 0; i < len; i++)
      feed_piece(p, data + i, 1);
  } else if (p->cut > from && p->cut < to) {
    feed_piece(p, data, p->cut - from);
    feed_piece(p, data + (p->cut - from), to - p->cut);
  } else {
    feed_piece(p, data, len);
  }
}

struct chunk player_chunk(struct player *p, const char *line) {
  struct chunk c = {NULL, 0};
  c.data = packet_text_bytes(line, p->s.version, &c.len);
  if (c.data == NULL) {
    player_fail(p, "not a packet: %s", line);
    return (struct chunk){NULL, 0};
  }
  return c;
}
