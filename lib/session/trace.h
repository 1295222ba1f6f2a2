/* session/trace.h: each packet as events->trace tells it, without what may be
 * secret: payloads, user names, passwords, authentication data and all
 * properties. Part of the session; called only with config->trace. */
#ifndef UM_SESSION_TRACE_H
#define UM_SESSION_TRACE_H

#include "session/session.h"

/* It lies in the out buffer, or is held back for the store; so many bytes. */
void um_trace_sent(const struct um_session *s, const struct um_packet *p,
                   size_t len);
/* p was decoded or, with an error, means nothing. */
void um_trace_received(const struct um_session *s, struct um_span frame,
                       const struct um_packet *p, int error);

#endif
