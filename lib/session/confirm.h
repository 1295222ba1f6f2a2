/* session/confirm.h: manual acknowledgement. What the user gets is his until
 * he says so; what he said leaves in the order in which the messages came.
 * Part of the session; errors end the connection.
 *
 * QoS 2: the id is taken into the journal when the user accepts the message,
 * not when it comes. So what he had not accepted when the connection or the
 * process ended is delivered again, and what he had is not. */
#ifndef UM_SESSION_CONFIRM_H
#define UM_SESSION_CONFIRM_H

#include "session/session.h"

/* A PUBLISH for which there is room. */
int um_confirm_qos1(struct um_session *s, struct um_packet *p);
int um_confirm_qos2(struct um_session *s, struct um_packet *p, uint16_t room);
/* Encodes what may leave. 0 or UM_ENOMEM: the rest stays due. */
int um_confirm_flush(struct um_session *s);
void um_confirm_new_connection(struct um_session *s);
void um_confirm_done(struct um_session *s);

#endif
