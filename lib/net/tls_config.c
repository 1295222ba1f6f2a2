#include "net/tls_config.h"

#include "base/alloc.h"
#include "net/tls.h"
#include "net/tls_bio.h"
#include "net/tls_text.h"
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Life. */

static uvmqtt_tls_t *make(void) {
  uvmqtt_tls_t *tls = um_calloc(1, sizeof *tls);
  if (tls == NULL || uv_mutex_init(&tls->lock)) {
    um_free(tls);
    return NULL;
  }
  atomic_init(&tls->refs, 1);
  um_tls_tickets_init(&tls->tickets);
  tls->verify = tls->resumption = true;
  tls->min_version = TLS1_2_VERSION;
  tls->bio = um_tls_bio_method();
  return tls;
}

int uvmqtt_tls_new(uvmqtt_tls_protocol_t protocol, uvmqtt_tls_t **ret) {
  if (protocol != UVMQTT_TLS_CLIENT || ret == NULL)
    return UV_EINVAL;
  uvmqtt_tls_t *tls = make();
  if (tls != NULL && tls->bio == NULL) {
    uvmqtt_tls_free(tls);
    tls = NULL;
  }
  if (tls == NULL)
    return UV_ENOMEM;
  *ret = tls;
  return 0;
}

/* Not a server's, and not for datagrams. */
static bool is_for_us(const SSL_CTX *ctx) {
  const SSL_METHOD *others[] = {TLS_server_method(), DTLS_method(),
                                DTLS_client_method(), DTLS_server_method()};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (SSL_CTX_get_ssl_method(ctx) == others[i])
      return false;
  return true;
}

int uvmqtt_tls_wrap(struct ssl_ctx_st *ssl_ctx, uvmqtt_tls_t **ret) {
  if (ssl_ctx == NULL || ret == NULL)
    return UV_EINVAL;
  if (!is_for_us(ssl_ctx))
    return UVMQTT_ETLSCONFIG;
  int r = uvmqtt_tls_new(UVMQTT_TLS_CLIENT, ret);
  if (r)
    return r;
  SSL_CTX_up_ref(ssl_ctx);
  (*ret)->ctx = ssl_ctx;
  (*ret)->wrapped = true;
  return 0;
}

uvmqtt_tls_t *uvmqtt_tls_ref(uvmqtt_tls_t *tls) {
  if (tls != NULL)
    atomic_fetch_add(&tls->refs, 1);
  return tls;
}

void um_tls_config_done(uvmqtt_tls_t *tls) {
  um_tls_tickets_clear(&tls->tickets);
  SSL_CTX_free(tls->ctx);
  um_tls_trust_done(&tls->trust);
  um_tls_identity_done(&tls->identity);
  um_tls_psk_done(&tls->psk);
  um_free(tls->pins);
  um_free(tls->alpn);
  um_free(tls->ciphers);
  um_free(tls->ciphersuites);
  um_free(tls->server_name);
  BIO_free(tls->keylog);
  BIO_meth_free(tls->bio);
  uv_mutex_destroy(&tls->lock);
  um_free(tls);
}

void uvmqtt_tls_free(uvmqtt_tls_t *tls) {
  if (tls == NULL)
    return;
  if (tls->is_default)
    um_tls_default_free(tls);
  else if (atomic_fetch_sub(&tls->refs, 1) == 1)
    um_tls_config_done(tls);
}

/* Calls. */

int um_tls_begin(uvmqtt_tls_t *tls) {
  if (tls == NULL)
    return UV_EINVAL;
  uv_mutex_lock(&tls->lock);
  ERR_clear_error();
  tls->error[0] = '\0';
  if (!tls->wrapped)
    return 0;
  return um_tls_end(tls, um_tls_wrong(tls, "it was made from an SSL_CTX, which "
                                           "is not changed"));
}

/* The SSL_CTX is made anew for the next connection. */
int um_tls_end(uvmqtt_tls_t *tls, int r) {
  if (r == 0 && !tls->wrapped) {
    SSL_CTX_free(tls->ctx);
    tls->ctx = NULL;
  }
  ERR_clear_error();
  uv_mutex_unlock(&tls->lock);
  return r;
}

int um_tls_wrong(uvmqtt_tls_t *tls, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  vsnprintf(tls->error, sizeof tls->error, format, ap);
  va_end(ap);
  um_tls_text_errors(tls->error, sizeof tls->error);
  return UVMQTT_ETLSCONFIG;
}

const char *uvmqtt_tls_error(const uvmqtt_tls_t *tls) {
  return tls == NULL ? "" : tls->error;
}

/* Settings that need no more than being kept. */

static int set_bool(uvmqtt_tls_t *tls, size_t offset, bool value) {
  int r = um_tls_begin(tls);
  if (r)
    return r;
  *(bool *)((char *)tls + offset) = value;
  return um_tls_end(tls, 0);
}

int uvmqtt_tls_set_verify_mode(uvmqtt_tls_t *tls, uvmqtt_verify_mode_t mode) {
  if (mode != UVMQTT_CERT_NONE && mode != UVMQTT_CERT_REQUIRED)
    return UV_EINVAL;
  return set_bool(tls, offsetof(uvmqtt_tls_t, verify),
                  mode == UVMQTT_CERT_REQUIRED);
}

int uvmqtt_tls_require_staple(uvmqtt_tls_t *tls, bool on) {
  return set_bool(tls, offsetof(uvmqtt_tls_t, staple), on);
}

int uvmqtt_tls_set_resumption(uvmqtt_tls_t *tls, bool on) {
  return set_bool(tls, offsetof(uvmqtt_tls_t, resumption), on);
}

