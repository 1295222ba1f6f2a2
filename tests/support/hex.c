#include "support/hex.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct out {
  uint8_t *at;
  size_t left;
};

static bool put(struct out *o, uint8_t byte, size_t times) {
  if (times > o->left)
    return false;
  memset(o->at, byte, times);
  o->at += times;
  o->left -= times;
  return true;
}

static const char *read_text(const char *s, struct out *o) {
  for (; *s != '"'; s++)
    if (*s == '\0' || !put(o, (uint8_t)*s, 1))
      return NULL;
  return s + 1;
}

static const char *read_byte(const char *s, struct out *o) {
  char pair[3] = {s[0], s[1], '\0'};
  size_t times = 1;
  if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
    return NULL;
  s += 2;
  if (*s == '*') {
    char *end;
    times = strtoul(s + 1, &end, 10);
    s = end;
  }
  if (*s != '\0' && !isspace((unsigned char)*s))
    return NULL;
  return put(o, (uint8_t)strtoul(pair, NULL, 16), times) ? s : NULL;
}

long hex_read(const char *line, uint8_t *ret, size_t max) {
  struct out o = {ret, max};
  const char *s = line;
  while (s != NULL && *s != '\0' && *s != ';') {
    if (isspace((unsigned char)*s) || *s == '|')
      s++;
    else
      s = *s == '"' ? read_text(s + 1, &o) : read_byte(s, &o);
  }
  return s == NULL ? -1 : (long)(max - o.left);
}
