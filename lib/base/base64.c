#include "base/base64.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void um_base64(const uint8_t *data, size_t len, char *ret) {
  for (; len > 0; ret += 4) {
    size_t n = len < 3 ? len : 3;
    uint32_t bits = (uint32_t)data[0] << 16;
    if (n > 1)
      bits |= (uint32_t)data[1] << 8;
    if (n > 2)
      bits |= data[2];
    ret[0] = digits[bits >> 18];
    ret[1] = digits[bits >> 12 & 63];
    ret[2] = n > 1 ? digits[bits >> 6 & 63] : '=';
    ret[3] = n > 2 ? digits[bits & 63] : '=';
    data += n;
    len -= n;
  }
  *ret = '\0';
}
