/* session/resume.h: what a CONNACK's Session Present means for what we hold.
 * Part of the session. */
#ifndef UM_SESSION_RESUME_H
#define UM_SESSION_RESUME_H

#include "session/session.h"

/* The server has the session: what was in flight goes again, in order.
 * UM_ENOMEM. */
int um_resume_present(struct um_session *s);
/* It has not: in-flight messages by policy, subscriptions restored, one notice
 * (after the owner heard of the connection). UM_ENOMEM. */
int um_resume_lost(struct um_session *s);
/* Gives up what we hold before a CONNECT that asks for a clean session; the
 * next um_resume_lost reports it. */
void um_resume_forget(struct um_session *s);
void um_resume_report(struct um_session *s);

#endif