int uvmqtt_tls_set_low_memory(uvmqtt_tls_t *tls, bool on) {
  return set_bool(tls, offsetof(uvmqtt_tls_t, low_memory), on);
}

static bool is_version(uvmqtt_tls_version_t v) {
  return v == UVMQTT_TLS_1_2 || v == UVMQTT_TLS_1_3;
}

int uvmqtt_tls_set_versions(uvmqtt_tls_t *tls, uvmqtt_tls_version_t min,
                            uvmqtt_tls_version_t max) {
  if (!is_version(min) || !is_version(max) || min > max)
    return UV_EINVAL;
  int r = um_tls_begin(tls);
  if (r)
    return r;
  tls->min_version = (int)min;
  tls->max_version = (int)max;
  return um_tls_end(tls, 0);
}

/* NULL is a value. */
static int replace_string(char **to, const char *from) {
  char *copy = from == NULL ? NULL : um_strdup(from);
  if (copy == NULL && from != NULL)
    return UV_ENOMEM;
  um_free(*to);
  *to = copy;
  return 0;
}

/* Names of hosts differ only where the settings do not matter. */
int uvmqtt_tls_set_server_name(uvmqtt_tls_t *tls, const char *name) {
  if (tls == NULL)
    return UV_EINVAL;
  uv_mutex_lock(&tls->lock);
  tls->error[0] = '\0';
  int r = 0;
  if (name != NULL && um_tls_check_host(name))
    r = um_tls_wrong(tls, "\"%.253s\" is no host name in ASCII", name);
  if (r == 0)
    r = replace_string(&tls->server_name, name);
  return um_tls_end(tls, r);
}

/* Ciphers, tried on an SSL_CTX of their own. */

int um_tls_use_ciphers(SSL_CTX *ctx, const char *list) {
  size_t size = strlen(list) + sizeof UM_TLS_NEVER;
  char *text = um_malloc(size);
  if (text == NULL)
    return 0;
  snprintf(text, size, "%s%s", list, UM_TLS_NEVER);
  int good = SSL_CTX_set_cipher_list(ctx, text);
  um_free(text);
  return good;
}

static int try_on_new(int (*set)(SSL_CTX *, const char *), const char *list) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  if (ctx == NULL)
    return UV_ENOMEM;
  bool good = set(ctx, list) == 1;
  SSL_CTX_free(ctx);
  return good ? 0 : UVMQTT_ETLSCONFIG;
}

static int set_list(uvmqtt_tls_t *tls, int (*set)(SSL_CTX *, const char *),
                    char **to, const char *list) {
  int r = list == NULL ? 0 : try_on_new(set, list);
  if (r == UVMQTT_ETLSCONFIG)
    r = um_tls_wrong(tls, "no cipher is meant by \"%.200s\"", list);
  return r ? r : replace_string(to, list);
}

int uvmqtt_tls_set_ciphers(uvmqtt_tls_t *tls, const char *list) {
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls,
                    set_list(tls, um_tls_use_ciphers, &tls->ciphers, list));
}

int uvmqtt_tls_set_ciphersuites(uvmqtt_tls_t *tls, const char *list) {
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(
      tls, set_list(tls, SSL_CTX_set_ciphersuites, &tls->ciphersuites, list));
}

/* ALPN, kept as it goes over the wire: each name after its length. */

static size_t alpn_size(const char *const *names, size_t n) {
  size_t size = 0;
  for (size_t i = 0; i < n; i++) {
    size_t len = names[i] == NULL ? 0 : strlen(names[i]);
    if (len == 0 || len > UINT8_MAX)
      return 0;
    size += 1 + len;
  }
  return size;
}

static void alpn_write(uint8_t *to, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t len = strlen(names[i]);
    *to++ = (uint8_t)len;
    memcpy(to, names[i], len);
    to += len;
  }
}

static int set_alpn(uvmqtt_tls_t *tls, const char *const *names, size_t n) {
  size_t size = alpn_size(names, n);
  if (n != 0 && (size == 0 || size > UINT16_MAX))
    return um_tls_wrong(tls, "a protocol's name has 1 to 255 bytes");
  uint8_t *wire = um_malloc(size + 1);
  if (wire == NULL)
    return UV_ENOMEM;
  alpn_write(wire, names, n);
  um_free(tls->alpn);
  tls->alpn = wire;
  tls->alpn_len = size;
  return 0;
}

int uvmqtt_tls_set_alpn(uvmqtt_tls_t *tls, const char *const *names, size_t n) {
  if (names == NULL && n != 0)
    return UV_EINVAL;
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls, set_alpn(tls, names, n));
}

/* The key log: each line with one write, so that lines of processes that share
 * the file do not mix. */

static int open_keylog(uvmqtt_tls_t *tls, const char *path) {
  BIO *file = NULL;
  if (path != NULL) {
    uv_fs_t request;
    int fd =
        uv_fs_open(NULL, &request, path,
                   UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_APPEND, 0600, NULL);
    uv_fs_req_cleanup(&request);
    if (fd < 0)
      return um_tls_wrong(tls, "cannot write to %.300s: %s", path,
                          uv_strerror(fd));
    file = BIO_new_fd(fd, BIO_CLOSE);
    if (file == NULL)
      return UV_ENOMEM;
  }
  BIO_free(tls->keylog);
  tls->keylog = file;
  return 0;
}

int uvmqtt_tls_set_keylog_file(uvmqtt_tls_t *tls, const char *path) {
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls, open_keylog(tls, path));
}
