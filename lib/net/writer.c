#include "net/writer.h"
#include <assert.h>

void um_writer_init(struct um_writer *w, struct um_handles *handles,
                    uv_stream_t *io, um_writer_cb *cb, void *arg) {
  *w = (struct um_writer){handles, .io = io, .cb = cb, .arg = arg};
  um_buf_init(&w->rest, SIZE_MAX, NULL);
}

void um_writer_done(struct um_writer *w) {
  um_buf_done(&w->rest);
}

static int send_or_keep(struct um_writer *w, struct um_buf *bytes,
                        size_t *ret_n) {
  int r = um_writer_send(w, bytes, ret_n);
  if (r || bytes->len == 0)
    return r;
  w->rest.pool = bytes->pool; /* where its memory goes when it is empty */
  um_buf_swap(&w->rest, bytes);
  return um_writer_wait(w);
}

int um_writer_write(struct um_writer *w, struct um_buf *bytes,
                    size_t *ret_taken) {
  size_t n = 0;
  int r = 0;
  assert(!um_writer_busy(w));
  if (!um_handle_open(w->io))
    r = UV_ECANCELED; /* the host has closed it */
  else if (bytes->len > 0)
    r = send_or_keep(w, bytes, &n);
  um_buf_consume(bytes, bytes->len);
  if (r == 0)
    *ret_taken = n;
  return r;
}
