#include "net/socks5.h"

#include "net/address.h"
#include "net/proxy.h"
#include "net/resolve.h"
#include <assert.h>
#include <string.h>
#include <uvmqtt/error.h>
#include <uvmqtt/message.h>

#define VERSION 5u
#define LOGIN_VERSION 1u
#define ANSWER_MAX 262u /* 4 + 1 + 255 + 2 */

enum method { NO_LOGIN = 0, LOGIN = 2, NO_METHOD = 0xFF };
enum kind { KIND_IPV4 = 1, KIND_NAME = 3, KIND_IPV6 = 4 };

struct socks5;

/* One answer of the proxy: how long it is, so far as can be told from what is
 * there, what follows from it, and what is said when it does not come. */
struct step {
  size_t (*length)(const uint8_t *answer, size_t have);
  void (*act)(struct socks5 *s);
  const char *missing;
};

struct socks5 {
  struct um_proxied p; /* first */
  const struct step *step;
  uint8_t answer[ANSWER_MAX];
  size_t have;
  /* When the look-up is ours. */
  bool local, asking;
  struct um_names *names;
  struct um_query query;
  size_t turn;             /* which of its addresses */
  struct um_address where; /* of the server, unless the proxy looks it up */
};

static struct socks5 *of(struct um_filter *f) {
  return (struct socks5 *)f;
}

/* Saying. */

static int put(struct socks5 *s, const void *data, size_t len) {
  return um_buf_append(&s->p.f.out, data, len);
}

static int put_byte(struct socks5 *s, size_t byte) {
  uint8_t b = (uint8_t)byte;
  return put(s, &b, 1);
}

/* Its length in a byte, and the text. */
static int put_text(struct socks5 *s, const char *text) {
  size_t len = text == NULL ? 0 : strlen(text);
  assert(len <= UINT8_MAX); /* um_proxy promises it, and names are shorter */
  int r = put_byte(s, len);
  return r || len == 0 ? r : put(s, text, len);
}

static int say_hello(struct socks5 *s) {
  static const uint8_t open[] = {VERSION, 1, NO_LOGIN};
  static const uint8_t with_login[] = {VERSION, 2, NO_LOGIN, LOGIN};
  return s->p.username == NULL ? put(s, open, sizeof open)
                               : put(s, with_login, sizeof with_login);
}

static int say_login(struct socks5 *s) {
  s->p.f.out.secret = true;
  int r = put_byte(s, LOGIN_VERSION);
  if (r == 0)
    r = put_text(s, s->p.username);
  if (r == 0)
    r = put_text(s, s->p.password);
  um_proxied_forget(&s->p);
  return r;
}

static int put_address(struct socks5 *s, const struct um_address *a) {
  bool is_6 = a->u.any.sa_family == AF_INET6;
  int r = put_byte(s, is_6 ? KIND_IPV6 : KIND_IPV4);
  if (r)
    return r;
  return is_6 ? put(s, &a->u.in6.sin6_addr, 16) : put(s, &a->u.in.sin_addr, 4);
}

static int put_host(struct socks5 *s) {
  if (s->where.u.any.sa_family != AF_UNSPEC)
    return put_address(s, &s->where);
  int r = put_byte(s, KIND_NAME);
  return r ? r : put_text(s, s->p.host);
}

static int say_where(struct socks5 *s) {
  static const uint8_t head[] = {VERSION, 1 /* CONNECT */, 0};
  uint8_t port[] = {(uint8_t)(s->p.port >> 8), (uint8_t)s->p.port};
  int r = put(s, head, sizeof head);
  if (r == 0)
    r = put_host(s);
  return r ? r : put(s, port, sizeof port);
}

/* Hearing. */

static void go_on(struct socks5 *s, const struct step *next,
                  int (*say)(struct socks5 *)) {
  s->step = next;
  s->have = 0;
  int r = say(s);
  if (r)
    um_filter_end(&s->p.f, r);
}

