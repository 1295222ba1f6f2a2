/* support/told.h: what the tests themselves tell their clients in confidence
 * is learnt (support/learnt.h). */
#ifndef SUPPORT_TOLD_H
#define SUPPORT_TOLD_H

#include <uvmqtt.h>
#include <uvmqtt/remote.h>

void told_at_birth(const uvmqtt_options_t *o);

#endif
