#include "client/text.h"

#include "base/utf8.h"
#include <stdbool.h>

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

static bool is_control(const char *s, size_t n) {
  const unsigned char *u = (const unsigned char *)s;
  if (n == 1)
    return u[0] < 0x20 || u[0] >= 0x7F; /* alone above 0x7F: no UTF-8 */
  return n == 2 && u[0] == 0xC2 && u[1] < 0xA0;
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
