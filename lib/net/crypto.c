#include "net/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <uv.h>

int um_random(uint8_t *ret, size_t len) {
  ERR_clear_error();
  if (RAND_bytes(ret, (int)len) == 1)
    return 0;
  ERR_clear_error(); /* a stale error would end a TLS connection */
  return UV_EIO;
}

int um_sha1(const void *data, size_t len, uint8_t *ret) {
  ERR_clear_error();
  if (EVP_Digest(data, len, ret, NULL, EVP_sha1(), NULL) == 1)
    return 0;
  ERR_clear_error();
  return UV_ENOTSUP;
}
