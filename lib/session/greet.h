/* session/greet.h: CONNECT and CONNACK. Part of the session. */
#ifndef UM_SESSION_GREET_H
#define UM_SESSION_GREET_H

#include "session/session.h"

/* 0, UM_ENOMEM, or UVMQTT_ENOTSUP and UVMQTT_ECLIENTID for what 3.1.1 cannot
 * say after a fall-back. */
int um_greet_send(struct um_session *s);
int um_recv_connack(struct um_session *s, struct um_packet *p);
/* Is this the answer of a 3.1.1 server to a 5.0 CONNECT? */
bool um_greet_is_311_connack(const struct um_session *s, struct um_span frame);
int um_greet_recv_311_connack(struct um_session *s, struct um_span frame);
/* Keeps the server's reason and Reason String for the error object. */
void um_greet_note_reason(struct um_session *s, const struct um_packet *p,
                          uint8_t reason);
/* The peer closed the connection and had sent nothing. */
void um_greet_silent_end(struct um_session *s);
/* The first bytes of a connection came. */
void um_greet_heard(struct um_session *s);
/* Sets `version` to what `server` is to be greeted with. */
void um_greet_choose_version(struct um_session *s);

#endif
