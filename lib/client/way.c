#include "client/way.h"

#include "base/alloc.h"
#include "client/client.h"
#include "net/http.h"
#include <string.h>

#define SUBPROTOCOL "mqtt" /* [MQTT-6.0.0-3/both] */

static bool is_websocket(enum um_transport t) {
  return t == UM_TRANSPORT_WS || t == UM_TRANSPORT_WSS;
}

/* Reading. */

static int read_path(const uvmqtt_options_t *o, struct um_way *w) {
  if (o->ws_path == NULL)
    return 0;
  if (!um_http_legal_path(o->ws_path))
    return UVMQTT_EHEADER;
  w->ws_path = um_strdup(o->ws_path);
  return w->ws_path == NULL ? UV_ENOMEM : 0;
}

/* Twice this and the handshake's own fit into what net/ws.c sends. */
#define HEADERS_MAX 32000u

static size_t size_of(const uvmqtt_header_t *h) {
  return strlen(h->name) + strlen(h->value) + strlen(": \r\n");
}

static int check_headers(const uvmqtt_header_t *headers, size_t n) {
  size_t size = 0;
  if (headers == NULL && n > 0)
    return UV_EINVAL;
  for (size_t i = 0; i < n; i++) {
    if (!um_http_legal_header(&headers[i]))
      return UVMQTT_EHEADER;
    size += size_of(&headers[i]);
    if (size > HEADERS_MAX)
      return UVMQTT_EHEADER;
  }
  return 0;
}

static int copy_header(struct um_way *w, const uvmqtt_header_t *from) {
  uvmqtt_header_t *to = &w->headers[w->n_headers++];
  to->name = um_strdup(from->name);
  to->value = um_strdup(from->value);
  return to->name == NULL || to->value == NULL ? UV_ENOMEM : 0;
}

static int read_headers(const uvmqtt_options_t *o, struct um_way *w) {
  int r = check_headers(o->ws_headers, o->n_ws_headers);
  if (r || o->n_ws_headers == 0)
    return r;
  w->headers = um_calloc(o->n_ws_headers, sizeof *w->headers);
  if (w->headers == NULL)
    return UV_ENOMEM;
  for (size_t i = 0; i < o->n_ws_headers && r == 0; i++)
    r = copy_header(w, &o->ws_headers[i]);
  return r;
}

static int read_proxy(const uvmqtt_options_t *o, const struct um_url *url,
                      struct um_way *w) {
  if (o->proxy == NULL)
    return 0;
  if (url->transport == UM_TRANSPORT_UNIX)
    return UV_EINVAL;
  return um_url_parse_proxy(o->proxy, &w->proxy, &w->proxy_kind);
}

static bool says_something(const uvmqtt_options_t *o) {
  return o->proxy != NULL || o->ws_path != NULL || o->n_ws_headers != 0 ||
         o->ws_any_subprotocol || o->on_ws_headers != NULL;
}

int um_way_read(const uvmqtt_options_t *o, const struct um_url *url,
                struct um_way **ret) {
  int r = um_route_check(url->transport);
  if (r || !says_something(o))
    return r;
  struct um_way *w = *ret = um_calloc(1, sizeof *w);
  if (w == NULL)
    return UV_ENOMEM;
  w->ws_lenient = o->ws_any_subprotocol;
  w->on_ws_headers = o->on_ws_headers;
  r = read_proxy(o, url, w);
  if (r == 0)
    r = read_path(o, w);
  return r ? r : read_headers(o, w);
}

static void wipe_string(const char *s) {
  char *memory = (char *)(uintptr_t)s;
  if (memory != NULL)
    um_wipe(memory, strlen(memory));
  um_free(memory);
}

static void forget_headers(struct um_way *w) {
  for (size_t i = 0; i < w->n_headers; i++) {
    wipe_string(w->headers[i].name);
    wipe_string(w->headers[i].value);
  }
  um_free(w->headers);
  w->headers = NULL;
  w->n_headers = 0;
}

static void forget_path(struct um_way *w) {
  wipe_string(w->ws_path); /* it may hold a token */
  w->ws_path = NULL;
}

void um_way_done(struct um_way *w) {
  if (w == NULL)
    return;
  forget_headers(w);
  forget_path(w);
  um_url_done(&w->proxy);
  um_free(w);
}

/* Changing. */

static void take_headers(struct um_way *w, struct um_way *from) {
  forget_headers(w);
  if (from == NULL)
    return;
  w->headers = from->headers;
  w->n_headers = from->n_headers;
  from->headers = NULL;
  from->n_headers = 0;
}

