/* session/limits.h: what the server allows on this connection. */
#ifndef UM_SESSION_LIMITS_H
#define UM_SESSION_LIMITS_H

#include "wire/packet.h"

struct um_limits {
  uint32_t maximum_packet_size; /* 268,435,460 when it said nothing */
  uint16_t keep_alive;          /* seconds: the server's or ours */
  uint16_t receive_maximum;     /* 65,535 when it said nothing */
  uint8_t version;
  uint8_t maximum_qos;
  bool retain_available;
  bool wildcard_available;
  bool shared_available;
  bool identifier_available;
  uint16_t topic_alias_maximum;
  uint32_t session_expiry; /* seconds, as asked or as the server overrides */
};

/* What CONNECT said, or would have. max_inflight bounds receive_maximum; 0: it
 * does not, but a 3.1.1 server, which cannot say it, is taken to allow
 * UM_INFLIGHT_311. */
struct um_asked {
  uint8_t version;
  uint16_t keep_alive;
  uint16_t max_inflight;
  uint32_t session_expiry;
};

#define UM_INFLIGHT_311 20u

/* Reads them from a CONNACK. */
void um_limits_read(struct um_limits *l, const struct um_asked *asked,
                    const struct um_packet *connack);

/* 0, or what to complete an op with: UVMQTT_ENOTSUP (QoS, RETAIN, properties
 * or subscription options that the server or 3.1.1 does not have),
 * UVMQTT_ETOOBIG. */
int um_limits_check(const struct um_limits *l, const struct um_packet *p,
                    bool drop_properties);

#endif
