/* net/filter.h: what all streams over streams share. A layer embeds this first
 * and gives four functions; everything else is done here: passing on what is
 * below, keeping bytes that cannot go yet in either direction, counting what
 * was written in the owner's bytes, closing.
 *
 * States: OPENING (below is not connected, or the layer's handshake runs), UP
 * (after um_filter_connected), ENDED, CLOSING. */
#ifndef UM_NET_FILTER_H
#define UM_NET_FILTER_H

#include "net/fault.h"
#include "net/handles.h"
#include "net/route.h"

enum um_filter_state {
  UM_FILTER_OPENING, /* next: UP, ENDED */
  UM_FILTER_UP,      /* next: ENDED */
  UM_FILTER_ENDED,   /* the owner knows; only close is left */
  UM_FILTER_CLOSING, /* from any of them; freed when below is gone */
};

struct um_filter;

struct um_filter_ops {
  /* Below is connected: begin the handshake, if there is one. */
  void (*opened)(struct um_filter *f);
  /* Bytes from below. Gives f->stream.up->bytes what is for the owner while
   * um_filter_reading(f). Returns how many of the bytes it has taken; fewer
   * only when no longer reading. What is left comes again when reading goes
   * on; a call then comes in any case, with len 0 when nothing was left. Memory
   * may be overwritten. */
  size_t (*bytes)(struct um_filter *f, uint8_t *data, size_t len);
  /* Turns the owner's bytes into bytes in f->out; need not consume them. 0, or
   * a negative code that ends the stream. NULL: as they are, without a copy. */
  int (*write)(struct um_filter *f, const struct um_buf *bytes);
  /* Puts the layer's last word into f->out; may be NULL. */
  void (*finish)(struct um_filter *f);
  /* Below ended with this status; returns what the owner shall hear. May be
   * NULL: the same. */
  int (*ended)(struct um_filter *f, int status);
  /* Frees what the layer holds beyond its own struct, just before the owner
   * hears of the close; may be NULL. */
  void (*done)(struct um_filter *f);
};

struct um_filter {
  struct um_stream stream; /* first */
  const struct um_filter_ops *own;
  enum um_filter_state state;
  struct um_stream *below;
  struct um_handles handles; /* for turns only */
  struct um_buf out;         /* for below, not yet handed down */
  struct um_buf in;          /* from below, not yet taken */
  struct um_fault *fault;    /* NULL until um_filter_fault */
  size_t owed;    /* of the owner's bytes, perhaps not yet with the kernel */
  size_t waiting; /* of the bytes handed down, in those of below */
  int phase;      /* of the handshake, once below is connected */
  int doom;       /* an end to be told in a turn; 0: none */
  bool paused;    /* the owner does not want to read */
  bool giving;    /* inside own->bytes */
  bool handles_gone;
  bool finishing; /* finish below when all is written */
};

/* Makes what is below. size is that of the struct that begins with *f, zeroed
 * (um_calloc). On failure the caller frees it. */
int um_filter_init(struct um_filter *f, const struct um_filter_ops *own,
                   int phase, const struct um_route *route,
                   const struct um_chain *below, const struct um_stream_up *up,
                   void *up_arg);

/* For the layer, from `opened` and `bytes`. Each may run the owner's code, so
 * the filter may be CLOSING afterwards: look at um_filter_reading. */

/* The handshake is over. */
void um_filter_connected(struct um_filter *f);
/* Hands f->out down as far as it goes. 0, or an error of below. */
int um_filter_flush(struct um_filter *f);
/* The end: what is in f->out is written if it can be, the owner hears
 * status. */
void um_filter_end(struct um_filter *f, int status);
/* The same from inside an operation of the owner, told in a later turn. */
void um_filter_end_later(struct um_filter *f, int status);

/* For own->bytes of a layer that hands bytes up as they are. */
size_t um_filter_pass(struct um_filter *f, uint8_t *data, size_t len);

/* Zeroed memory to say in what went wrong, before the end is told; the filter
 * frees it. NULL: no memory. */
struct um_fault *um_filter_fault(struct um_filter *f);
/* Says it in words, which may be "", and with a status as in um_fault. */
void um_filter_explain(struct um_filter *f, int status, const char *text,
                       const char *more);

/* May the layer go on with what it has read? */
static inline bool um_filter_reading(const struct um_filter *f) {
  return f->state == UM_FILTER_OPENING ||
         (f->state == UM_FILTER_UP && !f->paused);
}

#endif
