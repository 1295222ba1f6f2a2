/* net/writer.h: bytes into a connected uv stream, what the kernel does not take
 * at once included. writer.c is the same everywhere; how to send and how to
 * wait is in writer_linux.c or writer_uv.c, whichever the system has. */
#ifndef UM_NET_WRITER_H
#define UM_NET_WRITER_H

#include "base/buf.h"
#include "net/handles.h"

/* The kernel took n more bytes of the rest; or status is negative, what is left
 * is lost and nothing further comes. From the loop only. */
typedef void um_writer_cb(void *arg, size_t n, int status);

struct um_writer {
  struct um_handles *handles;
  uv_stream_t *io;
  struct um_buf rest; /* not yet taken */
  void *wait;         /* what waits for the socket; NULL when nothing does */
  um_writer_cb *cb;
  void *arg;
};

void um_writer_init(struct um_writer *w, struct um_handles *handles,
                    uv_stream_t *io, um_writer_cb *cb, void *arg);

/* Leaves *bytes empty, also when it fails. Only
 * when not busy. 0, or an error after which nothing may be written. */
int um_writer_write(struct um_writer *w, struct um_buf *bytes,
                    size_t *ret_taken);

static inline bool um_writer_busy(const struct um_writer *w) {
  return w->wait != NULL;
}

/* After its stream's handles are gone. */
void um_writer_done(struct um_writer *w);

/* The system's part. */

/* Drops from the front what the kernel takes now, perhaps nothing. */
int um_writer_send(struct um_writer *w, struct um_buf *bytes, size_t *ret_n);
/* Begins to wait until all of the rest is taken. */
int um_writer_wait(struct um_writer *w);
/* Half-closes: the peer sees the end. Errors will be met when reading. */
void um_writer_finish(struct um_writer *w);
/* No callback from here on; more than once is fine. */
void um_writer_stop(struct um_writer *w);

#endif
