/* wire/writer.h: a cursor that writes into memory of exactly the right size.
 *
 * The size was computed before (um_encoded_size), so nothing is checked here;
 * um_encode asserts at the end that both agree. */
#ifndef UM_WIRE_WRITER_H
#define UM_WIRE_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <uvmqtt/property.h>

struct um_cursor {
  uint8_t *at;
};

/* Bytes of a Variable Byte Integer. */
static inline size_t um_varint_size(uint64_t v) {
  return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4;
}

static inline void um_write_u8(struct um_cursor *w, uint8_t v) {
  *w->at++ = v;
}

static inline void um_write_u16(struct um_cursor *w, uint16_t v) {
  w->at[0] = (uint8_t)(v >> 8);
  w->at[1] = (uint8_t)v;
  w->at += 2;
}

static inline void um_write_u32(struct um_cursor *w, uint32_t v) {
  um_write_u16(w, (uint16_t)(v >> 16));
  um_write_u16(w, (uint16_t)v);
}

static inline void um_write_varint(struct um_cursor *w, uint32_t v) {
  for (; v >= 128; v >>= 7)
    um_write_u8(w, (uint8_t)(v | 0x80));
  um_write_u8(w, (uint8_t)v);
}

static inline void um_write_raw(struct um_cursor *w, const void *p,
                                size_t len) {
  if (len == 0)
    return;
  memcpy(w->at, p, len);
  w->at += len;
}

/* Binary data or a string whose length is known. */
static inline void um_write_field(struct um_cursor *w, const void *p,
                                  size_t len) {
  um_write_u16(w, (uint16_t)len);
  um_write_raw(w, p, len);
}

static inline void um_write_str(struct um_cursor *w, const char *s) {
  um_write_field(w, s, strlen(s));
}

#endif
