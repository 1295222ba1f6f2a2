/* check_msg never blocks under TLS either: not inside a record, and not inside
 * the handshake of a reconnect. The server is OpenSSL in a thread, its records
 * cut in two. */
#include "cost.h"
#include "support/pki.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SUITE(stall_tls);

enum { CALLS = 3000 };

struct server {
  struct pki ca, own;
  SSL_CTX *ctx;
  int listener, fd;
  uint16_t port;
  uv_thread_t thread;
  uv_sem_t go, told;
  SSL *ssl;
  BIO *in, *out; /* between OpenSSL and the socket */
  size_t cut;    /* of the record, before the stall */
};

static const uint8_t connack[] = {0x20, 2, 0, 0};
static const uint8_t publish[] = {0x30, 4, 0, 1, 'm', '1'};

/* The server's thread. */

static void send_some(struct server *s, size_t most) {
  char *data;
  size_t n = (size_t)BIO_get_mem_data(s->out, &data);
  if (n > most)
    n = most;
  cr_assert(send(s->fd, data, n, MSG_NOSIGNAL) == (ssize_t)n);
  while (n-- > 0) /* off the front */
    cr_assert(BIO_read(s->out, &(char){0}, 1) == 1);
}

static bool pull(struct server *s) {
  char in[4096];
  ssize_t n = recv(s->fd, in, sizeof in, 0);
  return n > 0 && BIO_write(s->in, in, (int)n) == n;
}

static void take(struct server *s) {
  s->fd = accept(s->listener, NULL, NULL);
  s->ssl = SSL_new(s->ctx);
  s->in = BIO_new(BIO_s_mem());
  s->out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(s->in, -1);
  SSL_set_bio(s->ssl, s->in, s->out);
  SSL_set_accept_state(s->ssl);
}

static void shake(struct server *s) {
  while (SSL_do_handshake(s->ssl) != 1) {
    send_some(s, SIZE_MAX);
    cr_assert(pull(s));
  }
  send_some(s, SIZE_MAX);
}

static void hear(struct server *s) {
  char packet[256];
  while (SSL_read(s->ssl, packet, sizeof packet) <= 0)
    cr_assert(pull(s));
}

static void say(struct server *s, const uint8_t *data, int len) {
  cr_assert(SSL_write(s->ssl, data, len) == len);
}

static void greet(struct server *s) {
  shake(s);
  hear(s); /* CONNECT */
  say(s, connack, sizeof connack);
  send_some(s, SIZE_MAX);
}

static void stall(struct server *s, size_t cut) {
  uv_sem_wait(&s->go);
  send_some(s, cut);
  uv_sem_post(&s->told);
  uv_sem_wait(&s->go);
  send_some(s, SIZE_MAX);
  uv_sem_post(&s->told);
}

static void end(struct server *s) {
  SSL_free(s->ssl);
  close(s->fd);
}

static void in_a_record(void *arg) {
  struct server *s = arg;
  take(s);
  greet(s);
  say(s, publish, sizeof publish);
  stall(s, s->cut);
  while (pull(s))
    ;
  end(s);
}

/* The second time, its first flight comes in halves. */
static void in_a_handshake(void *arg) {
  struct server *s = arg;
  take(s);
  greet(s);
  uv_sem_wait(&s->go);
  end(s);
  take(s);
  cr_assert(pull(s));
  cr_assert(SSL_do_handshake(s->ssl) != 1);
  stall(s, s->cut);
  greet(s);
  while (pull(s))
    ;
  end(s);
}

/* The test's. */

static void listen_there(struct server *s) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  s->listener = socket(AF_INET, SOCK_STREAM, 0);
  cr_assert(bind(s->listener, (struct sockaddr *)&a, len) == 0);
  cr_assert(listen(s->listener, 8) == 0);
  cr_assert(getsockname(s->listener, (struct sockaddr *)&a, &len) == 0);
  s->port = ntohs(a.sin_port);
}

static void start(struct server *s, uv_thread_cb life, size_t cut) {
  memset(s, 0, sizeof *s);
  s->cut = cut;
  s->ca = pki_ca("the CA");
  s->own = pki_server(&s->ca);
  s->ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(s->ctx, s->own.cert);
  SSL_CTX_use_PrivateKey(s->ctx, s->own.key);
  listen_there(s);
  cr_assert(uv_sem_init(&s->go, 0) == 0 && uv_sem_init(&s->told, 0) == 0);
  cr_assert(uv_thread_create(&s->thread, life, s) == 0);
}

static void stop(struct server *s) {
  uv_thread_join(&s->thread);
  uv_sem_destroy(&s->go);
  uv_sem_destroy(&s->told);
  close(s->listener);
  SSL_CTX_free(s->ctx);
  pki_done(&s->own);
  pki_done(&s->ca);
}

static void make(struct either *e, const struct server *s, bool robust) {
  uvmqtt_tls_t *tls;
  cr_assert(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &tls) == 0);
  cr_assert(uvmqtt_tls_load_verify_locations(tls, s->ca.pem) == 0);
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT,
                               .client_id = "c",
                               .server = "127.0.0.1",
                               .port = s->port,
                               .keepalive = 60,
                               .ssl = tls};
  either_new(e, robust, &o);
  uvmqtt_tls_free(tls);
  cr_assert(EITHER(e, connect, false, 5000) == 0);
  uv_sem_post((uv_sem_t *)&s->go);
}

static void stall_in_record(size_t cut, bool robust) {
  struct either e;
  struct server s;
  struct cost cost = {.calls = 0};
  cost_skip_under_valgrind();
  start(&s, in_a_record, cut);
  make(&e, &s, robust);
  uv_sem_wait(&s.told);
  for (int i = 0; i < CALLS; i++)
    cr_assert(cost_check(&cost, &e) == 0);
  cost_expect_cheap(&cost);
  uv_sem_post(&s.go);
  uv_sem_wait(&s.told);
  cr_assert(either_check_msg(&e) == 1);
  cr_assert(EITHER_0(&e, disconnect) == 0);
  either_free(&e);
  stop(&s);
}

/* In its header, behind it, and in what it carries. */
static void stall_everywhere(bool robust) {
  static const size_t cuts[] = {1, 4, 5, 6, 20};
  for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
    stall_in_record(cuts[i], robust);
}

Test(stall_tls, in_a_record_does_not_hold_simple) {
  stall_everywhere(false);
}
Test(stall_tls, in_a_record_does_not_hold_robust) {
  stall_everywhere(true);
}

static void stall_in_handshake(size_t cut) {
  struct either e;
  struct server s;
  struct cost cost = {.calls = 0};
  cost_skip_under_valgrind();
  start(&s, in_a_handshake, cut);
  make(&e, &s, true);
  uv_sem_post(&s.go);
  while (uv_sem_trywait(&s.told) != 0)
    cr_assert(cost_check(&cost, &e) == 0);
  for (int i = 0; i < CALLS; i++)
    cr_assert(cost_check(&cost, &e) == 0);
  cost_expect_cheap(&cost);
  uv_sem_post(&s.go);
  while (!uvmqtt_robust_is_online(e.robust))
    cr_assert(either_check_msg(&e) == 0);
  cr_assert(EITHER_0(&e, disconnect) == 0);
  either_free(&e);
  stop(&s);
}

Test(stall_tls, in_the_handshake_of_a_reconnect_does_not_hold_robust) {
  stall_in_handshake(3);   /* in a header */
  stall_in_handshake(60);  /* in ServerHello */
  stall_in_handshake(200); /* behind it */
}
