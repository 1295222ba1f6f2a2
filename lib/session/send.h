/* session/send.h: packets into the out buffer. Part of the session. */
#ifndef UM_SESSION_SEND_H
#define UM_SESSION_SEND_H

#include "session/session.h"

/* Encodes now. 0, UM_ENOMEM or UVMQTT_ETOOBIG; on error nothing was added. */
int um_send(struct um_session *s, const struct um_packet *p);
/* The same for a packet that must wait until what was put into the journal is
 * durable. */
int um_send_guarded(struct um_session *s, const struct um_packet *p);
/* PUBACK, PUBREC, PUBREL or PUBCOMP with this id. */
int um_send_ack(struct um_session *s, uint8_t type, uint16_t id,
                uint8_t reason);
/* 0, or what to complete a request with that the server cannot take:
 * um_limits_check, with the topic alias that will be used. */
int um_send_check(struct um_session *s, const struct um_packet *p);
/* Requests that may leave, as far as quota and buffer allow. */
void um_send_waiting(struct um_session *s);
/* Bytes encoded that the kernel has not taken. */
uint64_t um_send_backlog(const struct um_session *s);

#endif
