/* session/acks.h: what the server answers to our requests. Part of the
 * session; each returns 0 or the error that ends the connection. */
#ifndef UM_SESSION_ACKS_H
#define UM_SESSION_ACKS_H

#include "session/session.h"

int um_recv_puback(struct um_session *s, struct um_packet *p);
int um_recv_pubrec(struct um_session *s, struct um_packet *p);
int um_recv_pubcomp(struct um_session *s, struct um_packet *p);
int um_recv_suback(struct um_session *s, struct um_packet *p);
int um_recv_unsuback(struct um_session *s, struct um_packet *p);
/* A SUBACK or UNSUBACK with this id was unreadable: its request fails once,
 * instead of being asked again for ever. */
void um_recv_bad_suback(struct um_session *s, uint16_t id, int status);

#endif
