/* net/ws_frames.h: bytes to WebSocket frames and back (RFC 6455, section 5),
 * as a client, by wslay. Knows no stream. */
#ifndef UM_NET_WS_FRAMES_H
#define UM_NET_WS_FRAMES_H

#include "base/buf.h"
#include <wslay/wslay.h>

#define UM_WS_CONTROL_MAX 125u

enum um_ws_code { /* 7.4.1 */
                  UM_WS_NORMAL = 1000,
                  UM_WS_PROTOCOL = 1002,
                  UM_WS_UNSUPPORTED = 1003,
                  UM_WS_NO_CODE =
                      1005, /* stands for a Close without one, never sent */
                  UM_WS_POLICY = 1008,
                  UM_WS_TOO_BIG = 1009,
};

struct um_ws_frames {
  wslay_frame_context_ptr wslay;
  struct um_buf *out; /* where frames to be sent are appended */
  bool silent;        /* a Close was put there: the last frame */
  int error;          /* of the latest send */
  uint8_t mask[64];   /* random bytes for the next keys ... */
  size_t masks;       /* ... and how many are left */

  /* receiving */
  const uint8_t *at; /* what wslay has not seen yet ... */
  size_t len;
  size_t allowed;                /* ... and may see in this call ... */
  bool skim;                     /* ... without being given it */
  struct wslay_frame_iocb frame; /* the one under way */
  uint64_t left;                 /* of its payload */
  bool fragmented;               /* a message is */
  bool fed;                      /* the last frame of data had some */
  uint8_t control[UM_WS_CONTROL_MAX];
  size_t control_len;
  unsigned idle;       /* frames that brought nothing, in this second: */
  uint64_t idle_since; /* when it began, ms */

  /* what um_ws_frames_take found */
  uint8_t *payload; /* in the memory it was given, in one piece */
  size_t payload_len;
  unsigned closed;  /* the code of a Close that came; 0: none came */
  const char *text; /* the reason in it, valid until the next call */
  const char *why;  /* with a violation: in plain words */
};

int um_ws_frames_init(struct um_ws_frames *w, struct um_buf *out);
void um_ws_frames_done(struct um_ws_frames *w);

/* Takes all of the bytes, answers pings into `out`. The payload of all data
 * frames in them is w->payload; headers between are overwritten. Then 0; or
 * the code for the Close that the server deserves, and nothing may be taken any
 * more; or a negative code. After a Close (w->closed) the rest is ignored. now
 * is in ms. */
int um_ws_frames_take(struct um_ws_frames *w, uint64_t now, uint8_t *data,
                      size_t len);

/* Appends a masked frame to `out`; nothing after a Close. 0 or a negative code.
 */
int um_ws_frames_put(struct um_ws_frames *w, uint8_t opcode, const void *data,
                     size_t len);
int um_ws_frames_put_close(struct um_ws_frames *w, unsigned code);

#endif
