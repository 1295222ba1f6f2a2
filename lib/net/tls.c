/* TLS as a layer: OpenSSL between two buffers. */
#include "net/tls.h"

#include "base/alloc.h"
#include "net/filter.h"
#include "net/security.h"
#include "net/tls_bio.h"
#include "net/tls_name.h"
#include "net/tls_verify.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <uvmqtt/message.h>

/* Answers of OpenSSL's own, to a peer that does not read them. */
#define OUT_MAX (64u * 1024)

/* The servers of the route, by which one is connected in the end. */
struct host {
  char *name;
  uint16_t port;
};

struct tls {
  struct um_filter f; /* first */
  uvmqtt_tls_t *config;
  SSL *ssl; /* NULL before below is connected */
  struct um_tls_pipe pipe;
  uv_buf_t scratch; /* plain text, shared */
  struct host *hosts;
  size_t n_hosts;
  char *name;           /* that is verified */
  SSL_SESSION *offered; /* to be resumed; NULL: none */
  struct um_tls_trial trial;
  struct um_security security;
};

static struct tls *of(struct um_filter *f) {
  return (struct tls *)f;
}

/* Around each call of OpenSSL's: an error that somebody left in the queue would
 * be taken for ours, and ours must not be taken for his. */

enum verdict { GOOD, AGAIN, FINISHED, BAD };

static void begin(void) {
  ERR_clear_error();
}

static enum verdict verdict_of(const struct tls *t, int r) {
  switch (r > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r)) {
  case SSL_ERROR_NONE:
    return GOOD;
  case SSL_ERROR_WANT_READ:
    return AGAIN;
  case SSL_ERROR_ZERO_RETURN:
    return FINISHED;
  default:
    return BAD;
  }
}

static enum verdict end(const struct tls *t, int r) {
  enum verdict v = verdict_of(t, r);
  if (v != BAD) /* else um_tls_trial_failed reads what it was */
    ERR_clear_error();
  return v;
}

static int failed(struct tls *t) {
  t->f.stream.fault = &t->trial.fault;
  int r = um_tls_trial_failed(&t->trial, t->ssl);
  ERR_clear_error();
  return r;
}

/* Opening. */

/* Not SSL_set1_host, which takes for an address what no resolver would: it
 * reads "0127.0.0.1" as decimal. */
static int expect_name(struct tls *t) {
  X509_VERIFY_PARAM *to = SSL_get0_param(t->ssl);
  if (um_tls_is_address(t->name))
    return X509_VERIFY_PARAM_set1_ip_asc(to, t->name);
  return X509_VERIFY_PARAM_set1_host(to, t->name, 0);
}

static int set_name(struct tls *t) {
  if (um_tls_check_host(t->name))
    return um_tls_trial_fail(&t->trial, UVMQTT_EURL,
                             "the name of the host is not in ASCII, or too "
                             "long");
  SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (expect_name(t) != 1)
    return UV_ENOMEM;
  if (!um_tls_is_address(t->name) &&
      SSL_set_tlsext_host_name(t->ssl, t->name) != 1)
    return um_tls_trial_fail(&t->trial, UVMQTT_ETLSCONFIG,
                             "this cannot be sent as a server name");
  return 0;
}

static void set_session(struct tls *t) {
  uvmqtt_tls_t *config = t->config;
  if (!t->trial.terms.resumption)
    return;
  uv_mutex_lock(&config->lock);
  t->offered = um_tls_tickets_take(&config->tickets, &t->trial.key);
  uv_mutex_unlock(&config->lock);
  if (t->offered != NULL)
    SSL_set_session(t->ssl, t->offered);
}

/* A handshake that ended may have ended because of what was offered, be it
 * without a word; the next one is a full one. */
static void forget_session(struct tls *t) {
  if (t->offered == NULL)
    return;
  uv_mutex_lock(&t->config->lock);
  um_tls_tickets_forget(&t->config->tickets, t->offered);
  uv_mutex_unlock(&t->config->lock);
}

/* An SSL_CTX of the caller's own has its own callback for new sessions, or
 * none; its last session is asked for in the end. */
static void keep_session(struct tls *t) {
  SSL_SESSION *last = t->config->wrapped ? SSL_get1_session(t->ssl) : NULL;
  if (last == NULL)
    return;
  bool news = last != t->offered && SSL_SESSION_is_resumable(last);
  if (!news || !um_tls_trial_keep(&t->trial, last))
    SSL_SESSION_free(last);
}

/* What an SSL_CTX of the caller's own may want and cannot be done here. */
static void set_modes(SSL *ssl) {
  SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
  SSL_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
  SSL_clear_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ASYNC);
  SSL_set_read_ahead(ssl, 0);
}

static void set_callbacks(struct tls *t) {
  SSL_set_app_data(t->ssl, &t->trial);
  SSL_set_info_callback(t->ssl, um_tls_on_info);
  if (t->config->wrapped && t->trial.terms.verify)
    SSL_set_verify(t->ssl, SSL_get_verify_mode(t->ssl),
                   um_tls_on_their_verdict);
}

