/* session/deliver.h: application messages from the server. Part of the
 * session; each returns 0 or the error that ends the connection. */
#ifndef UM_SESSION_DELIVER_H
#define UM_SESSION_DELIVER_H

#include "session/session.h"

int um_recv_publish(struct um_session *s, struct um_packet *p);
int um_recv_pubrel(struct um_session *s, struct um_packet *p);

/* A PUBLISH that is whole: delivered as its QoS demands. */
int um_deliver_publish(struct um_session *s, struct um_packet *p);
/* What that will say of one whose payload has not come yet. */
int um_deliver_foresee(struct um_session *s, const struct um_packet *p,
                       bool *ret_duplicate);
/* To the user, whole or as the last part of one. */
void um_deliver(struct um_session *s, const struct um_packet *p,
                uint64_t token);
void um_deliver_message(const struct um_packet *p, uint64_t token,
                        uvmqtt_message_t *ret);

#endif
