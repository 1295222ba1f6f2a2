#include "support/tls_front.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct end {
  uv_tcp_t tcp; /* first */
  struct tls_front_link *link;
  char room[16384];
};

struct tls_front_link {
  struct tls_front *front;
  struct tls_front_link *next;
  struct end client, broker;
  uv_connect_t connect;
  SSL *ssl;
  BIO *in, *out;
  size_t heard;
  unsigned open; /* handles */
  bool shaken, to_broker, closing;
};

static void forget(struct tls_front_link *l) {
  struct tls_front_link **at = &l->front->links;
  while (*at != l)
    at = &(*at)->next;
  *at = l->next;
  SSL_free(l->ssl);
  free(l);
}

static void on_end_closed(uv_handle_t *h) {
  struct tls_front_link *l = ((struct end *)(void *)h)->link;
  if (--l->open == 0)
    forget(l);
}

static void close_link(struct tls_front_link *l) {
  if (l->closing)
    return;
  l->closing = true;
  uv_close((uv_handle_t *)&l->client.tcp, on_end_closed);
  uv_close((uv_handle_t *)&l->broker.tcp, on_end_closed);
}

/* Bytes. */

static void on_sent(uv_write_t *w, int status) {
  (void)status;
  free(w);
}

static void send_to(struct end *e, const char *data, size_t len) {
  uv_write_t *w = malloc(sizeof *w + len);
  uv_buf_t buf = uv_buf_init((char *)(w + 1), (unsigned)len);
  memcpy(buf.base, data, len);
  if (uv_write(w, (uv_stream_t *)&e->tcp, &buf, 1, on_sent))
    free(w);
}

static bool stalled(const struct tls_front_link *l) {
  return l->heard >= l->front->stall_after;
}

static void flush(struct tls_front_link *l) {
  char *data;
  long n = BIO_get_mem_data(l->out, &data);
  if (n > 0 && !l->closing && !stalled(l))
    send_to(&l->client, data, (size_t)n);
  (void)BIO_reset(l->out);
}

static void shake(struct tls_front_link *l) {
  if (l->shaken || SSL_do_handshake(l->ssl) != 1)
    return;
  l->shaken = true;
  l->front->shaken++;
  l->front->resumed += SSL_session_reused(l->ssl) != 0;
}

/* Plain text goes on only when the broker's end stands; until then it stays in
 * OpenSSL. */
static void decipher(struct tls_front_link *l) {
  char text[16384];
  int n = -1;
  ERR_clear_error();
  shake(l);
  while (l->shaken && l->to_broker && !l->closing &&
         (n = SSL_read(l->ssl, text, sizeof text)) > 0) {
    l->front->plain += (size_t)n;
    send_to(&l->broker, text, (size_t)n);
  }
  int e = SSL_get_error(l->ssl, n);
  flush(l);
  bool over = l->shaken && l->to_broker && e == SSL_ERROR_ZERO_RETURN;
  if (over || e == SSL_ERROR_SSL)
    close_link(l);
  ERR_clear_error();
}

static void give_room(uv_handle_t *h, size_t size, uv_buf_t *ret) {
  struct end *e = (struct end *)(void *)h;
  (void)size;
  *ret = uv_buf_init(e->room, sizeof e->room);
}

static void on_cipher(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  struct tls_front_link *l = ((struct end *)(void *)s)->link;
  if (n < 0) {
    close_link(l);
    return;
  }
  l->heard += (size_t)n;
  l->front->cipher += (size_t)n;
  if (stalled(l)) {
    uv_read_stop(s);
    return;
  }
  BIO_write(l->in, buf->base, (int)n);
  decipher(l);
}

static void on_plain(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  struct tls_front_link *l = ((struct end *)(void *)s)->link;
  ERR_clear_error();
  if (n < 0) {
    SSL_shutdown(l->ssl);
    flush(l);
    close_link(l);
    return;
  }
  if (n > 0)
    SSL_write(l->ssl, buf->base, (int)n);
  flush(l);
}

/* Opening. */

static void on_broker(uv_connect_t *req, int status) {
  struct tls_front_link *l = req->data;
  if (l->closing)
    return;
  cr_assert_eq(status, 0);
  l->to_broker = true;
  uv_read_start((uv_stream_t *)&l->broker.tcp, give_room, on_plain);
  decipher(l);
}

