/* script/steps.h: the steps of a conversation, by their first word. */
#ifndef SCRIPT_STEPS_H
#define SCRIPT_STEPS_H

#include "script/player.h"

bool step_is(const char *line);
void step_run(struct player *p, const char *line);

#endif
