/* A library without TLS (meson option tls): each call says so. */
#include "net/tls.h"

#include <uv.h>
#include <uvmqtt/error.h>

const bool um_tls_available = false;

int um_tls_layer(const struct um_route *route, const struct um_chain *below,
                 const struct um_stream_up *up, void *up_arg,
                 struct um_stream **ret) {
  (void)route;
  (void)below;
  (void)up;
  (void)up_arg;
  (void)ret;
  return UVMQTT_ENOTSUP;
}

int um_tls_default(uvmqtt_tls_t **ret) {
  (void)ret;
  return UVMQTT_ENOTSUP;
}

int um_tls_prepare(uvmqtt_tls_t *tls) {
  (void)tls;
  return UVMQTT_ENOTSUP;
}

unsigned um_tls_warnings(uvmqtt_tls_t *tls) {
  (void)tls;
  return 0;
}

int um_tls_check_host(const char *host) {
  (void)host;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_new(uvmqtt_tls_protocol_t protocol, uvmqtt_tls_t **ret) {
  (void)protocol;
  (void)ret;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_wrap(struct ssl_ctx_st *ssl_ctx, uvmqtt_tls_t **ret) {
  (void)ssl_ctx;
  (void)ret;
  return UVMQTT_ENOTSUP;
}

uvmqtt_tls_t *uvmqtt_tls_ref(uvmqtt_tls_t *tls) {
  return tls;
}

void uvmqtt_tls_free(uvmqtt_tls_t *tls) {
  (void)tls;
}

const char *uvmqtt_tls_error(const uvmqtt_tls_t *tls) {
  (void)tls;
  return "this library was built without TLS";
}

int uvmqtt_tls_set_verify_mode(uvmqtt_tls_t *tls, uvmqtt_verify_mode_t mode) {
  (void)tls;
  (void)mode;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_load_verify_locations(uvmqtt_tls_t *tls, const char *ca) {
  (void)tls;
  (void)ca;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_load_cert_chain(uvmqtt_tls_t *tls, const char *cert,
                               const char *key) {
  (void)tls;
  (void)cert;
  (void)key;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_passphrase_cb(uvmqtt_tls_t *tls, uvmqtt_tls_passphrase_cb cb,
                                 void *arg) {
  (void)tls;
  (void)cb;
  (void)arg;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_load_crl(uvmqtt_tls_t *tls, const char *crl,
                        uvmqtt_crl_scope_t scope) {
  (void)tls;
  (void)crl;
  (void)scope;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_add_pin(uvmqtt_tls_t *tls, const char *pin) {
  (void)tls;
  (void)pin;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_require_staple(uvmqtt_tls_t *tls, bool on) {
  (void)tls;
  (void)on;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_alpn(uvmqtt_tls_t *tls, const char *const *names, size_t n) {
  (void)tls;
  (void)names;
  (void)n;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_versions(uvmqtt_tls_t *tls, uvmqtt_tls_version_t min,
                            uvmqtt_tls_version_t max) {
  (void)tls;
  (void)min;
  (void)max;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_ciphers(uvmqtt_tls_t *tls, const char *list) {
  (void)tls;
  (void)list;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_ciphersuites(uvmqtt_tls_t *tls, const char *list) {
  (void)tls;
  (void)list;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_psk(uvmqtt_tls_t *tls, const char *identity,
                       uvmqtt_bytes_t key) {
  (void)tls;
  (void)identity;
  (void)key;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_server_name(uvmqtt_tls_t *tls, const char *name) {
  (void)tls;
  (void)name;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_keylog_file(uvmqtt_tls_t *tls, const char *path) {
  (void)tls;
  (void)path;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_resumption(uvmqtt_tls_t *tls, bool on) {
  (void)tls;
  (void)on;
  return UVMQTT_ENOTSUP;
}

int uvmqtt_tls_set_low_memory(uvmqtt_tls_t *tls, bool on) {
  (void)tls;
  (void)on;
  return UVMQTT_ENOTSUP;
}