static int make_ssl(struct tls *t) {
  char text[UM_FAULT_TEXT];
  int r;
  SSL_CTX *ctx =
      um_tls_acquire(t->config, &t->trial.terms, &r, text, sizeof text);
  if (ctx == NULL)
    return um_tls_trial_fail(&t->trial, r, text);
  t->ssl = SSL_new(ctx);
  SSL_CTX_free(ctx);
  BIO *bio = t->ssl == NULL ? NULL : um_tls_bio_new(t->config->bio, &t->pipe);
  if (bio == NULL)
    return UV_ENOMEM;
  SSL_set_bio(t->ssl, bio, bio);
  set_modes(t->ssl);
  set_callbacks(t);
  SSL_set_connect_state(t->ssl);
  return 0;
}

static char *server_name(struct tls *t) {
  const struct host *host = &t->hosts[t->f.stream.server];
  uv_mutex_lock(&t->config->lock);
  const char *override = t->config->server_name;
  char *name = um_tls_name_of(override == NULL ? host->name : override);
  uv_mutex_unlock(&t->config->lock);
  return name;
}

static int prepare(struct tls *t) {
  t->name = server_name(t);
  if (t->name == NULL)
    return UV_ENOMEM;
  int r = make_ssl(t);
  if (r == 0)
    r = set_name(t);
  if (r)
    return r;
  t->trial.key =
      (struct um_tls_ticket_key){.host = t->hosts[t->f.stream.server].name,
                                 .port = t->hosts[t->f.stream.server].port,
                                 .name = t->name,
                                 .generation = t->trial.terms.generation};
  set_session(t);
  return 0;
}

/* What the peer turned out to be. 0, or the code. */
static int describe(struct tls *t) {
  struct um_security *s = &t->security;
  const unsigned char *alpn = NULL;
  unsigned len = 0;
  int r = um_tls_trial_end(&t->trial, t->ssl, &s->verified);
  if (r)
    return r;
  SSL_get0_alpn_selected(t->ssl, &alpn, &len);
  snprintf(s->protocol, sizeof s->protocol, "%.*s", (int)len,
           alpn == NULL ? "" : (const char *)alpn);
  s->resumed = SSL_session_reused(t->ssl);
  s->version = SSL_get_version(t->ssl);
  s->cipher = SSL_get_cipher_name(t->ssl);
  t->f.stream.security = s;
  return 0;
}

/* It is a KiB or more, and is no longer asked for but by keep_session. */
static void drop_offered(struct tls *t) {
  SSL_SESSION_free(t->offered);
  t->offered = NULL;
}

static int shake(struct tls *t, enum verdict *ret) {
  begin();
  *ret = end(t, SSL_do_handshake(t->ssl));
  if (*ret == GOOD && !t->config->wrapped)
    drop_offered(t);
  if (*ret == BAD)
    return failed(t);
  if (*ret == FINISHED)
    return um_tls_trial_fail(&t->trial, UV_EOF,
                             "the server ended TLS in the middle of the "
                             "handshake");
  return *ret == GOOD ? describe(t) : 0;
}

static void give_up(struct tls *t, int r) {
  t->f.stream.fault = &t->trial.fault;
  um_filter_end(&t->f, r);
}

static void tls_opened(struct um_filter *f) {
  struct tls *t = of(f);
  enum verdict v;
  begin();
  int r = prepare(t);
  ERR_clear_error();
  if (r == 0)
    r = shake(t, &v);
  if (r)
    give_up(t, r);
}

/* Reading. */

static bool is_flood(const struct tls *t) {
  return t->f.below->busy && t->f.out.len > OUT_MAX;
}

/* Gives the owner one record at most. False: no more now. */
static bool read_some(struct tls *t) {
  struct um_stream *s = &t->f.stream;
  size_t n = 0;
  begin();
  enum verdict v =
      end(t, SSL_read_ex(t->ssl, t->scratch.base, t->scratch.len, &n));
  if (v == GOOD)
    s->up->bytes(s->up_arg, (uint8_t *)t->scratch.base, n);
  else if (v == BAD)
    um_filter_end(&t->f, failed(t));
  else if (v == FINISHED)
    um_filter_end(&t->f, UV_EOF);
  else if (is_flood(t))
    give_up(t, um_tls_trial_fail(&t->trial, UVMQTT_ETLS,
                                 "the peer asks without end and does not "
                                 "read the answers"));
  return v == GOOD;
}

/* Tickets make OpenSSL take a buffer for writing, too, that only a write would
 * give back; an idle client has none for a while. Between a record's header and
 * its body ("RB") OpenSSL before 3.0.14 would free what it still needs. */
static void save_memory(struct tls *t) {
  bool between_records = strcmp(SSL_rstate_string(t->ssl), "RH") == 0;
  if (between_records && (SSL_get_mode(t->ssl) & SSL_MODE_RELEASE_BUFFERS))
    SSL_free_buffers(t->ssl); /* not those with something in them */
}

