/* For systems where libuv's own writes raise no SIGPIPE (it sets SO_NOSIGPIPE
 * where that exists; Windows has no signal). */
#include "base/alloc.h"
#include "net/writer.h"
#include <limits.h>

struct wait {
  uv_write_t req;
  struct um_writer *owner; /* NULL: nobody asks any more */
  size_t len;
};

/* The request cannot be taken back. It ends before its handle does, so the
 * bytes, which go with the stream, last long enough. */
void um_writer_stop(struct um_writer *w) {
  struct wait *wait = w->wait;
  if (wait == NULL)
    return;
  w->wait = NULL;
  wait->owner = NULL;
}

static uv_buf_t as_uv(const struct um_buf *b) {
  size_t len = b->len < INT_MAX ? b->len : INT_MAX;
  return uv_buf_init((char *)um_buf_head(b), (unsigned)len);
}

int um_writer_send(struct um_writer *w, struct um_buf *b, size_t *ret_n) {
  uv_buf_t buf = as_uv(b);
  int n = uv_try_write(w->io, &buf, 1);
  if (n < 0 && n != UV_EAGAIN && n != UV_ENOSYS)
    return n;
  *ret_n = n < 0 ? 0 : (size_t)n;
  um_buf_consume(b, *ret_n);
  return 0;
}

static void on_write(uv_write_t *req, int status) {
  struct wait *wait = (struct wait *)req;
  struct um_writer *w = wait->owner;
  size_t n = status < 0 ? 0 : wait->len;
  um_free(wait);
  if (w == NULL)
    return;
  w->wait = NULL;
  um_buf_consume(&w->rest, n);
  if (status == 0 && w->rest.len > 0)
    status = um_writer_wait(w);
  um_buf_release(&w->rest);
  w->cb(w->arg, n, status);
}

int um_writer_wait(struct um_writer *w) {
  struct wait *wait = um_calloc(1, sizeof *wait);
  uv_buf_t buf = as_uv(&w->rest);
  int r;
  if (wait == NULL)
    return UV_ENOMEM;
  wait->owner = w;
  wait->len = buf.len;
  r = uv_write(&wait->req, w->io, &buf, 1, on_write);
  if (r) {
    um_free(wait);
    return r;
  }
  w->wait = wait;
  return 0;
}

static void on_shutdown(uv_shutdown_t *req, int status) {
  (void)status;
  um_free(req);
}

void um_writer_finish(struct um_writer *w) {
  uv_shutdown_t *req = um_malloc(sizeof *req);
  if (req != NULL && uv_shutdown(req, w->io, on_shutdown))
    um_free(req);
}
