/* session/handlers.h: handlers for filters, and the one subscription on the
 * wire that those of a filter share. um_session_handle and um_session_unhandle
 * are here; which message is whose is dispatch.h. Part of the session. */
#ifndef UM_SESSION_HANDLERS_H
#define UM_SESSION_HANDLERS_H

#include "session/session.h"

/* Is this request one of ours? */
bool um_handlers_own(const struct um_op *op);
/* It is about to be sent as p: takes the identifier out where the server has
 * none. */
void um_handlers_sending(struct um_session *s, const struct um_op *op,
                         struct um_packet *p);
/* Subscriptions are about to be restored: with identifiers if the server has
 * them, and their retained messages are everybody's again. */
void um_handlers_restoring(struct um_session *s);

#endif
