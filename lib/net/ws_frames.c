#include "net/ws_frames.h"

#include "base/utf8.h"
#include "net/crypto.h"
#include <string.h>
#include <uv.h>

#define FRAME_MAX (1ull << 30) /* payload of one; it is streamed through */
#define IDLE_MAX 200u          /* frames a second that bring nothing */
#define SECOND 1000u
#define KEY 4u
#define HEADER_MAX 14u

/* What wslay asks of us. */

static ssize_t on_send(const uint8_t *data, size_t len, int flags, void *arg) {
  struct um_ws_frames *w = arg;
  (void)flags;
  w->error = um_buf_append(w->out, data, len);
  return w->error ? -1 : (ssize_t)len;
}

/* wslay copies what it reads into memory of its own. A header may go there,
 * byte by byte so that no payload follows it; of the payload it only counts the
 * bytes, as it would change them only if they were masked. */
static ssize_t on_recv(uint8_t *to, size_t size, int flags, void *arg) {
  struct um_ws_frames *w = arg;
  size_t n = w->allowed < size ? w->allowed : size;
  (void)flags;
  if (!w->skim && n > 0)
    memcpy(to, w->at, n);
  w->at += n;
  w->len -= n;
  w->allowed -= n;
  return n == 0 ? -1 : (ssize_t)n;
}

static int refill(struct um_ws_frames *w) {
  w->error = um_random(w->mask, sizeof w->mask);
  w->masks = w->error ? 0 : sizeof w->mask;
  return w->error;
}

/* Each byte of the generator is used once. */
static int on_mask(uint8_t *ret, size_t len, void *arg) {
  struct um_ws_frames *w = arg;
  if (w->masks < len && refill(w))
    return -1;
  w->masks -= len;
  memcpy(ret, w->mask + w->masks, len);
  return 0;
}

static const struct wslay_frame_callbacks callbacks = {
    .send_callback = on_send,
    .recv_callback = on_recv,
    .genmask_callback = on_mask,
};

int um_ws_frames_init(struct um_ws_frames *w, struct um_buf *out) {
  memset(w, 0, sizeof *w);
  w->out = out;
  return wslay_frame_context_init(&w->wslay, &callbacks, w) == 0 ? 0
                                                                 : UV_ENOMEM;
}

void um_ws_frames_done(struct um_ws_frames *w) {
  if (w->wslay != NULL)
    wslay_frame_context_free(w->wslay);
  w->wslay = NULL;
}

/* Sending. */

int um_ws_frames_put(struct um_ws_frames *w, uint8_t opcode, const void *data,
                     size_t len) {
  struct wslay_frame_iocb frame = {.fin = 1,
                                   .opcode = opcode,
                                   .payload_length = len,
                                   .mask = 1,
                                   .data = data,
                                   .data_length = len};
  if (w->silent)
    return 0;
  w->error = UV_ENOMEM;
  if (um_buf_reserve(w->out, len + HEADER_MAX) == NULL)
    return UV_ENOMEM; /* before half of a frame is there */
  ssize_t n = wslay_frame_send(w->wslay, &frame);
  return n == (ssize_t)len ? 0 : w->error;
}

int um_ws_frames_put_close(struct um_ws_frames *w, unsigned code) {
  uint8_t body[2] = {(uint8_t)(code >> 8), (uint8_t)code};
  size_t len = code == UM_WS_NO_CODE ? 0 : sizeof body;
  int r = um_ws_frames_put(w, WSLAY_CONNECTION_CLOSE, body, len);
  w->silent = true;
  return r;
}

/* Receiving. */

static int broken(struct um_ws_frames *w, int code, const char *why) {
  w->why = why;
  return code;
}

static bool is_control(const struct um_ws_frames *w) {
  return wslay_is_ctrl_frame(w->frame.opcode);
}

/* Frames that keep us busy and say nothing. */
static int count_idle(struct um_ws_frames *w, uint64_t now) {
  if (now - w->idle_since >= SECOND) {
    w->idle_since = now;
    w->idle = 0;
  }
  if (++w->idle <= IDLE_MAX)
    return 0;
  return broken(w, UM_WS_POLICY, "too many empty or control frames");
}

static int judge_opcode(struct um_ws_frames *w) {
  switch (w->frame.opcode) {
  case WSLAY_CONTINUATION_FRAME:
    if (!w->fragmented)
      return broken(w, UM_WS_PROTOCOL, "a continuation of nothing");
    break;
  case WSLAY_TEXT_FRAME:
    return broken(w, UM_WS_UNSUPPORTED, "a text frame; MQTT is binary");
  case WSLAY_BINARY_FRAME:
    if (w->fragmented)
      return broken(w, UM_WS_PROTOCOL, "a new message inside another");
    break;
  case WSLAY_CONNECTION_CLOSE:
  case WSLAY_PING:
  case WSLAY_PONG:
    return 0;
  default:
    return broken(w, UM_WS_PROTOCOL, "a reserved opcode");
  }
  w->fragmented = !w->frame.fin;
  return 0;
}