static void no_socks(struct socks5 *s, const char *why) {
  um_proxied_failed(&s->p, UVMQTT_EPROXYPROTOCOL, 0, why, "");
}

static size_t two(const uint8_t *answer, size_t have) {
  (void)answer, (void)have;
  return 2;
}

/* Of a refusal the rest is not waited for. */
static size_t verdict_length(const uint8_t *a, size_t have) {
  if (have < 2 || a[0] != VERSION || a[1] != 0)
    return 2;
  if (have < 5)
    return 5;
  switch (a[3]) {
  case KIND_IPV4:
    return 4 + 4 + 2;
  case KIND_IPV6:
    return 4 + 16 + 2;
  case KIND_NAME:
    return 4 + 1 + (size_t)a[4] + 2;
  default:
    return 5;
  }
}

static const char *refusal(uint8_t code) {
  static const char *const texts[] = {
      "",
      "general failure",
      "not allowed by its rules",
      "the server's network is unreachable",
      "the server is unreachable, or its name unknown",
      "the server refuses the connection",
      "no answer from the server in time",
      "CONNECT is not supported",
      "this kind of address is not supported",
  };
  return code < sizeof texts / sizeof texts[0] ? texts[code] : "unknown reply";
}

static bool known_kind(uint8_t kind) {
  return kind == KIND_IPV4 || kind == KIND_NAME || kind == KIND_IPV6;
}

static void on_verdict(struct socks5 *s) {
  const uint8_t *a = s->answer;
  if (a[0] != VERSION)
    no_socks(s, "the proxy does not speak SOCKS5");
  else if (a[1] != 0)
    um_proxied_failed(&s->p, UVMQTT_EPROXY, a[1], "the SOCKS5 proxy says",
                      refusal(a[1]));
  else if (!known_kind(a[3]))
    no_socks(s, "the SOCKS5 proxy names an address of no known kind");
  else
    um_proxied_connected(&s->p);
}

static const struct step verdict = {
    verdict_length, on_verdict,
    "the SOCKS5 proxy left before it said whether it reaches the server"};

static void on_login(struct socks5 *s) {
  if (s->answer[0] != LOGIN_VERSION)
    no_socks(s, "the SOCKS5 proxy breaks the rules of the login");
  else if (s->answer[1] != 0)
    um_proxied_failed(&s->p, UVMQTT_EPROXYAUTH, s->answer[1],
                      "the SOCKS5 proxy rejects this user name or password",
                      "");
  else
    go_on(s, &verdict, say_where);
}

static const struct step login = {
    two, on_login,
    "the SOCKS5 proxy left when it heard user name and password"};

static void on_method(struct socks5 *s) {
  uint8_t method = s->answer[1];
  if (s->answer[0] != VERSION)
    no_socks(s, "the proxy does not speak SOCKS5");
  else if (method == NO_LOGIN)
    go_on(s, &verdict, say_where);
  else if (method == LOGIN && s->p.username != NULL)
    go_on(s, &login, say_login);
  else if (method == NO_METHOD)
    um_proxied_failed(&s->p, UVMQTT_EPROXYAUTH, method,
                      "the SOCKS5 proxy accepts none of our ways to log in",
                      "");
  else
    no_socks(s, "the SOCKS5 proxy chose what was not offered");
}

static const struct step method = {two, on_method,
                                   "the SOCKS5 proxy left when it was greeted"};

/* Looking up. The proxy waits meanwhile, in the time of its phase. */

static void show_phase(struct socks5 *s, int phase) {
  struct um_stream *stream = &s->p.f.stream;
  stream->phase = phase;
  stream->up->progress(stream->up_arg);
}

static void take_address(struct socks5 *s, const struct um_address *found,
                         size_t n) {
  s->where = found[s->turn % n];
  show_phase(s, UVMQTT_PHASE_PROXY);
  if (s->p.f.state == UM_FILTER_OPENING)
    go_on(s, &method, say_hello);
  int r = um_filter_flush(&s->p.f);
  if (r)
    um_filter_end(&s->p.f, r);
}

