#include "net/tunnel.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "net/http.h"
#include "net/proxy.h"
#include <stdio.h>
#include <string.h>

#define AUTHORITY_MAX 300u

struct tunnel {
  struct um_proxied p; /* first */
  bool asked;
  struct um_http response;
};

static struct tunnel *of(struct um_filter *f) {
  return (struct tunnel *)f;
}

/* The request. */

static void drop(char *secret, size_t size) {
  um_wipe(secret, size);
  um_free(secret);
}

/* RFC 7617 */
static int put_basic(struct tunnel *t, const char *pair, size_t len) {
  size_t size = UM_BASE64_SIZE(len);
  char *code = um_malloc(size);
  if (code == NULL)
    return UV_ENOMEM;
  um_base64((const uint8_t *)pair, len, code);
  const char *line[] = {"Proxy-Authorization: Basic ", code, NULL};
  int r = um_http_line(&t->p.f.out, line);
  drop(code, size);
  return r;
}

static int put_login(struct tunnel *t) {
  if (t->p.username == NULL)
    return 0;
  const char *password = t->p.password == NULL ? "" : t->p.password;
  size_t size = strlen(t->p.username) + strlen(password) + 2;
  char *pair = um_malloc(size);
  if (pair == NULL)
    return UV_ENOMEM;
  snprintf(pair, size, "%s:%s", t->p.username, password);
  int r = put_basic(t, pair, size - 1);
  drop(pair, size);
  return r;
}

static int put_request(struct tunnel *t) {
  char to[AUTHORITY_MAX];
  um_http_authority(t->p.host, t->p.port, 0, to, sizeof to);
  const char *get[] = {"CONNECT ", to, " HTTP/1.1", NULL};
  const char *host[] = {"Host: ", to, NULL};
  const char *end[] = {NULL};
  int r = um_http_line(&t->p.f.out, get);
  if (r == 0)
    r = um_http_line(&t->p.f.out, host);
  if (r == 0)
    r = put_login(t);
  return r ? r : um_http_line(&t->p.f.out, end);
}

static void tunnel_opened(struct um_filter *f) {
  struct tunnel *t = of(f);
  f->out.secret = t->asked = true;
  int r = put_request(t);
  um_proxied_forget(&t->p);
  if (r)
    um_filter_end(f, r);
}

/* The response. */

/* tinyproxy says 401 to a wrong password, and 407 to none. */
static bool wants_login(int status) {
  return status == 407 || status == 401;
}

/* The scheme it names when it has none of ours; else NULL. */
static const char *foreign_scheme(const struct um_http *h) {
  static const char name[] = "Proxy-Authenticate";
  return um_http_has_token(h, name, "Basic") ? NULL
                                             : um_http_value(h, name, NULL);
}

static void refuse(struct tunnel *t, int code) {
  const struct um_http *h = &t->response;
  char text[48];
  snprintf(text, sizeof text, "the HTTP proxy says %d", h->status);
  um_proxied_failed(&t->p, code, h->status, text, um_http_phrase(h));
}

static void refuse_login(struct tunnel *t) {
  const char *scheme = foreign_scheme(&t->response);
  char name[32];
  if (scheme == NULL) {
    refuse(t, UVMQTT_EPROXYAUTH);
    return;
  }
  snprintf(name, sizeof name, "%.*s", (int)strcspn(scheme, " \t,"), scheme);
  um_proxied_failed(&t->p, UVMQTT_EPROXYAUTH, t->response.status,
                    "the HTTP proxy wants another kind of login than Basic",
                    name);
}

static void judge(struct tunnel *t) {
  int status = t->response.status;
  if (status >= 200 && status < 300)
    um_proxied_connected(&t->p);
  else if (wants_login(status))
    refuse_login(t);
  else
    refuse(t, UVMQTT_EPROXY);
}

static size_t negotiate(struct tunnel *t, const uint8_t *data, size_t len) {
  size_t used;
  int r = um_http_feed(&t->response, data, len, &used);
  if (r > 0)
    judge(t);
  else if (r == UV_EPROTO)
    um_proxied_failed(&t->p, UVMQTT_EPROXYPROTOCOL, 0, t->response.why, "");
  else if (r < 0)
    um_filter_end(&t->p.f, r);
  if (r > 0)
    um_http_done(&t->response);
  return used;
}

static size_t tunnel_bytes(struct um_filter *f, uint8_t *data, size_t len) {
  size_t used = 0;
  if (f->state == UM_FILTER_OPENING && len > 0)
    used = negotiate(of(f), data, len);
  return used + um_filter_pass(f, data + used, len - used);
}

static int tunnel_ended(struct um_filter *f, int status) {
  if (f->state == UM_FILTER_OPENING && of(f)->asked)
    um_filter_explain(f, 0, "the HTTP proxy left before it had answered", "");
  return status;
}

static void tunnel_done(struct um_filter *f) {
  um_http_done(&of(f)->response);
  um_proxied_done(f);
}

static const struct um_filter_ops tunnel_ops = {
    .opened = tunnel_opened,
    .bytes = tunnel_bytes,
    .ended = tunnel_ended,
    .done = tunnel_done,
};

int um_tunnel_new(const struct um_route *route, const struct um_chain *below,
                  const struct um_stream_up *up, void *up_arg,
                  struct um_stream **ret) {
  int r = um_proxied_new(sizeof(struct tunnel), &tunnel_ops, route, below, up,
                         up_arg, ret);
  if (r == 0)
    um_http_init(&((struct tunnel *)*ret)->response);
  return r;
}
