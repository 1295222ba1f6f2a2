#include "wire/build.h"

#include <assert.h>
#include <string.h>

void build_raw(struct build *b, const void *p, size_t len) {
  assert(b->len + len <= sizeof b->bytes);
  memcpy(b->bytes + b->len, p, len);
  b->len += len;
}

void build_u8(struct build *b, unsigned v) {
  uint8_t byte = (uint8_t)v;
  build_raw(b, &byte, 1);
}

void build_text(struct build *b, const char *s) {
  build_u8(b, (unsigned)(strlen(s) >> 8));
  build_u8(b, (unsigned)strlen(s) & 0xFF);
  build_raw(b, s, strlen(s));
}

void build_varint(struct build *b, size_t v) {
  for (; v > 127; v >>= 7)
    build_u8(b, (unsigned)(v & 127) | 128);
  build_u8(b, (unsigned)v);
}

void build_block(struct build *b, const struct build *block) {
  build_varint(b, block->len);
  build_raw(b, block->bytes, block->len);
}

uint8_t build_first_byte(int type) {
  if (type == 0)
    type = 1;
  return (uint8_t)(type << 4 | (type == 6 || type == 8 || type == 10 ? 2 : 0));
}

/* Flags: 0x02 Clean Start, 0x06 with a Will. The Will's own properties come
 * behind the client id. */
static void connect_parts(int type, struct build *before, struct build *after) {
  build_text(before, "MQTT");
  build_raw(before, type == 0 ? "\5\6\0\0" : "\5\2\0\0", 4);
  if (type == 1) {
    build_text(after, "");
    return;
  }
  build_u8(before, 0);
  build_text(before, "");
  build_text(after, "w");
  build_text(after, "");
}

void build_parts(int type, struct build *before, struct build *after) {
  before->len = after->len = 0;
  switch (type) {
  case 0:
  case 1:
    connect_parts(type, before, after);
    break;
  case 2:
    build_raw(before, "\0\0", 2);
    break;
  case 3:
    build_text(before, "t");
    break;
  case 4:
  case 5:
  case 6:
  case 7:
    build_raw(before, "\0\1\0", 3);
    break;
  case 8:
    build_raw(before, "\0\1", 2);
    build_raw(after, "\0\1f\0", 4);
    break;
  case 9:
  case 11:
    build_raw(before, "\0\1", 2);
    build_u8(after, 0);
    break;
  case 10:
    build_raw(before, "\0\1", 2);
    build_text(after, "f");
    break;
  case 14:
    build_u8(before, 0);
    break;
  case 15:
    build_u8(before, 0x18);
    break;
  default:
    break;
  }
}

struct build build_with_properties(int type, const struct build *properties) {
  struct build packet = {.len = 0}, body = {.len = 0}, after;
  build_parts(type, &body, &after);
  if (type != 12 && type != 13)
    build_block(&body, properties);
  build_raw(&body, after.bytes, after.len);
  build_u8(&packet, build_first_byte(type));
  build_block(&packet, &body);
  return packet;
}
