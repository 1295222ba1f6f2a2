#include "net/tls_rig.h"

#include "support/planted.h"
#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/error.h>
#include <uvmqtt/message.h>

static struct tls_rig *current;

/* The layer below. */
static int memory(const struct um_route *route, const struct um_chain *below,
                  const struct um_stream_up *up, void *up_arg,
                  struct um_stream **ret) {
  (void)below;
  memstream_new(route->turns, up, up_arg, true, &current->below);
  *ret = &current->below->stream;
  return 0;
}

void rig_poison(void) {
  ERR_raise(ERR_LIB_RSA, ERR_R_FATAL);
  ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
}

static void enter(struct tls_rig *r) {
  if (r->poison)
    rig_poison();
}

/* What the layer says. */

static void note_security(struct tls_rig *r) {
  cr_assert_not_null(r->s->security);
  r->security = *r->s->security;
  snprintf(r->version, sizeof r->version, "%s", r->security.version);
}

static void note(struct tls_rig *r, enum moment m) {
  if (m == CONNECTED)
    note_security(r);
  if (m != ENDED || r->s->fault == NULL)
    return;
  r->fault = *r->s->fault;
  planted_look("the fault", r->fault.text);
  planted_look("the fault's subject", r->fault.subject);
  planted_look("the fault's names", r->fault.names);
}

static void leave(struct tls_rig *r) {
  enter(r);
}

#define RIG struct tls_rig
#include "net/hearing.h"

/* Life. */

void rig_init(struct tls_rig *r) {
  memset(r, 0, sizeof *r);
  current = r;
  cr_assert_eq(uv_loop_init(&r->loop), 0);
  um_turns_init(&r->turns, &r->loop);
  r->ca = pki_ca("the CA");
  r->host = "localhost";
  r->port = 8883;
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &r->tls), 0);
  cr_assert_eq(uvmqtt_tls_load_verify_locations(r->tls, r->ca.pem), 0, "%s",
               uvmqtt_tls_error(r->tls));
  r->peer_ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_security_level(r->peer_ctx, 0); /* it may be bad */
  SSL_CTX_set_session_id_context(r->peer_ctx, (const unsigned char *)"s", 1);
  rig_use_server(r, pki_server(&r->ca));
  um_buf_init(&r->got, SIZE_MAX, NULL);
  um_buf_init(&r->peer_got, SIZE_MAX, NULL);
}

void rig_use_server(struct tls_rig *r, struct pki server) {
  pki_done(&r->server);
  r->server = server;
  cr_assert_eq(SSL_CTX_use_certificate(r->peer_ctx, server.cert), 1);
  cr_assert_eq(SSL_CTX_use_PrivateKey(r->peer_ctx, server.key), 1);
}

static void drop_peer(struct tls_rig *r) {
  SSL_free(r->peer);
  r->peer = NULL;
  um_buf_done(&r->got);
  um_buf_done(&r->peer_got);
  ERR_clear_error();
}

void rig_done(struct tls_rig *r) {
  r->poison = false;
  rig_close(r);
  drop_peer(r);
  SSL_CTX_free(r->peer_ctx);
  uvmqtt_tls_free(r->tls);
  pki_done(&r->ca);
  pki_done(&r->server);
  pki_files_done();
  cr_assert_eq(uv_loop_close(&r->loop), 0);
}

void rig_open(struct tls_rig *r) {
  struct um_server server = {.host = r->host, .port = r->port};
  struct um_route route = {
      .turns = &r->turns,
      .transport = UM_TRANSPORT_TLS,
      .servers = &server,
      .n_servers = 1,
      .scratch = uv_buf_init((char *)r->scratch, sizeof r->scratch),
      .tls = r->tls,
  };
  um_layer *layers[] = {memory, um_tls_layer};
  cr_assert_eq(um_route_open_layers(&route, layers, 2, &hearing_up, r, &r->s),
               0);
  r->peer = SSL_new(r->peer_ctx);
  r->peer_in = BIO_new(BIO_s_mem());
  r->peer_out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(r->peer_in, -1);
  SSL_set_bio(r->peer, r->peer_in, r->peer_out);
  SSL_set_accept_state(r->peer);
}

void rig_connect(struct tls_rig *r) {
  rig_open(r);
  r->in_call = true;
  r->s->ops->connect(r->s);
  r->in_call = false;
  enter(r);
  memstream_connected(r->below);
}

void rig_close(struct tls_rig *r) {
  if (r->s != NULL && !r->closing) {
    r->closing = r->in_call = true;
    r->s->ops->close(r->s);
    r->in_call = false;
  }
  cr_assert_eq(uv_run(&r->loop, UV_RUN_DEFAULT), 0);
  cr_assert_null(r->s);
  cr_assert_null(r->below);
}

void rig_again(struct tls_rig *r) {
  rig_close(r);
  drop_peer(r);
  r->closing = r->peer_done = false;
  r->peer_error = r->status = 0;
  r->taken = r->written = r->sent = 0;
  memset(r->count, 0, sizeof r->count);
  memset(&r->fault, 0, sizeof r->fault);
}

