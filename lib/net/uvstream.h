/* net/uvstream.h: the half of a stream that all connected uv streams share:
 * reading, writing, ending, closing. Who embeds it (first) resolves and
 * connects. */
#ifndef UM_NET_UVSTREAM_H
#define UM_NET_UVSTREAM_H

#include "net/handles.h"
#include "net/stream.h"
#include "net/writer.h"

enum um_uvstream_state {
  UM_UVSTREAM_OPENING, /* next: UP, DOOMED, ENDED */
  UM_UVSTREAM_UP,      /* next: DOOMED, ENDED */
  UM_UVSTREAM_DOOMED,  /* the end is known, not yet told. next: ENDED */
  UM_UVSTREAM_ENDED,   /* the owner knows; only close is left */
  UM_UVSTREAM_CLOSING, /* from any of them; freed when the handles are gone */
};

struct um_uvstream {
  struct um_stream stream;
  struct um_handles handles;
  struct um_writer writer;
  uv_stream_t *io; /* NULL before UP */
  uv_buf_t read_buffer;
  enum um_uvstream_state state;
  int doom;           /* what `ended` will say */
  uint8_t full_reads; /* in a row */
};

void um_uvstream_init(struct um_uvstream *u, struct um_turns *turns,
                      uv_buf_t read_buffer, bool unref);

/* The connection stands; io is one of u->handles. Calls up. */
void um_uvstream_connected(struct um_uvstream *u, uv_stream_t *io);
/* From a callback of the loop: calls up. */
void um_uvstream_end(struct um_uvstream *u, int status);
/* From a call of the owner: tells it in a later turn. */
void um_uvstream_end_later(struct um_uvstream *u, int status);

/* Operations of um_stream. close frees the memory that u begins. */
int um_uvstream_write(struct um_stream *s, struct um_buf *bytes,
                      size_t *ret_taken);
void um_uvstream_read(struct um_stream *s, bool on);
void um_uvstream_finish(struct um_stream *s);
void um_uvstream_close(struct um_stream *s);
void um_uvstream_ref(struct um_stream *s, bool on);
bool um_uvstream_owns(const struct um_stream *s, const uv_handle_t *h);

#endif