static void take_path(struct um_way *w, struct um_way *from) {
  forget_path(w);
  if (from == NULL)
    return;
  w->ws_path = from->ws_path;
  from->ws_path = NULL;
}

void um_way_change(struct um_way **own, struct um_way **from, bool headers,
                   bool path) {
  if (*own == NULL) {
    *own = *from;
    *from = NULL;
    return;
  }
  if (headers)
    take_headers(*own, *from);
  if (path)
    take_path(*own, *from);
}

/* The question for headers. */

static void ask(void *arg) {
  uvmqtt_t *m = arg;
  uvmqtt_ws_question_t question = {.id = ++m->options.way->question};
  um_loop_enter(m->loop);
  m->ws_asked = true;
  if (!m->closing)
    m->options.way->on_ws_headers(m, &question);
  um_loop_mark(m->loop, m);
  um_loop_exit(m->loop);
}

/* An answer may come when its question is void and a newer one is open. */
static int check_question(const uvmqtt_t *m, uint64_t id) {
  const struct um_way *w = m->options.way;
  if (id != 0 && (w == NULL || id != w->question))
    return UVMQTT_ESTALE;
  return m->ws_asked ? 0 : UV_EALREADY;
}

static int answer(uvmqtt_t *m, uint64_t id, const uvmqtt_header_t *headers,
                  size_t n, int status) {
  int r = um_usable(m);
  if (r == 0)
    r = check_headers(headers, n);
  if (r == 0)
    r = check_question(m, id);
  if (r)
    return r;
  r = um_ws_answer(m->stream, headers, n, status);
  if (r == 0)
    m->ws_asked = false;
  return r;
}

int uvmqtt_ws_headers(uvmqtt_t *m, uint64_t id, const uvmqtt_header_t *headers,
                      size_t n) {
  return answer(m, id, headers, n, 0);
}

int uvmqtt_ws_fail(uvmqtt_t *m, uint64_t id) {
  return answer(m, id, NULL, 0, UVMQTT_EHEADERS);
}

/* Through socks5:// the name of the server is looked up when the proxy has been
 * reached. */
static bool is_at_proxy(const uvmqtt_t *m) {
  return m->stream != NULL && m->stream->phase == UVMQTT_PHASE_RESOLVE &&
         *m->stream->address != '\0';
}

enum um_hint_peer um_way_peer(const uvmqtt_t *m) {
  const struct um_way *w = m->options.way;
  if (um_redirect_target(m)->transport == UM_TRANSPORT_UNIX)
    return UM_HINT_SOCKET;
  if (w == NULL || w->proxy.memory == NULL || is_at_proxy(m))
    return UM_HINT_SERVER;
  return UM_HINT_PROXY;
}

/* The route. */

/* A fall-back to 3.1.1 goes to the same server again. */
void um_way_failed(uvmqtt_t *m) {
  if (m->options.way != NULL && !m->session.ending.retry_now)
    m->options.way->turn++;
}

static void fill_proxy(const struct um_way *w, struct um_route *route,
                       struct um_proxy *ret) {
  if (w == NULL || w->proxy.memory == NULL)
    return;
  *ret = (struct um_proxy){
      .kind = w->proxy_kind,
      .host = w->proxy.host,
      .port = w->proxy.port,
      .username = w->proxy.username,
      .password = w->proxy.password,
  };
  route->proxy = ret;
  route->turn = w->turn;
}

static void fill_ws(uvmqtt_t *m, const struct um_url *to,
                    struct um_route *route, struct um_ws_options *ret) {
  static const struct um_way plain = {.ws_path = NULL};
  const struct um_way *w = m->options.way == NULL ? &plain : m->options.way;
  if (!is_websocket(to->transport))
    return;
  *ret = (struct um_ws_options){
      .path = w->ws_path,
      .usual_port = to->default_port,
      .subprotocol = SUBPROTOCOL,
      .lenient = w->ws_lenient,
      .plain_logins = m->options.shared->plain_credentials,
      .no_logins = !um_redirect_trusts(m),
      .headers = w->headers,
      .n_headers = w->n_headers,
      .ask = w->on_ws_headers == NULL ? NULL : ask,
      .arg = m,
  };
  route->ws = ret;
}

void um_way_fill(uvmqtt_t *m, const struct um_url *to, struct um_route *route,
                 struct um_way_route *ret) {
  route->transport = to->transport;
  fill_proxy(m->options.way, route, &ret->proxy);
  fill_ws(m, to, route, &ret->ws);
}