static void reach_broker(struct tls_front_link *l) {
  struct sockaddr_in to;
  uv_ip4_addr("127.0.0.1", l->front->broker_port, &to);
  l->connect.data = l;
  cr_assert_eq(uv_tcp_connect(&l->connect, &l->broker.tcp,
                              (struct sockaddr *)&to, on_broker),
               0);
}

static void open_end(struct tls_front_link *l, struct end *e) {
  uv_tcp_init(l->front->loop, &e->tcp);
  e->tcp.data = l->front;
  e->link = l;
  l->open++;
}

static void make_ssl(struct tls_front_link *l) {
  l->ssl = SSL_new(l->front->ctx);
  l->in = BIO_new(BIO_s_mem());
  l->out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(l->in, -1);
  SSL_set_bio(l->ssl, l->in, l->out);
  SSL_set_accept_state(l->ssl);
}

static void on_client(uv_stream_t *listener, int status) {
  struct tls_front *f = listener->data;
  cr_assert_eq(status, 0);
  struct tls_front_link *l = calloc(1, sizeof *l);
  l->front = f;
  l->next = f->links;
  f->links = l;
  f->accepted++;
  open_end(l, &l->client);
  open_end(l, &l->broker);
  make_ssl(l);
  cr_assert_eq(uv_accept(listener, (uv_stream_t *)&l->client.tcp), 0);
  uv_read_start((uv_stream_t *)&l->client.tcp, give_room, on_cipher);
  reach_broker(l);
}

void tls_front_use(struct tls_front *f, struct pki server) {
  pki_done(&f->server);
  f->server = server;
  cr_assert_eq(SSL_CTX_use_certificate(f->ctx, server.cert), 1);
  cr_assert_eq(SSL_CTX_use_PrivateKey(f->ctx, server.key), 1);
}

static void listen_there(struct tls_front *f) {
  struct sockaddr_in at;
  int size = sizeof at;
  f->listener = malloc(sizeof *f->listener);
  uv_tcp_init(f->loop, f->listener);
  f->listener->data = f;
  uv_ip4_addr("127.0.0.1", 0, &at);
  cr_assert_eq(uv_tcp_bind(f->listener, (struct sockaddr *)&at, 0), 0);
  cr_assert_eq(uv_listen((uv_stream_t *)f->listener, 128, on_client), 0);
  uv_tcp_getsockname(f->listener, (struct sockaddr *)&at, &size);
  f->port = ntohs(at.sin_port);
}

void tls_front_open(struct tls_front *f, uv_loop_t *loop,
                    uint16_t broker_port) {
  memset(f, 0, sizeof *f);
  f->loop = loop;
  f->broker_port = broker_port;
  f->stall_after = SIZE_MAX;
  f->ca = pki_ca("the CA");
  f->ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_session_id_context(f->ctx, (const unsigned char *)"f", 1);
  tls_front_use(f, pki_server(&f->ca));
  listen_there(f);
  snprintf(f->url, sizeof f->url, "mqtts://localhost:%u", (unsigned)f->port);
}

static void on_listener_closed(uv_handle_t *h) {
  free(h);
}

void tls_front_cut(struct tls_front *f) {
  for (struct tls_front_link *l = f->links; l != NULL; l = l->next)
    if (!l->closing) {
      l->closing = true;
      uv_tcp_close_reset(&l->client.tcp, on_end_closed);
      uv_close((uv_handle_t *)&l->broker.tcp, on_end_closed);
    }
}

void tls_front_close(struct tls_front *f) {
  for (struct tls_front_link *l = f->links; l != NULL; l = l->next)
    close_link(l);
  uv_close((uv_handle_t *)f->listener, on_listener_closed);
}

void tls_front_done(struct tls_front *f) {
  SSL_CTX_free(f->ctx);
  pki_done(&f->ca);
  pki_done(&f->server);
  pki_files_done();
}

uvmqtt_tls_t *tls_front_context(const struct tls_front *f) {
  uvmqtt_tls_t *tls;
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &tls), 0);
  cr_assert_eq(uvmqtt_tls_load_verify_locations(tls, f->ca.pem), 0);
  return tls;
}
