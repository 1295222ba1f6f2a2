/* wire/reader.h: a bounded cursor over the bytes of one packet.
 *
 * The only place that does arithmetic on what a peer announced. The first
 * error sticks and moves the cursor to the end, so that later reads give zero
 * or "" and one look at .err at the end decides. */
#ifndef UM_WIRE_READER_H
#define UM_WIRE_READER_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <uvmqtt/property.h>

struct um_reader {
  uint8_t *at;
  uint8_t *end;
  int err; /* 0 or the first error */
};

/* A string or binary data where it lies, behind its two bytes of length. */
struct um_field {
  uint8_t *at;
  size_t len;
};

static inline struct um_reader um_reader_of(uint8_t *data, size_t len) {
  return (struct um_reader){data, data + len, 0};
}

static inline size_t um_reader_left(const struct um_reader *r) {
  return (size_t)(r->end - r->at);
}

static inline void um_reader_fail(struct um_reader *r, int err) {
  if (r->err == 0)
    r->err = err;
  r->at = r->end;
}

static inline uint8_t um_read_u8(struct um_reader *r) {
  if (um_reader_left(r) < 1) {
    um_reader_fail(r, UVMQTT_EMALFORMED);
    return 0;
  }
  return *r->at++;
}

static inline uint16_t um_read_u16(struct um_reader *r) {
  if (um_reader_left(r) < 2) {
    um_reader_fail(r, UVMQTT_EMALFORMED);
    return 0;
  }
  uint16_t v = (uint16_t)(r->at[0] << 8 | r->at[1]);
  r->at += 2;
  return v;
}

static inline struct um_field um_read_field(struct um_reader *r) {
  size_t len = um_read_u16(r);
  if (um_reader_left(r) < len) {
    um_reader_fail(r, UVMQTT_EMALFORMED);
    len = 0;
  }
  struct um_field field = {r->at, len};
  r->at += len;
  return field;
}

/* Moves a field down over its length and ends it with NUL. Only for a field
 * that was read without an error. */
static inline char *um_field_settle(struct um_field f) {
  uint8_t *s = f.at - 2;
  memmove(s, f.at, f.len);
  s[f.len] = '\0';
  return (char *)s;
}

uint32_t um_read_u32(struct um_reader *r);

/* A Variable Byte Integer of 5.0: at most four bytes, no longer than needed
 * ([MQTT-1.5.5-1/5]). */
uint32_t um_read_varint(struct um_reader *r);

/* A UTF-8 string, moved down and ended in place; "" after an error. */
const char *um_read_str(struct um_reader *r);

/* Binary data, where it lies. */
uvmqtt_bytes_t um_read_bin(struct um_reader *r);

#endif
