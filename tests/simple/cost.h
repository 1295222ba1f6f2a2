/* simple/cost.h: what calls of check_msg cost.
 *
 * What blocks gives the processor away by itself, so the voluntary context
 * switches of the thread are counted: there must be next to none (the
 * sanitizer's allocator has locks). A call that the scheduler interrupted for
 * others is not taken into the longest time. */
#ifndef SIMPLE_COST_H
#define SIMPLE_COST_H

#include "either.h"

struct cost {
  uint64_t longest; /* ns, of those that were not interrupted */
  unsigned calls, clean;
  long voluntary;
};

/* There, threads take turns, and each is slow. */
void cost_skip_under_valgrind(void);
int cost_check(struct cost *cost, struct either *e);
/* No call blocked, and none took 5 ms. */
void cost_expect_cheap(const struct cost *cost);

#endif
