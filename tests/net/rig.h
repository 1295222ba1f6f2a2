/* net/rig.h: a loop, one TCP stream with everything it said, and a peer made
 * of plain sockets that is driven from the same thread. */
#ifndef NET_RIG_H
#define NET_RIG_H

#include "net/grudge.h"
#include "net/moment.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/tcp.h"
#include "net/tls.h"
#include <stdbool.h>

struct rig {
  uv_loop_t loop;
  struct um_turns turns;
  struct um_stream *s; /* NULL once closed */
  /* What streams of a loop share; rig_done lets go of it. */
  struct um_handles shared;
  struct um_resolver resolver;
  struct um_grudges grudges;
  bool shared_closing, shared_closed;
  struct um_socket_options socket;
  enum um_transport transport; /* TCP */
  const struct um_proxy *proxy;
  const struct um_ws_options *ws;
  uvmqtt_tls_t *tls;
  uint32_t address_timeout, attempt_delay, resolve_timeout; /* 60 s each */
  uint8_t read_buffer[65536], scratch[UM_TLS_SCRATCH];
  unsigned count[MOMENTS];
  void (*on[MOMENTS])(struct rig *r); /* what the test does in there */
  bool in_call;                       /* a call up would be wrong now */
  bool closing;
  int status;        /* what ended said */
  struct um_buf got; /* all bytes received */
  size_t taken;      /* all bytes the kernel took */
  int listener, peer;
  uint16_t port;
  unsigned fds; /* open at birth */
};

void rig_init(struct rig *r);
/* Closes what is open, runs the loop dry: uv_loop_close() must be 0, and no
 * descriptor may be left. */
void rig_done(struct rig *r);

void rig_listen(struct rig *r, const char *ip, uint16_t port);
int rig_listen_extra(const char *ip, uint16_t port);
/* A path, or "@name"; the way of this rig from now on. */
void rig_listen_unix(struct rig *r, const char *path);
void rig_accept(struct rig *r);
void rig_reset_peer(struct rig *r); /* RST */
size_t rig_drain(struct rig *r, uint8_t *to, size_t size);
/* Fills a listener's backlog: further SYNs get no answer. */
void rig_clog(int listener, int *fds, size_t n);

/* Calls down, with in_call set. */
void rig_open(struct rig *r, const char *host, bool unref);
void rig_open_list(struct rig *r, const char *const *hosts, size_t n);
int rig_try(struct rig *r, const struct um_server *servers, size_t n);
void rig_connect(struct rig *r);
void rig_read(struct rig *r, bool on);
int rig_write(struct rig *r, const void *data, size_t len);
void rig_close(struct rig *r);
void rig_expire(struct rig *r); /* waits for the deadline, then ticks */

/* Turns the loop until count[m] is at least n; fails after 10 s. */
void rig_wait(struct rig *r, enum moment m, unsigned n);
void rig_turn(struct rig *r, unsigned times);
/* All of it, listening on 127.0.0.1: connected, accepted, reading. */
void rig_up(struct rig *r);

/* As hosts do that do not care. */
void rig_walk(struct rig *r);

unsigned rig_open_fds(void);

/* Nobody asks the resolver any more; the loop is to be run. */
void rig_leave(struct rig *r);

#endif
