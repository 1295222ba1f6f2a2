/* uvmqtt/reason.h: packet types and reason codes, by the standard's names.
 *
 * Reason codes are those of MQTT 5.0 (2.4). What a 3.1.1 server answers is
 * translated: its five CONNACK codes become their 5.0 equivalents, SUBACK 0x80
 * is UNSPECIFIED_ERROR in both versions.
 */
#ifndef UVMQTT_REASON_H
#define UVMQTT_REASON_H

#include <stdint.h>
#include <uvmqtt/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UVMQTT_PACKET_MAP(X)                                                   \
  X(1, CONNECT)                                                                \
  X(2, CONNACK)                                                                \
  X(3, PUBLISH)                                                                \
  X(4, PUBACK)                                                                 \
  X(5, PUBREC)                                                                 \
  X(6, PUBREL)                                                                 \
  X(7, PUBCOMP)                                                                \
  X(8, SUBSCRIBE)                                                              \
  X(9, SUBACK)                                                                 \
  X(10, UNSUBSCRIBE)                                                           \
  X(11, UNSUBACK)                                                              \
  X(12, PINGREQ)                                                               \
  X(13, PINGRESP)                                                              \
  X(14, DISCONNECT)                                                            \
  X(15, AUTH)

typedef enum {
#define X(number, name) UVMQTT_##name = number,
  UVMQTT_PACKET_MAP(X)
#undef X
} uvmqtt_packet_type_t;

#define UVMQTT_REASON_MAP(X)                                                   \
  X(0x00, SUCCESS, "Success")                                                  \
  X(0x01, GRANTED_QOS_1, "Granted QoS 1")                                      \
  X(0x02, GRANTED_QOS_2, "Granted QoS 2")                                      \
  X(0x04, DISCONNECT_WITH_WILL_MESSAGE, "Disconnect with Will Message")        \
  X(0x10, NO_MATCHING_SUBSCRIBERS, "No matching subscribers")                  \
  X(0x11, NO_SUBSCRIPTION_EXISTED, "No subscription existed")                  \
  X(0x18, CONTINUE_AUTHENTICATION, "Continue authentication")                  \
  X(0x19, RE_AUTHENTICATE, "Re-authenticate")                                  \
  X(0x80, UNSPECIFIED_ERROR, "Unspecified error")                              \
  X(0x81, MALFORMED_PACKET, "Malformed Packet")                                \
  X(0x82, PROTOCOL_ERROR, "Protocol Error")                                    \
  X(0x83, IMPLEMENTATION_SPECIFIC_ERROR, "Implementation specific error")      \
  X(0x84, UNSUPPORTED_PROTOCOL_VERSION, "Unsupported Protocol Version")        \
  X(0x85, CLIENT_IDENTIFIER_NOT_VALID, "Client Identifier not valid")          \
  X(0x86, BAD_USER_NAME_OR_PASSWORD, "Bad User Name or Password")              \
  X(0x87, NOT_AUTHORIZED, "Not authorized")                                    \
  X(0x88, SERVER_UNAVAILABLE, "Server unavailable")                            \
  X(0x89, SERVER_BUSY, "Server busy")                                          \
  X(0x8A, BANNED, "Banned")                                                    \
  X(0x8B, SERVER_SHUTTING_DOWN, "Server shutting down")                        \
  X(0x8C, BAD_AUTHENTICATION_METHOD, "Bad authentication method")              \
  X(0x8D, KEEP_ALIVE_TIMEOUT, "Keep Alive timeout")                            \
  X(0x8E, SESSION_TAKEN_OVER, "Session taken over")                            \
  X(0x8F, TOPIC_FILTER_INVALID, "Topic Filter invalid")                        \
  X(0x90, TOPIC_NAME_INVALID, "Topic Name invalid")                            \
  X(0x91, PACKET_IDENTIFIER_IN_USE, "Packet Identifier in use")                \
  X(0x92, PACKET_IDENTIFIER_NOT_FOUND, "Packet Identifier not found")          \
  X(0x93, RECEIVE_MAXIMUM_EXCEEDED, "Receive Maximum exceeded")                \
  X(0x94, TOPIC_ALIAS_INVALID, "Topic Alias invalid")                          \
  X(0x95, PACKET_TOO_LARGE, "Packet too large")                                \
  X(0x96, MESSAGE_RATE_TOO_HIGH, "Message rate too high")                      \
  X(0x97, QUOTA_EXCEEDED, "Quota exceeded")                                    \
  X(0x98, ADMINISTRATIVE_ACTION, "Administrative action")                      \
  X(0x99, PAYLOAD_FORMAT_INVALID, "Payload format invalid")                    \
  X(0x9A, RETAIN_NOT_SUPPORTED, "Retain not supported")                        \
  X(0x9B, QOS_NOT_SUPPORTED, "QoS not supported")                              \
  X(0x9C, USE_ANOTHER_SERVER, "Use another server")                            \
  X(0x9D, SERVER_MOVED, "Server moved")                                        \
  X(0x9E, SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,                                  \
    "Shared Subscriptions not supported")                                      \
  X(0x9F, CONNECTION_RATE_EXCEEDED, "Connection rate exceeded")                \
  X(0xA0, MAXIMUM_CONNECT_TIME, "Maximum connect time")                        \
  X(0xA1, SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,                              \
    "Subscription Identifiers not supported")                                  \
  X(0xA2, WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,                                \
    "Wildcard Subscriptions not supported")

typedef enum {
#define X(value, name, text) UVMQTT_REASON_##name = value,
  UVMQTT_REASON_MAP(X)
#undef X
} uvmqtt_reason_t;

/* The standard's name of a reason code, "Unknown reason" for a value that the
 * standard does not define. Static, never NULL. Any thread. */
UVMQTT_EXTERN const char *uvmqtt_reason_string(uint8_t reason);

/* "PUBLISH" for 3, and so on; "?" outside 1 to 15. Static. Any thread. */
UVMQTT_EXTERN const char *uvmqtt_packet_name(uint8_t type);

#ifdef __cplusplus
}
#endif

#endif
