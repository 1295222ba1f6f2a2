/* session/deliver.h: application messages from the server. Part of the
 * session; each returns 0 or the error that ends the connection. */
#ifndef UM_SESSION_DELIVER_H
#define UM_SESSION_DELIVER_H

#include "session/session.h"

int um_recv_publish(struct um_session *s, struct um_packet *p);
int um_recv_pubrel(struct um_session *s, struct um_packet *p);

#endif
