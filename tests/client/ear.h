/* client/ear.h: a server that keeps what it hears and says what the test says.
 */
#ifndef CLIENT_EAR_H
#define CLIENT_EAR_H

#include "base/buf.h"
#include "client/rig.h"

extern struct um_buf ear_said; /* by the client */

void ear_begin(struct rig *r);
void ear_end(struct rig *r);
bool ear_heard(const char *text);
/* A guest that connects to it, by this scheme. */
void ear_go(struct rig *r, const char *scheme, uvmqtt_options_t *o);
void ear_answer(struct rig *r, const char *text);

#endif
