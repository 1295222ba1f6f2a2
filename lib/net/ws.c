#include "net/ws.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "net/crypto.h"
#include "net/filter.h"
#include "net/http.h"
#include "net/ws_frames.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <uvmqtt/message.h>

#define REQUEST_MAX 65536u
#define HOST_MAX 300u
#define KEY_BYTES 16u
#define SHA1_BYTES 20u
#define KEY_SIZE UM_BASE64_SIZE(KEY_BYTES)
#define ACCEPT_SIZE UM_BASE64_SIZE(SHA1_BYTES)

const bool um_ws_available = true;

enum step {
  BEGUN,     /* below is not up yet */
  ASKED,     /* the owner makes headers */
  REQUESTED, /* the response is awaited */
  OPEN,
  LEFT, /* our Close is said */
};

struct ws {
  struct um_filter f; /* first */
  enum step step;
  struct um_http response;
  struct um_ws_frames frames;
  int verdict; /* what taking the frames said; not 0: take no more */
  /* until they are sent; each may hold a secret */
  struct um_buf targets; /* for each server a string: the lines with its name */
  struct um_buf request; /* the other lines */
  char accept[ACCEPT_SIZE];
  char subprotocol[32];
  bool lenient, plain_logins;
  bool has_login; /* among the headers */
  void (*ask)(void *arg);
  void *arg;
};

static struct ws *of(struct um_filter *f) {
  return (struct ws *)f;
}

/* The request. */

static int put_header(struct ws *w, const uvmqtt_header_t *header) {
  const char *line[] = {header->name, ": ", header->value, NULL};
  w->has_login = w->has_login || um_http_is_login(header->name);
  return um_http_line(&w->request, line);
}

static int put_headers(struct ws *w, const uvmqtt_header_t *headers, size_t n) {
  int r = 0;
  for (size_t i = 0; i < n && r == 0; i++)
    r = put_header(w, &headers[i]);
  return r;
}

static int put_fixed_headers(struct ws *w, const struct um_ws_options *o) {
  int r = 0;
  for (size_t i = 0; i < o->n_headers && r == 0; i++)
    if (!o->no_logins || !um_http_is_login(o->headers[i].name))
      r = put_header(w, &o->headers[i]);
  return r;
}

static bool is_private(const struct um_stream *below) {
  return below->loopback || below->security != NULL;
}

/* What depends on the server; which one it will be is not known yet. */
static int put_target(struct ws *w, const struct um_server *to,
                      const struct um_ws_options *o) {
  const char *path = o->path == NULL ? to->path : o->path;
  char host[HOST_MAX];
  um_http_authority(to->host, to->port, o->usual_port, host, sizeof host);
  const char *get[] = {"GET ", path, " HTTP/1.1\r\nHost: ", host, NULL};
  int r = um_http_line(&w->targets, get);
  return r ? r : um_buf_append(&w->targets, "", 1);
}

static int put_targets(struct ws *w, const struct um_route *route) {
  int r = 0;
  for (size_t i = 0; i < route->n_servers && r == 0; i++)
    r = put_target(w, &route->servers[i], route->ws);
  return r;
}

static const char *target(const struct ws *w) {
  const char *s = (const char *)um_buf_head(&w->targets);
  for (size_t i = 0; i < w->f.stream.server; i++)
    s += strlen(s) + 1;
  return s;
}

static int put_request(struct ws *w, const struct um_ws_options *o,
                       const char *key) {
  const char *lines[][3] = {
      {"Connection: Upgrade"},
      {"Upgrade: websocket"},
      {"Sec-WebSocket-Version: 13"},
      {"Sec-WebSocket-Key: ", key},
      {"Sec-WebSocket-Protocol: ", o->subprotocol},
  };
  int r = 0;
  for (size_t i = 0; i < sizeof lines / sizeof lines[0] && r == 0; i++)
    r = um_http_line(&w->request, lines[i]);
  return r ? r : put_fixed_headers(w, o);
}

