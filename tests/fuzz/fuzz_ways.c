/* Input: a byte that says what it is (even: the head of an HTTP response, odd:
 * WebSocket frames of a server), where to cut, then what comes. The same must
 * come of it whole, cut there and byte by byte. */
#include "net/http.h"
#include "net/ws_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
  int result, status;
  size_t used, answered;
  struct um_buf got;
};

static void check(bool good, const char *what) {
  if (good)
    return;
  fprintf(stderr, "%s\n", what);
  abort();
}

/* Gives the parts of the input to a copy's reader. */
typedef int (*reader)(void *arg, struct outcome *o, uint8_t *data, size_t len);

static void play(const uint8_t *data, size_t size, size_t cut, reader read,
                 void *arg, struct outcome *o) {
  for (size_t at = 0; at < size && o->result == 0;) {
    size_t n = cut == 0 || cut > size - at ? size - at : cut;
    uint8_t *part = malloc(n);
    memcpy(part, data + at, n);
    o->result = read(arg, o, part, n);
    free(part);
    at += n;
  }
}

static int read_head(void *arg, struct outcome *o, uint8_t *data, size_t len) {
  struct um_http *h = arg;
  size_t used = 0;
  int r = um_http_feed(h, data, len, &used);
  check(used <= len, "more than there was");
  o->used += used;
  return r;
}

static void ask(const struct um_http *h, struct outcome *o) {
  static const char *const names[] = {"Upgrade", "Connection", "A"};
  o->status = h->status;
  for (size_t i = 0; i < 3; i++) {
    unsigned n;
    const char *value = um_http_value(h, names[i], &n);
    check((value == NULL) == (n == 0), "a value that is not there");
    um_http_has_token(h, names[i], "websocket");
    if (value != NULL)
      um_buf_append(&o->got, value, strlen(value));
  }
}

static struct outcome head(const uint8_t *data, size_t size, size_t cut) {
  struct outcome o = {0};
  struct um_http h;
  um_buf_init(&o.got, SIZE_MAX, NULL);
  um_http_init(&h);
  play(data, size, cut, read_head, &h, &o);
  if (o.result == 1)
    ask(&h, &o);
  um_http_done(&h);
  return o;
}

static int read_frames(void *arg, struct outcome *o, uint8_t *data,
                       size_t len) {
  struct um_ws_frames *w = arg;
  int r = um_ws_frames_take(w, 1, data, len);
  check(w->payload_len <= len, "more than there was");
  um_buf_append(&o->got, w->payload, w->payload_len);
  return r == 0 ? (int)w->closed : -r;
}

static struct outcome frames(const uint8_t *data, size_t size, size_t cut) {
  struct outcome o = {0};
  struct um_buf out;
  struct um_ws_frames w;
  um_buf_init(&o.got, SIZE_MAX, NULL);
  um_buf_init(&out, SIZE_MAX, NULL);
  check(um_ws_frames_init(&w, &out) == 0, "no memory");
  play(data, size, cut, read_frames, &w, &o);
  o.answered = out.len;
  um_ws_frames_done(&w);
  um_buf_done(&out);
  return o;
}

static bool same(const struct outcome *a, const struct outcome *b) {
  return a->result == b->result && a->status == b->status &&
         a->used == b->used && a->answered == b->answered &&
         a->got.len == b->got.len &&
         (a->got.len == 0 || memcmp(a->got.data, b->got.data, a->got.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3 || size > 4096)
    return -1;
  struct outcome (*run)(const uint8_t *, size_t, size_t) =
      data[0] & 1 ? frames : head;
  struct outcome whole = run(data + 2, size - 2, 0);
  for (int i = 0; i < 2; i++) {
    struct outcome other = run(data + 2, size - 2, i == 0 ? data[1] : 1);
    check(same(&whole, &other), "the cut made a difference");
    um_buf_done(&other.got);
  }
  um_buf_done(&whole.got);
  return 0;
}
