/* wire/writer.h: writes into memory of exactly the right size.
 *
 * Each function returns where the next byte goes: a position kept in a struct
 * would be stored and loaded again around every byte. The size was computed
 * before (um_encoded_size), so nothing is checked here; um_encode asserts at
 * the end that both agree. */
#ifndef UM_WIRE_WRITER_H
#define UM_WIRE_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <uvmqtt/property.h>

/* Bytes of a Variable Byte Integer. */
static inline size_t um_varint_size(uint64_t v) {
  return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4;
}

static inline uint8_t *um_write_u8(uint8_t *at, uint8_t v) {
  *at = v;
  return at + 1;
}

static inline uint8_t *um_write_u16(uint8_t *at, uint16_t v) {
  at[0] = (uint8_t)(v >> 8);
  at[1] = (uint8_t)v;
  return at + 2;
}

static inline uint8_t *um_write_u32(uint8_t *at, uint32_t v) {
  at = um_write_u16(at, (uint16_t)(v >> 16));
  return um_write_u16(at, (uint16_t)v);
}

static inline uint8_t *um_write_varint(uint8_t *at, uint32_t v) {
  for (; v >= 128; v >>= 7)
    at = um_write_u8(at, (uint8_t)(v | 0x80));
  return um_write_u8(at, (uint8_t)v);
}

static inline uint8_t *um_write_raw(uint8_t *at, const void *p, size_t len) {
  if (len > 0)
    memcpy(at, p, len);
  return at + len;
}

/* Binary data or a string whose length is known. */
static inline uint8_t *um_write_field(uint8_t *at, const void *p, size_t len) {
  at = um_write_u16(at, (uint16_t)len);
  return um_write_raw(at, p, len);
}

static inline uint8_t *um_write_str(uint8_t *at, const char *s) {
  return um_write_field(at, s, strlen(s));
}

#endif
