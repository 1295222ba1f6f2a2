/* packet.h: as much MQTT as the sink and the floor need, and no more.
 *
 * Deliberately not the library's codec: the yardstick must not change when the
 * library does.
 */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum { CONNECT = 1, CONNACK, PUBLISH, PUBACK };
enum { SUBSCRIBE = 8, SUBACK = 9, PINGREQ = 12, PINGRESP = 13 };

/* Every message of the benchmark: a topic of 18 bytes, a payload of 64. */
#define MESSAGE_TOPIC "bench/a/topic/here"
#define MESSAGE_PAYLOAD 64
#define MARKER_TOPIC "flood/end" /* empty payload, ends a flood */
#define PACKET_MAX 128           /* no packet written here is larger */

struct packet {
  uint8_t type, flags;
  const uint8_t *body;
  size_t body_len;
  size_t size; /* fixed header and body */
};

/* The packet at the front of data. 1: *ret is set. 0: more bytes are needed.
 * -1: the length field is malformed. */
int packet_read(const uint8_t *data, size_t len, struct packet *ret);

/* Writes a PUBLISH (level 4 or 5; id is written for qos 1 only; at most
 * PACKET_MAX bytes) and returns its size. */
size_t packet_publish(uint8_t *out, uint8_t level, uint8_t qos, uint16_t id,
                      const char *topic, size_t payload_len);

size_t packet_u16(uint8_t *out, size_t value);
size_t packet_get_u16(const uint8_t *data);

#endif
