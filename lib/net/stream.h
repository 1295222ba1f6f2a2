/* net/stream.h: how bytes travel, without a word of MQTT.
 *
 * A stream is four calls down and four up. It is made, connected once, closed
 * once; a reconnect takes a new one. TLS, WebSocket and proxies are streams
 * over streams with the same calls, so a scheme is a chain of layers.
 */
#ifndef UM_NET_STREAM_H
#define UM_NET_STREAM_H

#include "base/buf.h"
#include <uv.h>

#define UM_ADDRESS_TEXT 64u /* bytes, with the NUL */

struct um_stream;
struct um_fault;
struct um_security;

/* Down: what the owner may ask for. Nothing here calls up before it returned;
 * a failure that is known at once is reported through up->ended later. */
struct um_stream_ops {
  void (*connect)(struct um_stream *s);
  /* Takes everything in *bytes (leaving it empty): sends what the kernel takes
   * now, keeps the rest. Only when not busy. *ret_taken is what the
   * kernel took now; up->written tells the rest. 0, or an error that has also
   * doomed the stream: up->ended will not repeat it, only close is left. */
  int (*write)(struct um_stream *s, struct um_buf *bytes, size_t *ret_taken);
  void (*read)(struct um_stream *s, bool on); /* on after connected */
  /* Nothing more will be written: the peer sees the end, reading goes on. Only
   * when connected and not busy; more than once is fine. */
  void (*finish)(struct um_stream *s);
  /* Legal at any moment, once. No further call up but `closed`; that one
   * always comes, later. Resolver look-ups still under way are orphaned. */
  void (*close)(struct um_stream *s);
  /* The owner's timer passed ->deadline; too early is fine. What comes of it
   * is told later, after the sockets were looked at. */
  void (*tick)(struct um_stream *s);
  void (*ref)(struct um_stream *s, bool on); /* as uv_ref and uv_unref */
  bool (*owns)(const struct um_stream *s, const uv_handle_t *h);
};

/* Up: what the owner hears. Any of these may lead to close, even inside; after
 * each the stream looks whether it is closing and stops. */
struct um_stream_up {
  void (*progress)(void *up); /* phase, address or deadline changed */
  void (*connected)(void *up);
  /* Bytes in memory that the loop's clients share; the callee may overwrite
   * them and keeps nothing. */
  void (*bytes)(void *up, uint8_t *data, size_t len);
  /* The kernel took n more bytes. 0: only that the stream is not busy any more,
   * which it may become on its own account (a TLS key update, a pong). */
  void (*written)(void *up, size_t n);
  /* Once: UV_EOF, what failed, UV_ECANCELED if the host closed our handle. */
  void (*ended)(void *up, int status);
  void (*closed)(void *up); /* all handles are gone; the stream is
                               freed when this returns */
};

struct um_stream {
  const struct um_stream_ops *ops;
  const struct um_stream_up *up;
  void *up_arg;
  uint64_t deadline; /* uv_now() at which to call tick; UINT64_MAX is none. The
                        owner has the one timer; it may fire late or early */
  const struct um_security *security; /* from connected on, what protects the
                                         bytes; NULL: they are in clear text */
  const struct um_fault *fault; /* when ended, what is known beyond the status;
                                   NULL: nothing. Valid until closed */
  int phase;       /* uvmqtt_phase_t: RESOLVE or CONNECT until connected */
  uint32_t server; /* which of um_route's servers it is, once connected */
  bool busy;       /* bytes of the last write are still held: do not write */
  bool loopback;   /* the connected peer is 127/8, ::1 or a unix socket */
  char address[UM_ADDRESS_TEXT]; /* "127.0.0.1:1883" tried last or in use; ""
                                    before */
};

#endif
