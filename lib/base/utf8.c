#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (x))

/* Are all eight of 0x01 to 0x7F? Subtracting one sets the top bit of a zero
 * byte; the borrow it causes cannot hide anything. */
static bool plain_word(const uint8_t *p) {
  uint64_t w;
  memcpy(&w, p, sizeof w);
  return (((w - EACH_BYTE(0x01)) | w) & EACH_BYTE(0x80)) == 0;
}

static bool tail(uint8_t c) {
  return (c & 0xC0) == 0x80;
}

/* What may follow a first byte: how many tails, and the range of the first of
 * them, which keeps overlong forms, surrogates and numbers above U+10FFFF out.
 * Unicode Standard, table 3-7. */
static const struct {
  uint8_t first, last, tails, low, high;
} forms[] = {
    {0x01, 0x7F, 0, 0, 0},       {0xC2, 0xDF, 1, 0x80, 0xBF},
    {0xE0, 0xE0, 2, 0xA0, 0xBF}, {0xE1, 0xEC, 2, 0x80, 0xBF},
    {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF},
    {0xF0, 0xF0, 3, 0x90, 0xBF}, {0xF1, 0xF3, 3, 0x80, 0xBF},
    {0xF4, 0xF4, 3, 0x80, 0x8F},
};

/* How many bytes the character at p has; 0 when it is not one. */
static size_t character(const uint8_t *p, size_t len) {
  size_t i = 0;
  while (p[0] > forms[i].last)
    if (++i == sizeof forms / sizeof forms[0])
      return 0;
  if (p[0] < forms[i].first || forms[i].tails >= len)
    return 0;
  if (forms[i].tails > 0 && (p[1] < forms[i].low || p[1] > forms[i].high))
    return 0;
  for (size_t k = 2; k <= forms[i].tails; k++)
    if (!tail(p[k]))
      return 0;
  return 1 + (size_t)forms[i].tails;
}

bool um_utf8_valid(const char *s, size_t len) {
  const uint8_t *p = (const uint8_t *)s;
  size_t at = 0;
  while (at < len) {
    if (len - at >= 8 && plain_word(p + at)) {
      at += 8;
      continue;
    }
    size_t n = character(p + at, len - at);
    if (n == 0)
      return false;
    at += n;
  }
  return true;
}
