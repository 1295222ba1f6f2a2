/* sim/bytes.h: a growing array of bytes for the simulation's own side, which
 * shares no code with the library's. */
#ifndef SIM_BYTES_H
#define SIM_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
  uint8_t *data;
  size_t off, len, cap; /* len bytes from data + off on */
};

static inline uint8_t *bytes_head(const struct bytes *b) {
  return b->data + b->off;
}

static inline void bytes_add(struct bytes *b, const void *p, size_t n) {
  if (n == 0)
    return;
  if (b->off != 0 && b->off + b->len + n > b->cap) {
    memmove(b->data, b->data + b->off, b->len);
    b->off = 0;
  }
  if (b->len + n > b->cap) {
    b->cap = 2 * (b->len + n);
    b->data = realloc(b->data, b->cap);
    if (b->data == NULL)
      abort();
  }
  memcpy(b->data + b->off + b->len, p, n);
  b->len += n;
}

static inline void bytes_drop(struct bytes *b, size_t n) {
  b->len -= n;
  b->off = b->len == 0 ? 0 : b->off + n;
}

static inline void bytes_clear(struct bytes *b) {
  b->off = b->len = 0;
}

static inline void bytes_done(struct bytes *b) {
  free(b->data);
  memset(b, 0, sizeof *b);
}

static inline void put8(struct bytes *b, unsigned v) {
  uint8_t byte = (uint8_t)v;
  bytes_add(b, &byte, 1);
}

static inline void put16(struct bytes *b, unsigned v) {
  put8(b, v >> 8);
  put8(b, v);
}

static inline void put32(struct bytes *b, uint32_t v) {
  put16(b, v >> 16);
  put16(b, v);
}

static inline void put_varint(struct bytes *b, size_t v) {
  for (; v > 127; v >>= 7)
    put8(b, (unsigned)v | 0x80);
  put8(b, (unsigned)v);
}

static inline void put_text(struct bytes *b, const char *s) {
  put16(b, (unsigned)strlen(s));
  bytes_add(b, s, strlen(s));
}

#endif
