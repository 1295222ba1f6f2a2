/* Bytes put together for a test: a packet whose lengths come out right. */
#ifndef TESTS_WIRE_BUILD_H
#define TESTS_WIRE_BUILD_H

#include <stddef.h>
#include <stdint.h>

struct build {
  uint8_t bytes[4096];
  size_t len;
};

void build_u8(struct build *b, unsigned v);
void build_raw(struct build *b, const void *p, size_t len);
void build_text(struct build *b, const char *s); /* with its two bytes length */
void build_varint(struct build *b, size_t v);
void build_block(struct build *b, const struct build *block); /* with varint */

/* The smallest valid packet of a type (0: CONNECT with a Will) as its parts:
 * what stands before the properties, and what stands behind. From 5.0. */
void build_parts(int type, struct build *ret_before, struct build *ret_after);

/* A packet with these properties, in 5.0. */
struct build build_with_properties(int type, const struct build *properties);

/* The first byte of a type. */
uint8_t build_first_byte(int type);

#endif
