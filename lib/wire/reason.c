#include "wire/reason.h"
#include "base/err.h"

/* A set of reason codes: all of them are below 0x40 or in 0x80 to 0xBF. */
struct set {
  uint64_t low, high;
};

#define LOW(code) (UINT64_C(1) << (code))
#define HIGH(code) (UINT64_C(1) << ((code)-0x80))

static bool in_set(struct set s, uint8_t code) {
  if (code & 0x40)
    return false;
  return ((code & 0x80 ? s.high : s.low) >> (code & 0x3F)) & 1;
}

#define PUBLISH_ERRORS                                                         \
  (HIGH(0x80) | HIGH(0x83) | HIGH(0x87) | HIGH(0x90) | HIGH(0x91) |            \
   HIGH(0x97) | HIGH(0x99))

/* What either side may say in a DISCONNECT. 0x8C is not in table 3.14.2.1 but
 * section 2.4 lists it for DISCONNECT. */
#define LEAVE_ERRORS                                                           \
  (HIGH(0x80) | HIGH(0x81) | HIGH(0x82) | HIGH(0x83) | HIGH(0x8C) |            \
   HIGH(0x90) | HIGH(0x93) | HIGH(0x94) | HIGH(0x95) | HIGH(0x96) |            \
   HIGH(0x97) | HIGH(0x98) | HIGH(0x99))

/* 3.2.2.2, 3.4.2.1 to 3.7.2.1, 3.9.3, 3.11.3, 3.14.2.1, 3.15.2.1; by type and
 * sender. */
static const struct set v5[16][2] = {
    [UVMQTT_CONNACK][UM_SERVER] = {LOW(0x00),
                                   HIGH(0x80) | HIGH(0x81) | HIGH(0x82) |
                                       HIGH(0x83) | HIGH(0x84) | HIGH(0x85) |
                                       HIGH(0x86) | HIGH(0x87) | HIGH(0x88) |
                                       HIGH(0x89) | HIGH(0x8A) | HIGH(0x8C) |
                                       HIGH(0x90) | HIGH(0x95) | HIGH(0x97) |
                                       HIGH(0x99) | HIGH(0x9A) | HIGH(0x9B) |
                                       HIGH(0x9C) | HIGH(0x9D) | HIGH(0x9F)},
    [UVMQTT_PUBACK][UM_CLIENT] = {LOW(0x00) | LOW(0x10), PUBLISH_ERRORS},
    [UVMQTT_PUBACK][UM_SERVER] = {LOW(0x00) | LOW(0x10), PUBLISH_ERRORS},
    [UVMQTT_PUBREC][UM_CLIENT] = {LOW(0x00) | LOW(0x10), PUBLISH_ERRORS},
    [UVMQTT_PUBREC][UM_SERVER] = {LOW(0x00) | LOW(0x10), PUBLISH_ERRORS},
    [UVMQTT_PUBREL][UM_CLIENT] = {LOW(0x00), HIGH(0x92)},
    [UVMQTT_PUBREL][UM_SERVER] = {LOW(0x00), HIGH(0x92)},
    [UVMQTT_PUBCOMP][UM_CLIENT] = {LOW(0x00), HIGH(0x92)},
    [UVMQTT_PUBCOMP][UM_SERVER] = {LOW(0x00), HIGH(0x92)},
    [UVMQTT_SUBACK][UM_SERVER] = {LOW(0x00) | LOW(0x01) | LOW(0x02),
                                  HIGH(0x80) | HIGH(0x83) | HIGH(0x87) |
                                      HIGH(0x8F) | HIGH(0x91) | HIGH(0x97) |
                                      HIGH(0x9E) | HIGH(0xA1) | HIGH(0xA2)},
    [UVMQTT_UNSUBACK][UM_SERVER] = {LOW(0x00) | LOW(0x11),
                                    HIGH(0x80) | HIGH(0x83) | HIGH(0x87) |
                                        HIGH(0x8F) | HIGH(0x91)},
    [UVMQTT_DISCONNECT][UM_CLIENT] = {LOW(0x00) | LOW(0x04), LEAVE_ERRORS},
    [UVMQTT_DISCONNECT][UM_SERVER] = {LOW(0x00),
                                      LEAVE_ERRORS | HIGH(0x87) | HIGH(0x89) |
                                          HIGH(0x8B) | HIGH(0x8D) | HIGH(0x8E) |
                                          HIGH(0x8F) | HIGH(0x9A) | HIGH(0x9B) |
                                          HIGH(0x9C) | HIGH(0x9D) | HIGH(0x9E) |
                                          HIGH(0x9F) | HIGH(0xA0) | HIGH(0xA1) |
                                          HIGH(0xA2)},
    [UVMQTT_AUTH][UM_CLIENT] = {LOW(0x18) | LOW(0x19), 0},
    [UVMQTT_AUTH][UM_SERVER] = {LOW(0x00) | LOW(0x18), 0},
};

/* 3.2.2.3 and 3.9.3 of 3.1.1; nothing else carries a code there. */
static const struct set v311[16][2] = {
    [UVMQTT_CONNACK][UM_SERVER] = {LOW(0) | LOW(1) | LOW(2) | LOW(3) | LOW(4) |
                                       LOW(5),
                                   0},
    [UVMQTT_SUBACK][UM_SERVER] = {LOW(0) | LOW(1) | LOW(2), HIGH(0x80)},
};

bool um_reason_legal(uint8_t type, uint8_t version, uint8_t from,
                     uint8_t code) {
  if (type > UVMQTT_AUTH || from > UM_SERVER)
    return false;
  return in_set(version == UM_V5 ? v5[type][from] : v311[type][from], code);
}

uint8_t um_reason_from_connack_311(uint8_t code) {
  static const uint8_t reasons[] = {
      UVMQTT_REASON_SUCCESS,
      UVMQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION,
      UVMQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
      UVMQTT_REASON_SERVER_UNAVAILABLE,
      UVMQTT_REASON_BAD_USER_NAME_OR_PASSWORD,
      UVMQTT_REASON_NOT_AUTHORIZED,
  };
  return code < sizeof reasons ? reasons[code]
                               : UVMQTT_REASON_UNSPECIFIED_ERROR;
}

uint8_t um_reason_of_violation(int err) {
  switch (err) {
  case UVMQTT_EMALFORMED:
    return UVMQTT_REASON_MALFORMED_PACKET;
  case UVMQTT_EPROTOCOL:
    return UVMQTT_REASON_PROTOCOL_ERROR;
  case UVMQTT_EQUOTA:
    return UVMQTT_REASON_RECEIVE_MAXIMUM_EXCEEDED;
  case UVMQTT_ETOPICALIAS:
    return UVMQTT_REASON_TOPIC_ALIAS_INVALID;
  case UVMQTT_ETOOBIG:
    return UVMQTT_REASON_PACKET_TOO_LARGE;
  case UVMQTT_EAUTH:
    return UVMQTT_REASON_BAD_AUTHENTICATION_METHOD;
  default:
    return UVMQTT_REASON_UNSPECIFIED_ERROR;
  }
}

const char *uvmqtt_reason_string(uint8_t reason) {
  switch (reason) {
#define X(value, name, text)                                                   \
  case value:                                                                  \
    return text;
    UVMQTT_REASON_MAP(X)
#undef X
  default:
    return "Unknown reason";
  }
}

const char *uvmqtt_packet_name(uint8_t type) {
  static const char *const names[] = {
#define X(number, name) [number] = #name,
      UVMQTT_PACKET_MAP(X)
#undef X
  };
  if (type == 0 || type >= sizeof names / sizeof names[0])
    return "?";
  return names[type];
}
