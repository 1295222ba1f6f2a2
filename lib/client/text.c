#include "client/text.h"

#include "base/utf8.h"
#include <stdbool.h>
#include <stdint.h>

static bool is_continuation(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes of the character at `s`; 1, too, for what is no UTF-8. */
static size_t length_of(const char *s) {
  size_t n = 1;
  while (n < 4 && is_continuation(s[n]))
    n++;
  return um_utf8_valid(s, n) ? n : 1;
}

/* Of 2 or 3 bytes. */
static uint32_t code_point(const char *s, size_t n) {
  uint32_t c = (unsigned char)s[0] & (n == 2 ? 0x1Fu : 0x0Fu);
  for (size_t i = 1; i < n; i++)
    c = c << 6 | ((unsigned char)s[i] & 0x3Fu);
  return c;
}

static bool is_control(const char *s, size_t n) {
  static const struct {
    uint32_t first, last;
  } controls[] = {
      {0x80, 0x9F},     /* C1 */
      {0x2028, 0x2029}, /* ends of lines */
      {0x61C, 0x61C},   /* these make a line read otherwise than it is */
      {0x200E, 0x200F}, {0x202A, 0x202E}, {0x2066, 0x2069},
  };
  unsigned char first = (unsigned char)s[0];
  if (n == 1)
    return first < 0x20 || first >= 0x7F; /* alone above 0x7F: no UTF-8 */
  if (n == 4)
    return false;
  uint32_t c = code_point(s, n);
  for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++)
    if (c >= controls[i].first && c <= controls[i].last)
      return true;
  return false;
}

size_t um_text_copy(char *to, size_t size, const char *from) {
  size_t used = 0;
  while (*from != '\0') {
    size_t n = length_of(from);
    bool bad = is_control(from, n);
    if (used + (bad ? 1 : n) >= size)
      break;
    if (bad)
      to[used++] = '?';
    for (size_t i = 0; i < n && !bad; i++)
      to[used++] = from[i];
    from += n;
  }
  to[used] = '\0';
  return used;
}
