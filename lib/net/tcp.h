/* net/tcp.h: a stream over TCP. Resolves with uv_getaddrinfo (numeric hosts do
 * not), tries every address in turn. */
#ifndef UM_NET_TCP_H
#define UM_NET_TCP_H

#include "net/stream.h"

struct um_tcp_options {
  const char *host; /* borrowed until connect has returned */
  uint16_t port;
  uint32_t address_timeout; /* ms for each address */
  bool unref;               /* born as after ref(s, false) */
  uv_buf_t read_buffer;     /* shared by all streams of the loop */
};

/* 0 or UV_ENOMEM. Opens no handle before connect. */
int um_tcp_new(uv_loop_t *loop, const struct um_tcp_options *options,
               const struct um_stream_up *up, void *up_arg,
               struct um_stream **ret);

#endif
