/* session/dispatch.h: who gets which message. Part of the session.
 *
 * While no handler exists, a message costs one branch; with handlers nothing is
 * allocated for it. */
#ifndef UM_SESSION_DISPATCH_H
#define UM_SESSION_DISPATCH_H

#include "session/session.h"

/* Calls all handlers of the message, unless one of them halts the session.
 * False: there is none. */
bool um_dispatch(struct um_session *s, const uvmqtt_message_t *m);

#endif
