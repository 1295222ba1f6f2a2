#include "base/utf8.h"
#include "support/suite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

SUITE(utf8);

/* Naive: a number is encoded and compared. */
static size_t encode(uint32_t c, uint8_t *s) {
  if (c < 0x80) {
    s[0] = (uint8_t)c;
    return 1;
  }
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, c >>= 6)
    s[i] = (uint8_t)(0x80 | (c & 0x3F));
  s[0] = (uint8_t)((0xF00u >> n & 0xFF) | c);
  return n;
}

static bool legal(uint32_t c) {
  return c > 0 && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
}

static bool valid(const uint8_t *s, size_t len) {
  uint8_t *copy = malloc(len + 1); /* ASan sees a read behind the end */
  memcpy(copy + 1, s, len);
  bool ret = um_utf8_valid((char *)copy + 1, len);
  free(copy);
  return ret;
}

/* [MQTT-1.5.3-1/311] [MQTT-1.5.4-1/5] [MQTT-1.5.3-2/311] [MQTT-1.5.4-2/5] */
Test(utf8, knows_every_code_point) {
  uint8_t s[8];
  for (uint32_t c = 0; c < 0x200000; c++) {
    size_t n = encode(c, s);
    cr_assert_eq(um_utf8_valid((char *)s, n), legal(c), "U+%04X", c);
  }
}

/* All sequences of up to three bytes: valid exactly when they are made of
 * encodings of legal code points. */
static bool naive(const uint8_t *s, size_t len) {
  if (len == 0)
    return true;
  for (size_t n = 1; n <= 4 && n <= len; n++) {
    uint32_t c = n == 1 ? s[0] : s[0] & (0x7Fu >> n);
    uint8_t again[8];
    for (size_t i = 1; i < n; i++)
      c = c << 6 | (s[i] & 0x3F);
    if (legal(c) && encode(c, again) == n && memcmp(again, s, n) == 0)
      return naive(s + n, len - n);
  }
  return false;
}

Test(utf8, agrees_with_a_naive_validator_on_all_short_strings) {
  for (uint32_t i = 0; i < 1u << 24; i++) {
    uint8_t s[] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    if (i < 0x800000 && i % 5) /* ASCII first: a sample is enough */
      continue;
    if (um_utf8_valid((char *)s, 3) != naive(s, 3))
      cr_assert_fail("%02x %02x %02x", s[0], s[1], s[2]);
  }
}

Test(utf8, agrees_with_a_naive_validator_on_random_strings) {
  static const uint8_t bytes[] = {0x00, 0x01, 0x41, 0x7F, 0x80, 0x8F, 0x90,
                                  0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                  0xE0, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1,
                                  0xF3, 0xF4, 0xF5, 0xFF};
  size_t agreed = 0;
  srand(1);
  for (int i = 0; i < 300000; i++) {
    uint8_t s[40];
    size_t len = (size_t)rand() % sizeof s, special = (size_t)rand() % 5;
    memset(s, 'x', sizeof s);
    for (size_t k = 0; k < special && len > 0; k++)
      s[(size_t)rand() % len] = bytes[(size_t)rand() % sizeof bytes];
    if (rand() % 3 == 0 && len > 4)
      encode(0x10000 + (uint32_t)rand() % 0x1000, s + len - 4);
    bool ours = valid(s, len);
    cr_assert_eq(ours, naive(s, len));
    agreed += ours;
  }
  cr_assert_gt(agreed, 10000);
}

Test(utf8, sequence_cut_short_at_the_end_is_invalid) {
  static const uint8_t s[] = "abcdefgh\xf0\x9f\x98\x80";
  for (size_t len = 0; len <= 12; len++)
    cr_assert_eq(valid(s, len), len <= 8 || len == 12);
}
