#include "wire/reader.h"
#include "base/utf8.h"

uint32_t um_read_u32(struct um_reader *r) {
  uint32_t high = um_read_u16(r);
  return high << 16 | um_read_u16(r);
}

uint32_t um_read_varint(struct um_reader *r) {
  uint32_t v = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    uint8_t c = um_read_u8(r);
    v |= (uint32_t)(c & 0x7F) << shift;
    if (c & 0x80)
      continue;
    /* [MQTT-1.5.5-1/5] a last byte of zero adds nothing */
    if (c == 0 && shift > 0)
      break;
    return v;
  }
  um_reader_fail(r, UVMQTT_EMALFORMED);
  return 0;
}

const char *um_read_str(struct um_reader *r) {
  struct um_field field = um_read_field(r);
  /* [MQTT-1.5.4-1/5] [MQTT-1.5.3-1/311] */
  if (r->err == 0 && !um_utf8_valid((const char *)field.at, field.len))
    um_reader_fail(r, UVMQTT_EMALFORMED);
  return r->err ? "" : um_field_settle(field);
}

uvmqtt_bytes_t um_read_bin(struct um_reader *r) {
  struct um_field field = um_read_field(r);
  return (uvmqtt_bytes_t){field.at, field.len};
}
