/* session/receive.h: which packet may come when, and who gets it. Part of the
 * session. */
#ifndef UM_SESSION_RECEIVE_H
#define UM_SESSION_RECEIVE_H

#include "session/session.h"

/* 0, or the error that ends the connection. */
int um_receive(struct um_session *s, struct um_span frame);
/* The same of a packet that has only begun. */
int um_receive_beginning(const struct um_session *s);

#endif