/* 4.2.2, 5.4: what the server must answer to this key */
static int make_accept(const char *key, char *ret) {
  char text[KEY_SIZE + 36];
  uint8_t digest[SHA1_BYTES];
  int n = snprintf(text, sizeof text, "%s%s", key,
                   "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  int r = um_sha1(text, (size_t)n, digest);
  if (r == 0)
    um_base64(digest, sizeof digest, ret);
  return r;
}

static int make_request(struct ws *w, const struct um_route *route) {
  uint8_t random[KEY_BYTES];
  char key[KEY_SIZE];
  int r = um_random(random, sizeof random);
  if (r)
    return r;
  um_base64(random, sizeof random, key);
  r = make_accept(key, w->accept);
  if (r == 0)
    r = put_request(w, route->ws, key);
  return r ? r : put_targets(w, route);
}

static int send_request(struct ws *w) {
  const char *first = target(w);
  w->step = REQUESTED;
  if (w->has_login && !w->plain_logins && !is_private(w->f.below))
    return UVMQTT_EINSECURE;
  w->f.out.secret = true;
  int r = um_buf_append(&w->f.out, first, strlen(first));
  if (r == 0)
    r = um_buf_append(&w->f.out, um_buf_head(&w->request), w->request.len);
  if (r == 0)
    r = um_buf_append(&w->f.out, "\r\n", 2);
  um_buf_done(&w->request);
  um_buf_done(&w->targets);
  return r ? r : um_filter_flush(&w->f);
}

static void ws_opened(struct um_filter *f) {
  struct ws *w = of(f);
  w->step = ASKED;
  if (w->ask != NULL) {
    w->ask(w->arg);
    return;
  }
  int r = send_request(w);
  if (r)
    um_filter_end(f, r);
}

static int give_up(struct ws *w, int status) {
  w->step = REQUESTED;
  um_filter_explain(&w->f, 0, "the program made no headers", "");
  um_filter_end_later(&w->f, status);
  return 0;
}

int um_ws_answer(struct um_stream *s, const uvmqtt_header_t *headers, size_t n,
                 int status) {
  struct ws *w = (struct ws *)s;
  if (w->step != ASKED || w->f.state != UM_FILTER_OPENING || w->f.doom != 0)
    return UV_EALREADY;
  if (status < 0)
    return give_up(w, status);
  uint32_t before = w->request.len;
  bool had_login = w->has_login;
  int r = put_headers(w, headers, n);
  if (r) {
    w->request.len = before;
    w->has_login = had_login;
    return r;
  }
  r = send_request(w);
  if (r)
    um_filter_end_later(&w->f, r);
  return 0;
}

/* The response. */

static const char *refusal(const struct um_http *h) {
  static char redirect[] = "redirects are not followed";
  return h->status >= 300 && h->status < 400 ? redirect : um_http_phrase(h);
}

static bool has_accept(const struct ws *w) {
  unsigned n;
  const char *v = um_http_value(&w->response, "Sec-WebSocket-Accept", &n);
  size_t len = strlen(w->accept);
  return n == 1 && strncmp(v, w->accept, len) == 0 &&
         v[len + strspn(v + len, " \t")] == '\0';
}

static const char *flaw_of_subprotocol(const struct ws *w) {
  unsigned n;
  const char *v = um_http_value(&w->response, "Sec-WebSocket-Protocol", &n);
  size_t len = strlen(w->subprotocol);
  if (n == 0)
    return w->lenient ? NULL
                      : "the server does not confirm the sub-protocol of MQTT";
  bool same = n == 1 && strncmp(v, w->subprotocol, len) == 0 &&
              v[len + strspn(v + len, " \t")] == '\0';
  return same ? NULL : "the server does not speak MQTT over WebSocket";
}

/* 4.1: what is wrong with a response of status 101; NULL: nothing. */
static const char *flaw(const struct ws *w) {
  const struct um_http *h = &w->response;
  if (!um_http_has_token(h, "Upgrade", "websocket"))
    return "the answer does not upgrade to WebSocket";
  if (!um_http_has_token(h, "Connection", "upgrade"))
    return "the answer does not upgrade the connection";
  if (!has_accept(w))
    return "Sec-WebSocket-Accept is missing or wrong";
  if (um_http_value(h, "Sec-WebSocket-Extensions", NULL) != NULL)
    return "the server uses an extension nobody asked for";
  return flaw_of_subprotocol(w);
}

static int judge_response(struct ws *w) {
  char status[32];
  if (w->response.status == 101) {
    const char *why = flaw(w);
    if (why == NULL)
      return 0;
    um_filter_explain(&w->f, 101, why, "");
    return UVMQTT_EWSHANDSHAKE;
  }
  snprintf(status, sizeof status, "HTTP status %d", w->response.status);
  um_filter_explain(&w->f, w->response.status, status, refusal(&w->response));
  return UVMQTT_EWSHANDSHAKE;
}

static int read_response(struct ws *w, const uint8_t *data, size_t len,
                         size_t *ret_used) {
  int r = um_http_feed(&w->response, data, len, ret_used);
  if (r == UV_EPROTO)
    um_filter_explain(&w->f, 0, w->response.why, "");
  if (r <= 0)
    return r == UV_EPROTO ? UVMQTT_EWSHANDSHAKE : r;
  r = judge_response(w);
  return r ? r : 1;
}

static size_t handshake(struct ws *w, const uint8_t *data, size_t len) {
  size_t used = 0;
  int r = w->step == REQUESTED ? read_response(w, data, len, &used)
                               : UVMQTT_EWSHANDSHAKE; /* speaks unasked */
  if (r < 0) {
    um_filter_end(&w->f, r);
    return len;
  }
  if (r == 0)
    return used;
  w->step = OPEN;
  um_http_done(&w->response);
  um_filter_connected(&w->f);
  return used;
}

/* Frames. */

static void hand_up(struct ws *w) {
  struct um_stream *s = &w->f.stream;
  if (w->frames.payload_len > 0)
    s->up->bytes(s->up_arg, w->frames.payload, w->frames.payload_len);
}

static void leave(struct ws *w, unsigned code) {
  if (w->step == OPEN)
    um_ws_frames_put_close(&w->frames, code); /* best effort */
  w->step = LEFT;
}

/* 5.5.1: what the server said is said back */
static void closed_by_server(struct ws *w) {
  char code[40];
  unsigned c = w->frames.closed;
  bool ordinary = c == UM_WS_NORMAL || c == 1001 || c == UM_WS_NO_CODE;
  snprintf(code, sizeof code, "WebSocket closed with code %u", c);
  um_filter_explain(&w->f, 0, code, w->frames.text);
  leave(w, c);
  um_filter_end(&w->f, ordinary ? UV_EOF : UVMQTT_EWSCLOSED);
}

static void broken_by_server(struct ws *w, unsigned code) {
  um_filter_explain(&w->f, 0, w->frames.why, "");
  leave(w, code);
  um_filter_end(&w->f, UVMQTT_EWSPROTOCOL);
}

/* The end follows what came before it, which a paused owner may have put
 * aside. */
static void conclude(struct ws *w) {
  int r = w->verdict;
  if (r < 0)
    um_filter_end(&w->f, r);
  else if (r > 0)
    broken_by_server(w, (unsigned)r);
  else if (w->frames.closed != 0)
    closed_by_server(w);
}

static void receive(struct ws *w, uint8_t *data, size_t len) {
  w->verdict = um_ws_frames_take(&w->frames, uv_now(w->f.handles.turns->loop),
                                 data, len);
  hand_up(w);
  if (um_filter_reading(&w->f))
    conclude(w);
}

static size_t ws_bytes(struct um_filter *f, uint8_t *data, size_t len) {
  struct ws *w = of(f);
  size_t used = 0;
  if (f->state == UM_FILTER_OPENING)
    used = handshake(w, data, len);
  if (f->state != UM_FILTER_UP || !um_filter_reading(f))
    return used;
  conclude(w);
  if (f->state != UM_FILTER_UP || used == len)
    return used;
  receive(w, data + used, len - used);
  return len;
}

static int ws_write(struct um_filter *f, const struct um_buf *bytes) {
  struct ws *w = of(f);
  if (bytes->len == 0 || w->step != OPEN)
    return 0;
  f->out.secret |= bytes->secret;
  return um_ws_frames_put(&w->frames, WSLAY_BINARY_FRAME, um_buf_head(bytes),
                          bytes->len);
}

static void ws_finish(struct um_filter *f) {
  leave(of(f), UM_WS_NORMAL);
}

static int ws_ended(struct um_filter *f, int status) {
  struct ws *w = of(f);
  if (w->step == REQUESTED && status == UV_EOF)
    um_filter_explain(
        &w->f, 0, "the server closed the connection instead of an answer", "");
  return status;
}

static void ws_done(struct um_filter *f) {
  struct ws *w = of(f);
  um_http_done(&w->response);
  um_ws_frames_done(&w->frames);
  um_buf_done(&w->request);
  um_buf_done(&w->targets);
}

static const struct um_filter_ops ws_ops = {
    .opened = ws_opened,
    .bytes = ws_bytes,
    .write = ws_write,
    .finish = ws_finish,
    .ended = ws_ended,
    .done = ws_done,
};

static void take_options(struct ws *w, const struct um_ws_options *o) {
  snprintf(w->subprotocol, sizeof w->subprotocol, "%s", o->subprotocol);
  w->lenient = o->lenient;
  w->plain_logins = o->plain_logins;
  w->ask = o->ask;
  w->arg = o->arg;
}

int um_ws_new(const struct um_route *route, const struct um_chain *below,
              const struct um_stream_up *up, void *up_arg,
              struct um_stream **ret) {
  struct ws *w = um_calloc(1, sizeof *w);
  if (w == NULL)
    return UV_ENOMEM;
  um_http_init(&w->response);
  um_buf_init(&w->request, REQUEST_MAX, NULL);
  um_buf_init(&w->targets, SIZE_MAX, NULL);
  w->request.secret = w->targets.secret = true;
  take_options(w, route->ws);
  int r = um_ws_frames_init(&w->frames, &w->f.out);
  if (r == 0)
    r = make_request(w, route);
  if (r == 0)
    r = um_filter_init(&w->f, &ws_ops, UVMQTT_PHASE_WEBSOCKET, route, below, up,
                       up_arg);
  if (r) {
    ws_done(&w->f);
    um_free(w);
    return r;
  }
  *ret = &w->f.stream;
  return 0;
}
