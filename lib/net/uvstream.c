#include "net/uvstream.h"
#include "base/alloc.h"
#include <assert.h>

static struct um_uvstream *of(struct um_stream *s) {
  return (struct um_uvstream *)s;
}

void um_uvstream_init(struct um_uvstream *u, struct um_turns *turns,
                      uv_buf_t read_buffer, bool unref) {
  um_handles_init(&u->handles, turns, unref, u);
  u->read_buffer = read_buffer;
  u->stream.deadline = UINT64_MAX;
}

/* Nothing more is heard from the socket. */
static void silence(struct um_uvstream *u) {
  u->stream.deadline = UINT64_MAX;
  if (u->io == NULL)
    return;
  um_writer_stop(&u->writer);
  if (um_handle_open(u->io))
    uv_read_stop(u->io);
}

void um_uvstream_end(struct um_uvstream *u, int status) {
  assert(status < 0);
  if (u->state >= UM_UVSTREAM_ENDED)
    return;
  silence(u);
  u->state = UM_UVSTREAM_ENDED;
  u->stream.up->ended(u->stream.up_arg, status);
}

static void tell_doom(void *arg) {
  struct um_uvstream *u = arg;
  um_uvstream_end(u, u->doom);
}

void um_uvstream_end_later(struct um_uvstream *u, int status) {
  if (u->state >= UM_UVSTREAM_DOOMED)
    return;
  silence(u);
  u->state = UM_UVSTREAM_DOOMED;
  u->doom = status;
  um_handles_turn(&u->handles, tell_doom);
}

static void on_written(void *arg, size_t n, int status) {
  struct um_uvstream *u = arg;
  u->stream.busy = um_writer_busy(&u->writer);
  if (n > 0)
    u->stream.up->written(u->stream.up_arg, n);
  if (status < 0)
    um_uvstream_end(u, status);
}

void um_uvstream_connected(struct um_uvstream *u, uv_stream_t *io) {
  assert(u->state == UM_UVSTREAM_OPENING);
  u->io = io;
  io->data = u;
  um_writer_init(&u->writer, &u->handles, io, on_written, u);
  u->state = UM_UVSTREAM_UP;
  u->stream.deadline = UINT64_MAX;
  u->stream.up->connected(u->stream.up_arg);
}

/* While doomed the owner cannot know; it will hear `ended` before anything
 * else could be said of these bytes. */
static int write_in_vain(struct um_uvstream *u, struct um_buf *bytes,
                         size_t *ret_taken) {
  um_buf_consume(bytes, bytes->len);
  if (u->state == UM_UVSTREAM_ENDED)
    return UV_ENOTCONN;
  u->stream.busy = true;
  *ret_taken = 0;
  return 0;
}

int um_uvstream_write(struct um_stream *s, struct um_buf *bytes,
                      size_t *ret_taken) {
  struct um_uvstream *u = of(s);
  int r;
  assert(u->state != UM_UVSTREAM_OPENING && u->state != UM_UVSTREAM_CLOSING);
  if (u->state != UM_UVSTREAM_UP)
    return write_in_vain(u, bytes, ret_taken);
  r = um_writer_write(&u->writer, bytes, ret_taken);
  s->busy = um_writer_busy(&u->writer);
  if (r == 0)
    return 0;
  silence(u);
  u->state = UM_UVSTREAM_ENDED;
  return r;
}

/* libuv reads up to 32 times in a row while the buffer comes back full: 2 MiB
 * of the smallest packets would keep everybody else on the loop waiting for
 * 0.1 s. No buffer ends the row (UV_ENOBUFS); the next turn reads on. */
#define READS_IN_A_ROW 2u

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *ret) {
  struct um_uvstream *u = h->data;
  (void)size;
  *ret = u->read_buffer;
  if (u->full_reads < READS_IN_A_ROW)
    return;
  u->full_reads = 0;
  *ret = uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *io, ssize_t n, const uv_buf_t *buf) {
  struct um_uvstream *u = io->data;
  struct um_stream *s = &u->stream;
  if (u->state != UM_UVSTREAM_UP || n == UV_ENOBUFS)
    return;
  u->full_reads =
      n == (ssize_t)u->read_buffer.len ? (uint8_t)(u->full_reads + 1) : 0;
  if (n < 0)
    um_uvstream_end(u, (int)n);
  else if (n > 0)
    s->up->bytes(s->up_arg, (uint8_t *)buf->base, (size_t)n);
}

static int start_reading(struct um_uvstream *u) {
  int r;
  if (!um_handle_open(u->io))
    return UV_ECANCELED; /* the host has closed it */
  r = uv_read_start(u->io, on_alloc, on_read);
  return r == UV_EALREADY ? 0 : r;
}

void um_uvstream_read(struct um_stream *s, bool on) {
  struct um_uvstream *u = of(s);
  int r = 0;
  if (u->state != UM_UVSTREAM_UP)
    return;
  if (on)
    r = start_reading(u);
  else if (um_handle_open(u->io))
    uv_read_stop(u->io);
  if (r)
    um_uvstream_end_later(u, r);
}

void um_uvstream_finish(struct um_stream *s) {
  struct um_uvstream *u = of(s);
  if (u->state == UM_UVSTREAM_UP && !s->busy && um_handle_open(u->io))
    um_writer_finish(&u->writer);
}

static void on_handles_closed(void *arg) {
  struct um_uvstream *u = arg;
  u->stream.up->closed(u->stream.up_arg);
  if (u->io != NULL)
    um_writer_done(&u->writer);
  um_free(u);
}

void um_uvstream_close(struct um_stream *s) {
  struct um_uvstream *u = of(s);
  assert(u->state != UM_UVSTREAM_CLOSING);
  silence(u);
  u->state = UM_UVSTREAM_CLOSING;
  um_handles_close(&u->handles, on_handles_closed);
}

void um_uvstream_ref(struct um_stream *s, bool on) {
  um_handles_ref(&of(s)->handles, on);
}

bool um_uvstream_owns(const struct um_stream *s, const uv_handle_t *h) {
  return um_handles_own(&((const struct um_uvstream *)s)->handles, h);
}