/* The wire. */

static bool to_peer(struct tls_rig *r) {
  struct um_buf *out = &r->below->out;
  size_t n = out->len;
  if (n == 0)
    return false;
  BIO_write(r->peer_in, um_buf_head(out), (int)n);
  um_buf_consume(out, n);
  r->sent += n;
  return true;
}

static void peer_gives_up(struct tls_rig *r, int result) {
  int e = SSL_get_error(r->peer, result);
  if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
    r->peer_error = e;
}

static void peer_works(struct tls_rig *r) {
  char text[20000];
  int n;
  ERR_clear_error();
  if (r->peer_error != 0)
    return;
  while ((n = SSL_read(r->peer, text, sizeof text)) > 0)
    cr_assert_eq(um_buf_append(&r->peer_got, text, (size_t)n), 0);
  peer_gives_up(r, n);
  r->peer_done = SSL_is_init_finished(r->peer);
  ERR_clear_error();
}

static bool may_feed(const struct tls_rig *r) {
  return r->below != NULL && !r->below->closing && !r->below->ended;
}

static bool to_client(struct tls_rig *r) {
  char *data;
  long n = BIO_get_mem_data(r->peer_out, &data);
  if (n <= 0 || r->peer_mute)
    return false;
  char *copy = malloc((size_t)n);
  memcpy(copy, data, (size_t)n);
  (void)BIO_reset(r->peer_out);
  size_t step = r->cut == 0 ? (size_t)n : r->cut;
  for (size_t at = 0; at < (size_t)n && may_feed(r); at += step) {
    enter(r);
    size_t left = (size_t)n - at;
    memstream_feed(r->below, copy + at, left < step ? left : step);
  }
  free(copy);
  return true;
}

void rig_carry(struct tls_rig *r) {
  bool more = true;
  while (more && may_feed(r)) {
    more = to_peer(r);
    peer_works(r);
    more = to_client(r) || more;
  }
}

void rig_up(struct tls_rig *r) {
  rig_connect(r);
  rig_carry(r);
  cr_assert_eq(r->count[CONNECTED], 1, "%s: ended %d: %s",
               SSL_get_version(r->peer), r->status, r->fault.text);
  rig_read(r, true);
  rig_turn(r); /* what came meanwhile, such as tickets */
  rig_carry(r);
  cr_assert(r->peer_done);
}

void rig_refuses(struct tls_rig *r, int code, const char *text) {
  rig_connect(r);
  rig_carry(r);
  cr_assert_eq(r->count[CONNECTED], 0, "it was accepted");
  cr_assert_eq(r->count[ENDED], 1);
  cr_expect_eq(r->status, code, "%d: %s", r->status, r->fault.text);
  cr_expect_not_null(strstr(r->fault.text, text), "\"%s\" is not in \"%s\"",
                     text, r->fault.text);
  cr_expect_eq(r->peer_got.len, 0);
  if (r->below != NULL && !r->below->closing) {
    to_peer(r);
    peer_works(r);
  }
  cr_expect_eq(r->peer_got.len, 0, "the server was told something");
}

/* Calls. */

void rig_read(struct tls_rig *r, bool on) {
  enter(r);
  r->in_call = true;
  r->s->ops->read(r->s, on);
  r->in_call = false;
}

int rig_write(struct tls_rig *r, const void *data, size_t len) {
  struct um_buf b;
  size_t taken = 0;
  enter(r);
  um_buf_init(&b, SIZE_MAX, NULL);
  cr_assert_eq(um_buf_append(&b, data, len), 0);
  r->in_call = true;
  int result = r->s->ops->write(r->s, &b, &taken);
  r->in_call = false;
  cr_assert_eq(b.len, 0, "write leaves nothing behind");
  um_buf_done(&b);
  r->taken += taken;
  r->written += len;
  return result;
}

void rig_peer_write(struct tls_rig *r, const void *data, size_t len) {
  ERR_clear_error();
  cr_assert_eq(SSL_write(r->peer, data, (int)len), (int)len);
}

void rig_turn(struct tls_rig *r) {
  for (int i = 0; i < 4; i++)
    uv_run(&r->loop, UV_RUN_NOWAIT);
}

void rig_serve(struct tls_rig *r, const struct pki_wish *w) {
  rig_init(r);
  rig_use_server(r, pki_make(w, &r->ca));
}

void rig_expect_code(const struct tls_rig *r, int verify_code) {
  cr_expect_eq(r->fault.verify_code, verify_code, "%d", r->fault.verify_code);
}

/* The CAs of the system are those of SSL_CERT_FILE. */
void rig_make_system_trust(const struct pki *ca) {
  setenv("SSL_CERT_FILE", pki_file("system.pem", ca->pem), 1);
}

void rig_forget_ca(struct tls_rig *r) {
  uvmqtt_tls_free(r->tls);
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &r->tls), 0);
}
