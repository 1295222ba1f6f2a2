/* session/withdraw.h: requests that end without an answer of the server's:
 * given up, cancelled or out of time. Part of the session. */
#ifndef UM_SESSION_WITHDRAW_H
#define UM_SESSION_WITHDRAW_H

#include "session/session.h"

/* For the store: this message is over. */
void um_withdraw_note(struct um_session *s, const struct um_op *op);
/* One that was not sent finishes with this status. */
void um_withdraw(struct um_session *s, struct um_op *op, int status);
/* The same for one whose time has come (op->due); settle tells. */
void um_withdraw_late(struct um_session *s, struct um_op *op);
/* All whose time has come, sent or not. */
void um_withdraw_due(struct um_session *s);

#endif
