/* uvmqtt/property.h: the 27 properties of MQTT 5.0 (2.2.2).
 *
 * A packet's properties are a plain array of {id, value}, the same type in
 * both directions, in wire order, repeats kept. Which member of the value
 * counts follows from the id (column "shape" below).
 *
 *   uvmqtt_property_t props[] = {
 *     UVMQTT_CONTENT_TYPE("text/plain"), UVMQTT_USER_PROPERTY("unit", "C"),
 *   };
 */
#ifndef UVMQTT_PROPERTY_H
#define UVMQTT_PROPERTY_H

#include <stddef.h>
#include <stdint.h>
#include <uvmqtt/reason.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes with a length; data may be NULL when len is 0. */
typedef struct uvmqtt_bytes_s {
  const void *data;
  size_t len;
} uvmqtt_bytes_t;

/* Where a property may stand: one bit for each packet type, bit 0 for the Will
 * Properties inside CONNECT. */
#define UVMQTT_IN(type) (1u << UVMQTT_##type)
#define UVMQTT_IN_WILL 1u
#define UVMQTT_IN_ACKS                                                         \
  (UVMQTT_IN(CONNACK) | UVMQTT_IN(PUBACK) | UVMQTT_IN(PUBREC) |                \
   UVMQTT_IN(PUBREL) | UVMQTT_IN(PUBCOMP) | UVMQTT_IN(SUBACK) |                \
   UVMQTT_IN(UNSUBACK) | UVMQTT_IN(DISCONNECT) | UVMQTT_IN(AUTH))
#define UVMQTT_IN_MESSAGE (UVMQTT_IN(PUBLISH) | UVMQTT_IN_WILL)
#define UVMQTT_IN_ANY                                                          \
  (UVMQTT_IN_ACKS | UVMQTT_IN_MESSAGE | UVMQTT_IN(CONNECT) |                   \
   UVMQTT_IN(SUBSCRIBE) | UVMQTT_IN(UNSUBSCRIBE))

/* id: as on the wire. shape: U8 U16 U32 VAR are .num, STR is .str, BIN is
 * .bin, PAIR is .pair. packets: where it may stand. repeats: where it may
 * stand more than once. min, max: the legal numbers. */
/* clang-format off */
/*    id    name                           shape packets                repeats            min max */
#define UVMQTT_PROPERTY_MAP(X)                                                                        \
  X(0x01, PAYLOAD_FORMAT_INDICATOR,          U8,   UVMQTT_IN_MESSAGE,     0,                 0, 1)           \
  X(0x02, MESSAGE_EXPIRY_INTERVAL,           U32,  UVMQTT_IN_MESSAGE,     0,                 0, 0xFFFFFFFFu) \
  X(0x03, CONTENT_TYPE,                      STR,  UVMQTT_IN_MESSAGE,     0,                 0, 0)           \
  X(0x08, RESPONSE_TOPIC,                    STR,  UVMQTT_IN_MESSAGE,     0,                 0, 0)           \
  X(0x09, CORRELATION_DATA,                  BIN,  UVMQTT_IN_MESSAGE,     0,                 0, 0)           \
  X(0x0B, SUBSCRIPTION_IDENTIFIER,           VAR,  UVMQTT_IN(PUBLISH) | UVMQTT_IN(SUBSCRIBE),                \
                                                                          UVMQTT_IN(PUBLISH), 1, 268435455)  \
  X(0x11, SESSION_EXPIRY_INTERVAL,           U32,  UVMQTT_IN(CONNECT) | UVMQTT_IN(CONNACK) | UVMQTT_IN(DISCONNECT), \
                                                                          0,                 0, 0xFFFFFFFFu) \
  X(0x12, ASSIGNED_CLIENT_IDENTIFIER,        STR,  UVMQTT_IN(CONNACK),    0,                 0, 0)           \
  X(0x13, SERVER_KEEP_ALIVE,                 U16,  UVMQTT_IN(CONNACK),    0,                 0, 65535)       \
  X(0x15, AUTHENTICATION_METHOD,             STR,  UVMQTT_IN(CONNECT) | UVMQTT_IN(CONNACK) | UVMQTT_IN(AUTH), \
                                                                          0,                 0, 0)           \
  X(0x16, AUTHENTICATION_DATA,               BIN,  UVMQTT_IN(CONNECT) | UVMQTT_IN(CONNACK) | UVMQTT_IN(AUTH), \
                                                                          0,                 0, 0)           \
  X(0x17, REQUEST_PROBLEM_INFORMATION,       U8,   UVMQTT_IN(CONNECT),    0,                 0, 1)           \
  X(0x18, WILL_DELAY_INTERVAL,               U32,  UVMQTT_IN_WILL,        0,                 0, 0xFFFFFFFFu) \
  X(0x19, REQUEST_RESPONSE_INFORMATION,      U8,   UVMQTT_IN(CONNECT),    0,                 0, 1)           \
  X(0x1A, RESPONSE_INFORMATION,              STR,  UVMQTT_IN(CONNACK),    0,                 0, 0)           \
  X(0x1C, SERVER_REFERENCE,                  STR,  UVMQTT_IN(CONNACK) | UVMQTT_IN(DISCONNECT), 0,            0, 0) \
  X(0x1F, REASON_STRING,                     STR,  UVMQTT_IN_ACKS,        0,                 0, 0)           \
  X(0x21, RECEIVE_MAXIMUM,                   U16,  UVMQTT_IN(CONNECT) | UVMQTT_IN(CONNACK), 0,               1, 65535) \
  X(0x22, TOPIC_ALIAS_MAXIMUM,               U16,  UVMQTT_IN(CONNECT) | UVMQTT_IN(CONNACK), 0,               0, 65535) \
  X(0x23, TOPIC_ALIAS,                       U16,  UVMQTT_IN(PUBLISH),    0,                 1, 65535)       \
  X(0x24, MAXIMUM_QOS,                       U8,   UVMQTT_IN(CONNACK),    0,                 0, 1)           \
  X(0x25, RETAIN_AVAILABLE,                  U8,   UVMQTT_IN(CONNACK),    0,                 0, 1)           \
  X(0x26, USER_PROPERTY,                     PAIR, UVMQTT_IN_ANY,         UVMQTT_IN_ANY,     0, 0)           \
  X(0x27, MAXIMUM_PACKET_SIZE,               U32,  UVMQTT_IN(CONNECT) | UVMQTT_IN(CONNACK), 0,               1, 0xFFFFFFFFu) \
  X(0x28, WILDCARD_SUBSCRIPTION_AVAILABLE,   U8,   UVMQTT_IN(CONNACK),    0,                 0, 1)           \
  X(0x29, SUBSCRIPTION_IDENTIFIER_AVAILABLE, U8,   UVMQTT_IN(CONNACK),    0,                 0, 1)           \
  X(0x2A, SHARED_SUBSCRIPTION_AVAILABLE,     U8,   UVMQTT_IN(CONNACK),    0,                 0, 1)
