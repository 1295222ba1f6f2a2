/* support/memstream.h: a stream without a socket. The test plays the network:
 * nothing happens but by its calls, and those come from outside any call of
 * the owner. Only `closed` comes by itself, from the loop. */
#ifndef SUPPORT_MEMSTREAM_H
#define SUPPORT_MEMSTREAM_H

#include "net/handles.h"
#include "net/stream.h"

struct memstream {
  struct um_stream stream; /* give its address to the owner */
  struct um_handles handles;
  struct memstream **slot;
  /* what the owner has asked for */
  bool connecting, reading, finished, closing, ref;
  unsigned ticks;
  /* what the test has decided */
  bool connected, ended;
  size_t room;        /* bytes writes may still take; SIZE_MAX at birth */
  size_t cut;         /* most bytes in one call of up->bytes; 0 is all */
  int write_error;    /* if set, what the next write returns */
  struct um_buf out;  /* taken: the test reads and consumes it */
  struct um_buf rest; /* written, not yet taken */
  struct um_buf in;   /* fed, not yet delivered */
};

/* Called with true before and with false after the stream itself allocates, for
 * tests that make allocations of the owner fail. May be NULL. */
extern void (*memstream_guard)(bool on);

/* *slot is the new stream, and NULL again when it was freed. */
void memstream_new(struct um_turns *turns, const struct um_stream_up *up,
                   void *up_arg, bool ref, struct memstream **slot);

void memstream_connected(struct memstream *m);
void memstream_end(struct memstream *m, int status);
/* Delivered now if the owner reads, else when it does, from the loop. */
void memstream_feed(struct memstream *m, const void *data, size_t len);
/* Room for n more bytes; takes from what waits. */
void memstream_take(struct memstream *m, size_t n);

#endif
