/* net/tower.h: layers over a memory stream, and an owner on top that writes
 * down all it hears. The guards of stream.h hold in every test. */
#ifndef NET_TOWER_H
#define NET_TOWER_H

#include "net/fault.h"
#include "net/route.h"
#include "net/ws.h"
#include "support/memstream.h"

enum heard { PROGRESS, CONNECTED, BYTES, WRITTEN, ENDED, CLOSED, HEARDS };

struct tower {
  uv_loop_t loop;
  struct um_turns turns;
  struct memstream *m; /* the lowest; NULL once gone */
  struct um_stream *s; /* the highest; NULL once gone */
  struct um_route route;
  struct um_server server;
  struct um_ws_options ws;
  struct um_proxy proxy;
  unsigned count[HEARDS];
  void (*on[HEARDS])(struct tower *t); /* what the test does in there */
  bool in_call;                        /* a call up would be wrong now */
  bool closing;
  int status;            /* what ended said */
  struct um_fault fault; /* and what is known; alert is 0 when nothing */
  struct um_buf got;     /* all bytes handed up */
  size_t taken;          /* all of the owner's bytes that went */
};

/* For "broker.example:1883", "/mqtt", proxy "proxy.example"; to be changed
 * before tower_open. */
void tower_init(struct tower *t);
/* Layers above the memory stream, the lowest first. What um_layer says. */
int tower_open(struct tower *t, um_layer *const *layers, size_t n);
/* The same, with connect, and below connected. */
void tower_up(struct tower *t, um_layer *const *layers, size_t n);
/* Closes what is open, runs the loop dry: uv_loop_close() must be 0. */
void tower_done(struct tower *t);

/* The n-th allocation of the layers from now on fails; those of the tower and
 * the memory stream do not count. */
void tower_fail_at(uint64_t n);
bool tower_failed(void); /* it did */

void tower_connect(struct tower *t);
void tower_connected(struct tower *t); /* below is */
void tower_read(struct tower *t, bool on);
int tower_write(struct tower *t, const void *data, size_t len);
void tower_finish(struct tower *t);
void tower_close(struct tower *t);
void tower_turn(struct tower *t);
void tower_walk(struct tower *t); /* as hosts do that do not care */

/* What the peer says and hears. */
void tower_feed(struct tower *t, const void *data, size_t len);
void tower_feed_text(struct tower *t, const char *text);
void tower_hears(struct tower *t, const void *data, size_t len);
/* Handed up since the last such check. */
void tower_got(struct tower *t, const void *data, size_t len);
void tower_got_text(struct tower *t, const char *text);

#endif
