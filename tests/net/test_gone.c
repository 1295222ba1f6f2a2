/* The peer dies, and writing to it must not kill the program (SIGPIPE has its
 * default here), on every way that is not plain TCP: test_writer.c has that. */
#include "net/ws.h"
#include "rig.h"
#include "support/pki.h"
#include "support/suite.h"
#include "ws_accept.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SUITE(gone);

static const struct um_ws_options ws = {
    .path = "/", .usual_port = 80, .subprotocol = "mqtt"};
static struct um_proxy proxy;

static const struct way {
  enum um_transport transport;
  bool proxied;
  enum um_proxy_kind kind;
} ways[] = {
    {UM_TRANSPORT_UNIX, false, UM_PROXY_SOCKS5},
    {UM_TRANSPORT_WS, false, UM_PROXY_SOCKS5},
    {UM_TRANSPORT_TCP, true, UM_PROXY_SOCKS5},
    {UM_TRANSPORT_TCP, true, UM_PROXY_HTTP},
    {UM_TRANSPORT_WS, true, UM_PROXY_SOCKS5},
    {UM_TRANSPORT_WS, true, UM_PROXY_HTTP},
    {UM_TRANSPORT_TLS, false, UM_PROXY_SOCKS5},
    {UM_TRANSPORT_WSS, false, UM_PROXY_SOCKS5},
    {UM_TRANSPORT_TLS, true, UM_PROXY_SOCKS5},
    {UM_TRANSPORT_WSS, true, UM_PROXY_HTTP},
};

enum { WAYS = sizeof ways / sizeof ways[0] };

/* The peer's side. */

static struct pki ca, own;
static SSL_CTX *server;
static uvmqtt_tls_t *trust; /* the client's */
static SSL *secret;         /* the peer's connection; NULL: none, or not yet */

static bool has_tls(const struct way *w) {
  return w->transport == UM_TRANSPORT_TLS || w->transport == UM_TRANSPORT_WSS;
}

static void make_secrets(void) {
  struct pki_wish wish = {.cn = "x", .san = "DNS:h.example,IP:127.0.0.1"};
  ca = pki_ca("the CA");
  own = pki_make(&wish, &ca);
  server = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_num_tickets(server, 0); /* libuv: RST behind bytes is an EOF */
  cr_assert_eq(SSL_CTX_use_certificate(server, own.cert), 1);
  cr_assert_eq(SSL_CTX_use_PrivateKey(server, own.key), 1);
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &trust), 0);
  cr_assert_eq(uvmqtt_tls_load_verify_locations(trust, ca.pem), 0);
}

static void forget_secrets(void) {
  uvmqtt_tls_free(trust);
  SSL_CTX_free(server);
  pki_done(&own);
  pki_done(&ca);
}

static void be_tls(struct rig *r) {
  secret = SSL_new(server);
  cr_assert_eq(SSL_set_fd(secret, r->peer), 1);
  while (SSL_accept(secret) != 1) {
    ERR_clear_error();
    rig_turn(r, 1);
    poll(NULL, 0, 1);
  }
}

static size_t drain(struct rig *r, uint8_t *to, size_t size) {
  size_t n = 0;
  if (secret == NULL)
    return rig_drain(r, to, size);
  if (SSL_read_ex(secret, to, size, &n) != 1)
    ERR_clear_error();
  return n;
}

/* Until what was said since has this in it. */
static void hear(struct rig *r, struct um_buf *said, const char *text) {
  size_t len = strlen(text);
  for (;;) {
    uint8_t part[1024];
    size_t n = drain(r, part, sizeof part);
    cr_assert_eq(um_buf_append(said, part, n), 0);
    for (size_t i = 0; i + len <= said->len; i++)
      if (memcmp(um_buf_head(said) + i, text, len) == 0)
        return;
    rig_turn(r, 1);
    poll(NULL, 0, 1);
  }
}

static void say(struct rig *r, const char *data, size_t len) {
  ssize_t n = secret == NULL ? send(r->peer, data, len, 0)
                             : SSL_write(secret, data, (int)len);
  cr_assert_eq(n, (ssize_t)len);
}

static void be_socks5(struct rig *r, struct um_buf *said) {
  hear(r, said, "\x05\x01");
  say(r, "\x05\x00", 2);
  hear(r, said, "h.example");
  say(r, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);
}

static void be_http(struct rig *r, struct um_buf *said) {
  static const char yes[] = "HTTP/1.1 200 OK\r\n\r\n";
  hear(r, said, "\r\n\r\n");
  say(r, yes, sizeof yes - 1);
}

