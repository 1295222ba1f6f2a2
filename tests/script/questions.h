/* script/questions.h: what is asked after a step. */
#ifndef SCRIPT_QUESTIONS_H
#define SCRIPT_QUESTIONS_H

#include "script/player.h"

/* false: no such question. */
bool question_ask(struct player *p, const char *line);

#endif
