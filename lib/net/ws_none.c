/* Built without WebSocket. */
#include "net/ws.h"

const bool um_ws_available = false;

int um_ws_new(const struct um_route *route, const struct um_chain *below,
              const struct um_stream_up *up, void *up_arg,
              struct um_stream **ret) {
  (void)route, (void)below, (void)up, (void)up_arg, (void)ret;
  return UVMQTT_ENOTSUP;
}

int um_ws_answer(struct um_stream *s, const uvmqtt_header_t *headers, size_t n,
                 int status) {
  (void)s, (void)headers, (void)n, (void)status;
  return UV_EALREADY;
}