static void be_ws(struct rig *r, struct um_buf *said) {
  char accept[32], answer[256];
  hear(r, said, "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
  cr_assert(ws_accept_to(said, accept));
  snprintf(answer, sizeof answer,
           "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
           accept);
  say(r, answer, strlen(answer));
}

static void greet(struct rig *r, const struct way *w) {
  struct um_buf said;
  um_buf_init(&said, SIZE_MAX, NULL);
  if (w->proxied && w->kind == UM_PROXY_SOCKS5)
    be_socks5(r, &said);
  else if (w->proxied)
    be_http(r, &said);
  if (has_tls(w))
    be_tls(r);
  if (w->transport == UM_TRANSPORT_WS || w->transport == UM_TRANSPORT_WSS)
    be_ws(r, &said);
  um_buf_done(&said);
}

static void listen_for(struct rig *r, const struct way *w, char *path) {
  int room = 4096;
  snprintf(path, 32, "@uvmqtt/gone/%d", (int)getpid());
  if (w->transport == UM_TRANSPORT_UNIX) {
    rig_listen_unix(r, path);
    return;
  }
  rig_listen(r, "127.0.0.1", 0);
  setsockopt(r->listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  strcpy(path, w->proxied ? "h.example" : "127.0.0.1");
}

static void up(struct rig *r, const struct way *w) {
  char host[32];
  rig_init(r);
  signal(SIGPIPE, SIG_DFL);
  listen_for(r, w, host);
  proxy = (struct um_proxy){w->kind, "127.0.0.1", r->port, NULL, NULL};
  r->transport = w->transport;
  r->ws = &ws;
  r->tls = trust;
  r->proxy = w->proxied ? &proxy : NULL;
  rig_open(r, host, false);
  rig_connect(r);
  struct pollfd ready = {.fd = r->listener, .events = POLLIN};
  cr_assert_eq(poll(&ready, 1, 5000), 1);
  rig_accept(r);
  greet(r, w);
  rig_wait(r, CONNECTED, 1);
  rig_read(r, true);
}

static void down(struct rig *r) {
  SSL_free(secret);
  secret = NULL;
  rig_done(r);
}

static void queue_much(struct rig *r) {
  size_t len = 8u << 20;
  uint8_t *data = calloc(1, len);
  cr_assert_eq(rig_write(r, data, len), 0);
  cr_assert(r->s->busy);
  free(data);
}

/* What happens to a connection that is up, on each way. */
static void on_each_way(void (*happens)(struct rig *r, size_t way)) {
  make_secrets();
  for (size_t i = 0; i < WAYS; i++) {
    struct rig r;
    up(&r, &ways[i]);
    happens(&r, i);
    down(&r);
  }
  forget_secrets();
}

static void is_dead(int status, size_t way) {
  cr_assert(status == UV_EPIPE || status == UV_ECONNRESET, "way %zu: %s", way,
            uv_strerror(status));
}

static void reset_with_bytes_queued(struct rig *r, size_t way) {
  queue_much(r);
  rig_reset_peer(r);
  rig_wait(r, ENDED, 1);
  is_dead(r->status, way);
}

Test(gone, with_bytes_queued_the_end_is_told) {
  on_each_way(reset_with_bytes_queued);
}

static void reset_with_nobody_reading(struct rig *r, size_t way) {
  rig_read(r, false);
  reset_with_bytes_queued(r, way);
}

Test(gone, with_bytes_queued_and_nobody_reading_too) {
  on_each_way(reset_with_nobody_reading);
}

/* The first write draws the RST, the next one finds the socket dead. */
static void write_until_it_fails(struct rig *r, size_t way) {
  int result = 0;
  for (int i = 0; i < 100 && result == 0 && r->count[ENDED] == 0; i++)
    if (!r->s->busy)
      result = rig_write(r, "x", 1);
  is_dead(result, way);
}

static void reset_before_a_write(struct rig *r, size_t way) {
  rig_read(r, false);
  rig_reset_peer(r);
  write_until_it_fails(r, way);
  rig_turn(r, 5);
  cr_assert_eq(r->count[ENDED], 0);
}

Test(gone, a_reset_before_a_write_fails_it) {
  on_each_way(reset_before_a_write);
}

static void fin_before_a_write(struct rig *r, size_t way) {
  rig_read(r, false);
  close(r->peer);
  r->peer = -1;
  write_until_it_fails(r, way);
}

Test(gone, fin_and_then_reset_fails_it) {
  on_each_way(fin_before_a_write);
}

static void finish_into_a_dead_socket(struct rig *r, size_t way) {
  (void)way;
  rig_read(r, false);
  rig_reset_peer(r);
  r->in_call = true;
  r->s->ops->finish(r->s);
  r->in_call = false;
  rig_turn(r, 5);
}

/* A WebSocket says Close then: into a dead socket. */
Test(gone, finishing_towards_a_dead_peer_is_no_end_of_the_program) {
  on_each_way(finish_into_a_dead_socket);
}
