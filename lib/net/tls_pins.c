#include "net/tls_pins.h"

#include "base/alloc.h"
#include <openssl/evp.h>
#include <string.h>

#define BASE64_LEN 44u /* of 32 bytes, with one "=" */

static bool digest_of(const X509 *cert, uint8_t *to) {
  uint8_t *der = NULL;
  size_t len = 0;
  int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
  bool good = n > 0 &&
              EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)n, to, &len) == 1;
  OPENSSL_free(der);
  return good;
}

bool um_tls_pin_fits(const uvmqtt_tls_t *tls, size_t n, const X509 *cert) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  if (n == 0)
    return true;
  if (cert == NULL || !digest_of(cert, digest))
    return false;
  for (size_t i = 0; i < n; i++)
    if (memcmp(tls->pins[i], digest, UM_TLS_PIN) == 0)
      return true;
  return false;
}

bool um_tls_pins_fit(const uvmqtt_tls_t *tls, size_t n,
                     STACK_OF(X509) * chain) {
  if (n == 0)
    return true;
  for (int i = 0; i < sk_X509_num(chain); i++)
    if (um_tls_pin_fits(tls, n, sk_X509_value(chain, i)))
      return true;
  return false;
}

static bool from_hex(const char *text, uint8_t *to) {
  size_t n = 0;
  return strlen(text) == 2 * UM_TLS_PIN &&
         OPENSSL_hexstr2buf_ex(to, UM_TLS_PIN, &n, text, '\0') == 1;
}

static bool from_base64(const char *text, uint8_t *to) {
  uint8_t room[3 * BASE64_LEN / 4];
  if (strlen(text) != BASE64_LEN || text[BASE64_LEN - 1] != '=' ||
      text[BASE64_LEN - 2] == '=')
    return false;
  if (EVP_DecodeBlock(room, (const uint8_t *)text, BASE64_LEN) !=
      (int)sizeof room)
    return false;
  memcpy(to, room, UM_TLS_PIN);
  return true;
}

static int add_pin(uvmqtt_tls_t *tls, const char *pin) {
  static const char prefix[] = "sha256//";
  size_t skip =
      strncmp(pin, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
  uint8_t digest[UM_TLS_PIN];
  if (!from_hex(pin + skip, digest) && !from_base64(pin + skip, digest))
    return um_tls_wrong(tls, "\"%.80s\" is no SHA-256 in hex or base64", pin);
  void *more = um_realloc(tls->pins, (tls->n_pins + 1) * UM_TLS_PIN);
  if (more == NULL)
    return UV_ENOMEM;
  tls->pins = more;
  memcpy(tls->pins[tls->n_pins++], digest, UM_TLS_PIN);
  return 0;
}

int uvmqtt_tls_add_pin(uvmqtt_tls_t *tls, const char *pin) {
  if (pin == NULL)
    return UV_EINVAL;
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls, add_pin(tls, pin));
}
