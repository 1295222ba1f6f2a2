/* wire/packet.h: the 15 control packets as C values, both directions, both
 * versions.
 *
 * Decoding works in place: strings are moved down over their length and ended
 * with NUL inside the packet's own bytes, so it consumes its input. What the
 * struct points to lives as long as those bytes and the scratch.
 */
#ifndef UM_WIRE_PACKET_H
#define UM_WIRE_PACKET_H

#include "base/buf.h"
#include <uvmqtt/message.h>

enum um_version { UM_V311 = 4, UM_V5 = 5 };
enum um_side { UM_CLIENT, UM_SERVER };

#define UM_PACKET_MAX 268435455u /* the largest Remaining Length */
#define UM_STRING_MAX 65535u

/* A whole packet as it came from frame.h. */
struct um_span {
  uint8_t *data; /* at the fixed header */
  size_t len;    /* of everything */
  size_t body;   /* where the variable header begins */
};

struct um_connect {
  uint8_t version; /* protocol level as read; 3.1.1 is 4 */
  bool clean_start;
  uint16_t keep_alive;
  const char *client_id; /* never NULL when decoded, may be "" */
  const char *username;  /* NULL: flag is 0 */
  bool has_password;
  uvmqtt_bytes_t password;
  const uvmqtt_message_t *will; /* NULL: none. Decoded: points into scratch */
};

struct um_connack {
  bool session_present;
  /* the code is um_packet.reason, as on the wire: 0..5 for 3.1.1 */
};

struct um_publish {
  const char *topic; /* "" only with a topic alias */
  size_t topic_len;  /* strlen(topic); encode needs it, too */
  uvmqtt_bytes_t payload;
  uint8_t qos;
  bool retain;
  bool dup;
};

struct um_subscribe {
  const uvmqtt_subscription_t *filters;
  size_t n;
};

struct um_unsubscribe {
  const char *const *filters;
  size_t n;
};

struct um_suback { /* and UNSUBACK; n is 0 for a 3.1.1 UNSUBACK */
  const uint8_t *reasons;
  size_t n;
};

struct um_packet {
  uint8_t type;   /* UVMQTT_CONNECT ... */
  uint8_t reason; /* CONNACK, PUBACK..PUBCOMP, DISCONNECT, AUTH; else 0 */
  uint16_t id;    /* packet identifier where the type has one; else 0 */
  const uvmqtt_property_t *properties; /* none for 3.1.1 */
  size_t n_properties;
  union {
    struct um_connect connect;
    struct um_connack connack;
    struct um_publish publish;
    struct um_subscribe subscribe;
    struct um_unsubscribe unsubscribe;
    struct um_suback suback;
  } u;
};

/* What the fixed header of each type looks like and who may send it. */
struct um_packet_rule {
  uint8_t flags;      /* the low nibble; ignored for PUBLISH */
  uint8_t senders[2]; /* 3.1.1, 5.0: bit 1u << UM_CLIENT, 1u << UM_SERVER;
                         0: no such type in this version */
};

extern const struct um_packet_rule um_packet_rules[16];

/* What decoding needs besides the bytes; reused from packet to packet so that
 * nothing is allocated in steady state. Zero-initialise, set the first three,
 * um_scratch_done at the end. */
struct um_scratch {
  uint8_t version;       /* UM_V311 or UM_V5. A server that decodes CONNECT:
                            the packet's own level rules */
  uint8_t from;          /* enum um_side: who sent the packets */
  size_t max_properties; /* more in one packet: UVMQTT_ETOOBIG; 0 is 1,000 */
  uvmqtt_property_t *properties;
  size_t n_properties, cap_properties;
  void *items;            /* filters of SUBSCRIBE and UNSUBSCRIBE */
  size_t cap_items;       /* bytes */
  uvmqtt_message_t *will; /* of a CONNECT; NULL: none came yet */
};

void um_scratch_done(struct um_scratch *s);

/* Decodes one packet and checks everything that the packet alone can tell:
 * fixed-header flags, lengths, UTF-8, property table, reason code table,
 * direction, packet id != 0, topics and filters. On error *ret is undefined
 * and nothing may be used from it.
 *
 * UVMQTT_EMALFORMED  answer 0x81 (families N01, N02, N06..N10, N13..N15, N18,
 *                    N19, N39, N40, N45, N56, N57)
 * UVMQTT_EPROTOCOL   answer 0x82 (N11, N16, N17, N21, N23, N36..N38, N41..N43,
 *                    N59 reserved code, N61, N69)
 * UVMQTT_ETOPICALIAS answer 0x94 (alias 0)
 * UVMQTT_ETOOBIG     answer 0x95 (too many properties)
 * UM_ENOMEM */
int um_decode(struct um_span frame, struct um_scratch *s,
              struct um_packet *ret);

/* The same of the first byte alone: 0, UVMQTT_EMALFORMED or UVMQTT_EPROTOCOL.
 */
int um_decode_first(uint8_t byte, const struct um_scratch *s);

/* Appends the packet to out, as `version`. The caller has checked the values
 * (the checks below); properties are not written for 3.1.1, nor reason codes
 * it does not have. Acks leave out reason and properties where the standard
 * lets them (5.0, 3.4.2.1). UVMQTT_ETOOBIG: over UM_PACKET_MAX. UM_ENOMEM: out
 * cannot take it. On error nothing was appended. */
int um_encode(struct um_buf *out, uint8_t version, const struct um_packet *p);

/* Exactly how many bytes um_encode will append; 0 when over UM_PACKET_MAX. */
size_t um_encoded_size(uint8_t version, const struct um_packet *p);

/* Checks of what a caller passes, used by the API before anything is queued.
 * 0, or UVMQTT_ETOPIC, _EFILTER, _EQOS, _EPROPERTY, _EUTF8, UM_EINVAL. `in` is
 * UVMQTT_PUBLISH, or 0 for a Will. */
int um_check_message(const uvmqtt_message_t *m, uint8_t in);
int um_check_subscription(const uvmqtt_subscription_t *s);
int um_check_filter(const char *filter);
/* `in`: packet type, 0 for a Will. Known id, allowed there for a client, not
 * repeated unless it may be, in range, strings UTF-8 of at most 65,535 bytes,
 * Response Topic without wildcards. */
int um_check_properties(const uvmqtt_property_t *p, size_t n, uint8_t in);

#endif
