#include "support/memstream.h"
#include "base/alloc.h"
#include <assert.h>
#include <uvmqtt/message.h>

static struct memstream *of(struct um_stream *s) {
  return (struct memstream *)s;
}

static bool live(const struct memstream *m) {
  return m->connected && !m->ended && !m->closing;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

void (*memstream_guard)(bool on);

static void guard(bool on) {
  if (memstream_guard != NULL)
    memstream_guard(on);
}

static void append(struct um_buf *b, const void *data, size_t len) {
  guard(true);
  b->secret = true; /* ours; support/wiped.h looks at it, too */
  int r = um_buf_append(b, data, len);
  guard(false);
  assert(r == 0);
  (void)r;
}

static void move(struct memstream *m, struct um_buf *from, size_t n) {
  append(&m->out, um_buf_head(from), n);
  um_buf_consume(from, n);
  if (m->room != SIZE_MAX)
    m->room -= n;
}

static void mem_connect(struct um_stream *s) {
  assert(!of(s)->connecting);
  of(s)->connecting = true;
  s->phase = UVMQTT_PHASE_CONNECT;
}

static int mem_write(struct um_stream *s, struct um_buf *bytes,
                     size_t *ret_taken) {
  struct memstream *m = of(s);
  size_t n = least(bytes->len, m->room);
  assert(m->connected && !m->closing && !s->busy);
  if (m->write_error != 0) {
    m->ended = true;
    um_buf_consume(bytes, bytes->len);
    return m->write_error;
  }
  if (n > 0)
    move(m, bytes, n);
  um_buf_swap(&m->rest, bytes);
  s->busy = m->rest.len > 0;
  *ret_taken = n;
  return 0;
}

/* A block of its own for each call: reading beyond it, or later, shows. */
static void deliver_some(struct memstream *m, size_t n) {
  guard(true);
  uint8_t *copy = um_memdup(um_buf_head(&m->in), n);
  guard(false);
  assert(copy != NULL);
  um_buf_consume(&m->in, n);
  m->stream.up->bytes(m->stream.up_arg, copy, n);
  um_free(copy);
}

static void deliver(void *arg) {
  struct memstream *m = arg;
  while (live(m) && m->reading && m->in.len > 0)
    deliver_some(m, m->cut == 0 ? m->in.len : least(m->cut, m->in.len));
}

static void mem_read(struct um_stream *s, bool on) {
  struct memstream *m = of(s);
  m->reading = on;
  if (on && live(m) && m->in.len > 0)
    um_handles_turn(&m->handles, deliver);
}

static void on_closed(void *arg) {
  struct memstream *m = arg;
  m->stream.up->closed(m->stream.up_arg);
  *m->slot = NULL;
  um_buf_done(&m->in);
  um_buf_done(&m->out);
  um_buf_done(&m->rest);
  um_free(m);
}

static void mem_finish(struct um_stream *s) {
  of(s)->finished = true;
}

static void mem_close(struct um_stream *s) {
  struct memstream *m = of(s);
  assert(!m->closing);
  m->closing = true;
  um_handles_close(&m->handles, on_closed);
}

static void mem_tick(struct um_stream *s) {
  ++of(s)->ticks;
}

static void mem_ref(struct um_stream *s, bool on) {
  of(s)->ref = on;
  um_handles_ref(&of(s)->handles, on);
}

static bool mem_owns(const struct um_stream *s, const uv_handle_t *h) {
  return um_handles_own(&((const struct memstream *)s)->handles, h);
}

static const struct um_stream_ops mem_ops = {
    .connect = mem_connect,
    .write = mem_write,
    .read = mem_read,
    .finish = mem_finish,
    .close = mem_close,
    .tick = mem_tick,
    .ref = mem_ref,
    .owns = mem_owns,
};

void memstream_new(struct um_turns *turns, const struct um_stream_up *up,
                   void *up_arg, bool ref, struct memstream **slot) {
  guard(true);
  struct memstream *m = um_calloc(1, sizeof *m);
  guard(false);
  assert(m != NULL);
  um_handles_init(&m->handles, turns, !ref, m);
  m->stream = (struct um_stream){
      .ops = &mem_ops, .up = up, .up_arg = up_arg, .deadline = UINT64_MAX};
  m->ref = ref;
  m->room = SIZE_MAX;
  um_buf_init(&m->in, SIZE_MAX, NULL);
  um_buf_init(&m->out, SIZE_MAX, NULL);
  um_buf_init(&m->rest, SIZE_MAX, NULL);
  m->slot = slot;
  *slot = m;
}

void memstream_connected(struct memstream *m) {
  assert(m->connecting && !m->connected && !m->closing);
  m->connected = true;
  m->stream.up->connected(m->stream.up_arg);
}

void memstream_end(struct memstream *m, int status) {
  assert(m->connecting && !m->closing);
  if (m->ended)
    return;
  m->ended = true;
  m->stream.up->ended(m->stream.up_arg, status);
}

void memstream_feed(struct memstream *m, const void *data, size_t len) {
  append(&m->in, data, len);
  deliver(m);
}

void memstream_take(struct memstream *m, size_t n) {
  size_t taken;
  m->room = n > SIZE_MAX - m->room ? SIZE_MAX : m->room + n;
  taken = least(m->rest.len, m->room);
  if (taken == 0 || !live(m))
    return;
  move(m, &m->rest, taken);
  m->stream.busy = m->rest.len > 0;
  m->stream.up->written(m->stream.up_arg, taken);
}
