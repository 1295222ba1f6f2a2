/* net/verdict.h: of many attempts that failed, what to tell. */
#ifndef UM_NET_VERDICT_H
#define UM_NET_VERDICT_H

#include <stdbool.h>

struct um_verdict {
  int status; /* 0: nothing has failed */
  int phase;
  unsigned weight;
  char address[64]; /* "" when it was none */
};

/* Kept when it says at least as much as what failed before. */
void um_verdict_note(struct um_verdict *v, int status, int phase,
                     const char *address);
/* Not the other end's doing, such as too many open files. */
bool um_verdict_is_ours(int status);

#endif
