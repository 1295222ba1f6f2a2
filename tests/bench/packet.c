#include "packet.h"

#include <assert.h>
#include <string.h>

int packet_read(const uint8_t *data, size_t len, struct packet *ret) {
  size_t body_len = 0;
  for (size_t i = 1; i < len; i++) {
    body_len |= (size_t)(data[i] & 0x7f) << (7 * (i - 1));
    if ((data[i] & 0x80) == 0) {
      if (len - i - 1 < body_len)
        return 0;
      *ret = (struct packet){.type = data[0] >> 4,
                             .flags = data[0] & 0x0f,
                             .body = data + i + 1,
                             .body_len = body_len,
                             .size = i + 1 + body_len};
      return 1;
    }
    if (i == 4)
      return -1;
  }
  return 0;
}

size_t packet_u16(uint8_t *out, size_t value) {
  out[0] = (uint8_t)(value >> 8);
  out[1] = (uint8_t)value;
  return 2;
}

size_t packet_get_u16(const uint8_t *data) {
  return (size_t)data[0] << 8 | data[1];
}

size_t packet_publish(uint8_t *out, uint8_t level, uint8_t qos, uint16_t id,
                      const char *topic, size_t payload_len) {
  size_t topic_len = strlen(topic), n = 2;
  n += packet_u16(out + n, topic_len);
  memcpy(out + n, topic, topic_len);
  n += topic_len;
  if (qos > 0)
    n += packet_u16(out + n, id);
  if (level == 5)
    out[n++] = 0; /* no properties */
  memset(out + n, 'x', payload_len);
  n += payload_len;
  assert(n <= PACKET_MAX); /* so the length takes one byte */
  out[0] = (uint8_t)(PUBLISH << 4 | qos << 1);
  out[1] = (uint8_t)(n - 2);
  return n;
}