/* A resolver that does not answer does not make the last answer wrong. */
static void on_answered(struct um_query *q, int status,
                        const struct um_address *found, size_t n) {
  struct socks5 *s = um_list_of(&q->link, struct socks5, query.link);
  struct um_address last[UM_ADDRESSES];
  s->asking = false;
  if (s->p.f.state != UM_FILTER_OPENING)
    return;
  if (status == UV_EAI_AGAIN) {
    n = s->names->last(s->names, s->p.host, last);
    found = last;
    status = n == 0 ? status : 0;
  }
  if (status)
    um_filter_end(&s->p.f, status);
  else
    take_address(s, found, n);
}

static void ask(struct socks5 *s) {
  s->query.host = s->p.host;
  s->query.port = s->p.port;
  s->query.answered = on_answered;
  int r = s->names == NULL ? UV_EAI_FAIL : s->names->ask(s->names, &s->query);
  s->asking = r == 0;
  show_phase(s, UVMQTT_PHASE_RESOLVE);
  if (r)
    um_filter_end(&s->p.f, r);
}

static void socks5_opened(struct um_filter *f) {
  struct socks5 *s = of(f);
  bool numeric = um_address_parse(s->p.host, s->p.port, &s->where) == 0;
  if (!numeric)
    s->where.u.any.sa_family = AF_UNSPEC;
  if (s->local && !numeric)
    ask(s);
  else
    go_on(s, &method, say_hello);
}

/* Fills the answer up to its length; 0 when no more is needed. */
static size_t fill(struct socks5 *s, const uint8_t *data, size_t len) {
  size_t need = s->step->length(s->answer, s->have) - s->have;
  size_t n = need < len ? need : len;
  memcpy(s->answer + s->have, data, n);
  s->have += n;
  return n;
}

static size_t negotiate(struct socks5 *s, const uint8_t *data, size_t len) {
  size_t used = 0;
  while (s->p.f.state == UM_FILTER_OPENING && used < len) {
    used += fill(s, data + used, len - used);
    if (s->step->length(s->answer, s->have) == s->have)
      s->step->act(s);
  }
  return used;
}

static size_t socks5_bytes(struct um_filter *f, uint8_t *data, size_t len) {
  size_t used = 0;
  if (of(f)->step == NULL) {
    no_socks(of(f), "the proxy speaks unasked");
    return len;
  }
  if (f->state == UM_FILTER_OPENING)
    used = negotiate(of(f), data, len);
  return used + um_filter_pass(f, data + used, len - used);
}

static int socks5_ended(struct um_filter *f, int status) {
  struct socks5 *s = of(f);
  if (f->state != UM_FILTER_OPENING)
    return status;
  if (s->step != NULL)
    um_filter_explain(f, 0, s->step->missing, "");
  else if (s->asking)
    um_filter_explain(f, 0, "the SOCKS5 proxy left during our look-up", "");
  return status;
}

static void socks5_done(struct um_filter *f) {
  struct socks5 *s = of(f);
  if (s->asking)
    s->names->drop(s->names, &s->query);
  um_proxied_done(f);
}

static const struct um_filter_ops socks5_ops = {
    .opened = socks5_opened,
    .bytes = socks5_bytes,
    .ended = socks5_ended,
    .done = socks5_done,
};

int um_socks5_new(const struct um_route *route, const struct um_chain *below,
                  const struct um_stream_up *up, void *up_arg,
                  struct um_stream **ret) {
  int r = um_proxied_new(sizeof(struct socks5), &socks5_ops, route, below, up,
                         up_arg, ret);
  if (r)
    return r;
  struct socks5 *s = (struct socks5 *)*ret;
  s->local = route->proxy->kind == UM_PROXY_SOCKS5_LOCAL;
  s->names = route->names;
  s->turn = route->turn / route->n_servers;
  um_list_init(&s->query.link);
  return 0;
}
