/* wire/reason.h: which reason codes a packet may carry. */
#ifndef UM_WIRE_REASON_H
#define UM_WIRE_REASON_H

#include "wire/packet.h"

/* Is the code in the standard's table for this packet type, version and
 * sender? SUBACK and UNSUBACK: one code of the list. */
bool um_reason_legal(uint8_t type, uint8_t version, uint8_t from, uint8_t code);

/* The 5.0 code for a 3.1.1 CONNACK return code 0..5. */
uint8_t um_reason_from_connack_311(uint8_t code);

/* The reason to send with DISCONNECT for a violation the peer committed
 * (UVMQTT_EMALFORMED: 0x81, ...); 0x80 for anything else. */
uint8_t um_reason_of_violation(int err);

#endif
