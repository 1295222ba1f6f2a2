/* wire/property.h: the rule table of the 27 properties, and what reads, writes
 * and checks an array of them by it. */
#ifndef UM_WIRE_PROPERTY_H
#define UM_WIRE_PROPERTY_H

#include "wire/packet.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum um_shape { UM_U8 = 1, UM_U16, UM_U32, UM_VAR, UM_STR, UM_BIN, UM_PAIR };

struct um_property_rule {
  uint8_t shape; /* 0: no such property */
  uint16_t packets, repeats;
  uint32_t min, max;
};

/* NULL for an id that the standard does not define. */
const struct um_property_rule *um_property_rule(uint32_t id);

/* Reads length and properties of a packet (`in`: its type, 0 for a Will) that
 * came from s->from, and appends them to s->properties. Returns how many. */
size_t um_read_properties(struct um_reader *r, struct um_scratch *s,
                          uint8_t in);

/* Bytes of the properties without their length; over UM_PACKET_MAX when one of
 * them cannot be written. */
uint64_t um_properties_size(const uvmqtt_property_t *p, size_t n);

/* Length and properties; size is um_properties_size of the same. Returns where
 * the next byte goes. */
uint8_t *um_write_properties(uint8_t *at, const uvmqtt_property_t *p, size_t n,
                             uint32_t size);

/* Bytes of a string or binary with its length; over UM_PACKET_MAX when it is
 * longer than 65,535. */
static inline uint64_t um_field_size(size_t len) {
  return len > UM_STRING_MAX ? (uint64_t)UM_PACKET_MAX + 1 : 2 + (uint64_t)len;
}

#endif