static void go_on_shaking(struct tls *t) {
  enum verdict v;
  int r = shake(t, &v);
  if (r)
    give_up(t, r);
  else if (v == GOOD)
    um_filter_connected(&t->f);
}

/* Who says anything else than a record speaks something else. OpenSSL would
 * wait for as many bytes as a record has. */
static bool is_foreign(struct tls *t, const uint8_t *data, size_t len) {
  bool *answered = &t->trial.fault.answered;
  if (*answered || len == 0)
    return false;
  *answered =
      *data >= SSL3_RT_CHANGE_CIPHER_SPEC && *data <= SSL3_RT_APPLICATION_DATA;
  return !*answered;
}

static size_t refuse_foreigner(struct tls *t, const uint8_t *data, size_t len) {
  struct um_fault *fault = &t->trial.fault;
  fault->n_first = len < sizeof fault->first ? len : sizeof fault->first;
  memcpy(fault->first, data, fault->n_first);
  give_up(t, um_tls_trial_fail(&t->trial, UVMQTT_ETLS,
                               "what the server says is no TLS"));
  return len;
}

static size_t tls_bytes(struct um_filter *f, uint8_t *data, size_t len) {
  struct tls *t = of(f);
  if (is_foreign(t, data, len))
    return refuse_foreigner(t, data, len);
  t->pipe.data = data;
  t->pipe.len = len;
  if (f->state == UM_FILTER_OPENING)
    go_on_shaking(t);
  while (f->state == UM_FILTER_UP && um_filter_reading(f) && read_some(t))
    ;
  save_memory(t);
  size_t left = t->pipe.len;
  t->pipe.len = 0;
  return len - left;
}

/* Writing. */

static int tls_write(struct um_filter *f, const struct um_buf *bytes) {
  struct tls *t = of(f);
  size_t n = 0;
  if (bytes->len == 0)
    return 0;
  begin();
  int r = SSL_write_ex(t->ssl, um_buf_head(bytes), bytes->len, &n);
  return end(t, r) == GOOD ? 0 : failed(t);
}

static void tls_finish(struct um_filter *f) {
  begin();
  SSL_shutdown(of(f)->ssl);
  ERR_clear_error();
}

static int tls_ended(struct um_filter *f, int status) {
  struct tls *t = of(f);
  if (f->state == UM_FILTER_OPENING && t->ssl != NULL) {
    um_tls_trial_fail(&t->trial, 0,
                      "the connection ended in the middle of the handshake");
    f->stream.fault = &t->trial.fault;
  }
  return status;
}

static void free_hosts(struct tls *t) {
  for (size_t i = 0; i < t->n_hosts; i++)
    um_free(t->hosts[i].name);
  um_free(t->hosts);
}

/* A session whose connection just ended may be resumed: without this OpenSSL
 * would take the end for an attack. */
static void tls_done(struct um_filter *f) {
  struct tls *t = of(f);
  begin();
  if (t->ssl == NULL || !SSL_is_init_finished(t->ssl)) {
    forget_session(t);
  } else if (t->trial.code == 0) {
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    keep_session(t);
  }
  drop_offered(t);
  SSL_free(t->ssl);
  ERR_clear_error();
  free_hosts(t);
  um_free(t->name);
  uvmqtt_tls_free(t->config);
}

static const struct um_filter_ops tls_ops = {
    .opened = tls_opened,
    .bytes = tls_bytes,
    .write = tls_write,
    .finish = tls_finish,
    .ended = tls_ended,
    .done = tls_done,
};

/* Making. */

static int copy_hosts(struct tls *t, const struct um_route *route) {
  t->hosts = um_calloc(route->n_servers, sizeof *t->hosts);
  if (t->hosts == NULL)
    return UV_ENOMEM;
  t->n_hosts = route->n_servers;
  for (size_t i = 0; i < t->n_hosts; i++) {
    t->hosts[i].port = route->servers[i].port;
    t->hosts[i].name = um_strdup(route->servers[i].host);
    if (t->hosts[i].name == NULL)
      return UV_ENOMEM;
  }
  return 0;
}

static int init(struct tls *t, const struct um_route *route,
                const struct um_chain *below, const struct um_stream_up *up,
                void *up_arg) {
  int r = copy_hosts(t, route);
  if (r)
    return r;
  t->config = uvmqtt_tls_ref(route->tls);
  t->scratch = route->scratch;
  t->pipe.out = &t->f.out;
  um_tls_trial_init(&t->trial, t->config);
  return um_filter_init(&t->f, &tls_ops, UVMQTT_PHASE_TLS, route, below, up,
                        up_arg);
}

int um_tls_layer(const struct um_route *route, const struct um_chain *below,
                 const struct um_stream_up *up, void *up_arg,
                 struct um_stream **ret) {
  struct tls *t = um_calloc(1, sizeof *t);
  if (t == NULL)
    return UV_ENOMEM;
  int r = init(t, route, below, up, up_arg);
  if (r == 0) {
    *ret = &t->f.stream;
    return 0;
  }
  free_hosts(t);
  uvmqtt_tls_free(t->config);
  um_free(t);
  return r;
}