/* clang-format on */

typedef enum {
#define X(id, name, shape, packets, repeats, min, max)                         \
  UVMQTT_PROPERTY_##name = id,
  UVMQTT_PROPERTY_MAP(X)
#undef X
} uvmqtt_property_id_t;

/* One property. Outgoing: whatever the pointers reach is copied before the
 * call returns. Incoming: valid until the callback returns. Strings end in NUL
 * (MQTT forbids U+0000 in them, [MQTT-1.5.4-2/5]). */
typedef struct uvmqtt_property_s {
  uvmqtt_property_id_t id;
  union {
    uint32_t num;
    const char *str;
    uvmqtt_bytes_t bin;
    struct {
      const char *key;
      const char *value;
    } pair;
  } value;
} uvmqtt_property_t;

#define UVMQTT_PROPERTY_NUM(name, n)                                           \
  {                                                                            \
    UVMQTT_PROPERTY_##name, {                                                  \
      .num = (n)                                                               \
    }                                                                          \
  }
#define UVMQTT_PROPERTY_STR(name, s)                                           \
  {                                                                            \
    UVMQTT_PROPERTY_##name, {                                                  \
      .str = (s)                                                               \
    }                                                                          \
  }
#define UVMQTT_PROPERTY_BIN(name, p, n)                                        \
  {                                                                            \
    UVMQTT_PROPERTY_##name, {                                                  \
      .bin = {(p), (n) }                                                       \
    }                                                                          \
  }

#define UVMQTT_CONTENT_TYPE(s) UVMQTT_PROPERTY_STR(CONTENT_TYPE, s)
#define UVMQTT_RESPONSE_TOPIC(s) UVMQTT_PROPERTY_STR(RESPONSE_TOPIC, s)
#define UVMQTT_CORRELATION_DATA(p, n)                                          \
  UVMQTT_PROPERTY_BIN(CORRELATION_DATA, p, n)
#define UVMQTT_MESSAGE_EXPIRY(seconds)                                         \
  UVMQTT_PROPERTY_NUM(MESSAGE_EXPIRY_INTERVAL, seconds)
#define UVMQTT_USER_PROPERTY(k, v)                                             \
  {                                                                            \
    UVMQTT_PROPERTY_USER_PROPERTY, {                                           \
      .pair = {(k), (v) }                                                      \
    }                                                                          \
  }

/* The first property with this id, NULL when there is none. properties may be
 * NULL when n is 0. Any thread. */
UVMQTT_EXTERN const uvmqtt_property_t *
uvmqtt_property_find(const uvmqtt_property_t *properties, size_t n,
                     uvmqtt_property_id_t id);

/* "User Property" for 0x26, and so on; "?" for an id the standard does not
 * define. Static. Any thread. */
UVMQTT_EXTERN const char *uvmqtt_property_name(uvmqtt_property_id_t id);

#ifdef __cplusplus
}
#endif

#endif
