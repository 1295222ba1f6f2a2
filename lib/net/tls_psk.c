/* A key shared with the server. */
#include "base/alloc.h"
#include "net/tls_config.h"
#include <string.h>

#define IDENTITY_MAX 255u /* of OpenSSL on 1.2 it is 256 with its NUL */
#define KEY_MIN 16u
#define KEY_MAX 512u

void um_tls_psk_done(struct um_tls_psk *psk) {
  um_wipe(psk->key, psk->len);
  um_free(psk->key);
  um_free(psk->identity);
  memset(psk, 0, sizeof *psk);
}

static int make(const char *identity, uvmqtt_bytes_t key,
                struct um_tls_psk *ret) {
  *ret = (struct um_tls_psk){.identity = um_strdup(identity),
                             .key = um_memdup(key.data, key.len),
                             .len = key.len};
  if (ret->identity != NULL && ret->key != NULL)
    return 0;
  if (ret->key == NULL)
    ret->len = 0;
  um_tls_psk_done(ret);
  return UV_ENOMEM;
}

/* The store is made anew, without the CAs of the system. */
static int replace(uvmqtt_tls_t *tls, const char *identity,
                   uvmqtt_bytes_t key) {
  struct um_tls_psk new;
  size_t len = strlen(identity);
  if (len == 0 || len > IDENTITY_MAX)
    return um_tls_wrong(tls, "an identity has 1 to 255 bytes");
  if (key.len < KEY_MIN || key.len > KEY_MAX)
    return um_tls_wrong(tls, "a shared key has 16 to 512 bytes");
  int r = make(identity, key, &new);
  if (r)
    return r;
  um_tls_psk_done(&tls->psk);
  tls->psk = new;
  X509_STORE_free(tls->trust.store);
  tls->trust.store = NULL;
  return 0;
}

int uvmqtt_tls_set_psk(uvmqtt_tls_t *tls, const char *identity,
                       uvmqtt_bytes_t key) {
  if (identity == NULL || (key.data == NULL && key.len != 0))
    return UV_EINVAL;
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls, replace(tls, identity, key));
}
