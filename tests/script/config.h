/* script/config.h: the words behind "config". */
#ifndef SCRIPT_CONFIG_H
#define SCRIPT_CONFIG_H

#include "script/player.h"

void config_default(struct player *p);
void config_set(struct player *p, const struct words *w);

#endif