/* Servers that stream end a message with an empty frame: one after each that
 * has data is fine. */
static bool is_idle(struct um_ws_frames *w) {
  bool fed = w->fed;
  if (is_control(w))
    return true;
  w->fed = w->frame.payload_length > 0;
  return !w->fed && !fed;
}

static int begin_frame(struct um_ws_frames *w, uint64_t now) {
  const struct wslay_frame_iocb *f = &w->frame;
  if (f->mask)
    return broken(w, UM_WS_PROTOCOL, "a masked frame");
  if (f->rsv != 0)
    return broken(w, UM_WS_PROTOCOL, "reserved bits of a frame are set");
  if (f->payload_length > FRAME_MAX)
    return broken(w, UM_WS_TOO_BIG, "a frame that is too large");
  int r = judge_opcode(w);
  if (r == 0 && is_idle(w))
    r = count_idle(w, now);
  w->left = f->payload_length;
  w->control_len = 0;
  return r;
}

/* What may be said in a Close, 7.4. */
static bool legal_code(unsigned code) {
  if (code >= 3000)
    return code < 5000;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
         code != 1006;
}

static int take_close(struct um_ws_frames *w) {
  const uint8_t *c = w->control;
  if (w->control_len == 1)
    return broken(w, UM_WS_PROTOCOL, "a Close of one byte");
  unsigned code =
      w->control_len == 0 ? UM_WS_NO_CODE : (unsigned)c[0] << 8 | c[1];
  if (w->control_len > 0 && !legal_code(code))
    return broken(w, UM_WS_PROTOCOL, "a Close with a code that none may send");
  size_t len = w->control_len > 2 ? w->control_len - 2 : 0;
  if (!um_utf8_valid((const char *)c + 2, len))
    return broken(w, UM_WS_PROTOCOL, "a Close whose reason is not UTF-8");
  memmove(w->control, c + 2, len);
  w->control[len] = '\0';
  w->text = (const char *)w->control;
  w->closed = code;
  return 0;
}

static int end_frame(struct um_ws_frames *w) {
  if (w->frame.opcode == WSLAY_CONNECTION_CLOSE)
    return take_close(w);
  if (w->frame.opcode == WSLAY_PING)
    return um_ws_frames_put(w, WSLAY_PONG, w->control, w->control_len);
  return 0;
}

/* Data of the frames of one chunk is pushed together, over the headers. */
static void keep(struct um_ws_frames *w, uint8_t *data, size_t len) {
  if (is_control(w)) {
    memcpy(w->control + w->control_len, data, len);
    w->control_len += len;
    return;
  }
  if (w->payload_len == 0)
    w->payload = data;
  else
    memmove(w->payload + w->payload_len, data, len);
  w->payload_len += len;
}

/* wslay moves over n bytes of payload. */
static void skim(struct um_ws_frames *w, size_t n) {
  struct wslay_frame_iocb frame;
  w->allowed = n;
  w->skim = true;
  while (w->allowed > 0 && wslay_frame_recv(w->wslay, &frame) > 0)
    continue;
  w->skim = false;
}

static int take_payload(struct um_ws_frames *w, uint8_t *data) {
  size_t n = w->left < w->len ? (size_t)w->left : w->len;
  skim(w, n);
  w->left -= n;
  keep(w, data, n);
  return w->left == 0 ? end_frame(w) : 0;
}

/* One byte, which may be the last of the header, or the first of the payload
 * by which wslay shows what it read before. */
static int take_header(struct um_ws_frames *w, uint64_t now, uint8_t *data) {
  w->allowed = 1;
  ssize_t n = wslay_frame_recv(w->wslay, &w->frame);
  if (n == WSLAY_ERR_WANT_READ)
    return 0;
  if (n < 0)
    return broken(w, UM_WS_PROTOCOL, "a malformed frame");
  int r = begin_frame(w, now);
  if (r)
    return r;
  keep(w, data, (size_t)n);
  w->left -= (uint64_t)n;
  return w->left == 0 ? end_frame(w) : 0;
}

int um_ws_frames_take(struct um_ws_frames *w, uint64_t now, uint8_t *data,
                      size_t len) {
  int r = 0;
  w->at = data;
  w->len = len;
  w->payload_len = 0;
  while (w->len > 0 && r == 0 && w->closed == 0) {
    uint8_t *here = data + (len - w->len);
    r = w->left > 0 ? take_payload(w, here) : take_header(w, now, here);
  }
  return r;
}
