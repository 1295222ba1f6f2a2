#define _GNU_SOURCE /* RUSAGE_THREAD */
#include "cost.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LIMIT 5000000u /* ns */

void cost_skip_under_valgrind(void) {
  const char *preload = getenv("LD_PRELOAD");
  if (preload != NULL && strstr(preload, "vgpreload") != NULL)
    cr_skip_test("valgrind is no clock");
}

static struct rusage usage(void) {
  struct rusage u;
  cr_assert(getrusage(RUSAGE_THREAD, &u) == 0);
  return u;
}

int cost_check(struct cost *cost, struct either *e) {
  struct rusage before = usage();
  uint64_t begin = uv_hrtime();
  int r = either_check_msg(e);
  uint64_t took = uv_hrtime() - begin;
  struct rusage after = usage();
  cost->calls++;
  cost->voluntary += after.ru_nvcsw - before.ru_nvcsw;
  if (after.ru_nivcsw != before.ru_nivcsw)
    return r;
  cost->clean++;
  if (took > cost->longest)
    cost->longest = took;
  return r;
}

void cost_expect_cheap(const struct cost *cost) {
  cr_assert(cost->clean > cost->calls / 2, "%u of %u calls were interrupted",
            cost->calls - cost->clean, cost->calls);
  cr_assert(cost->longest < LIMIT, "%llu ns",
            (unsigned long long)cost->longest);
  cr_assert((unsigned long)cost->voluntary <= cost->calls / 1000,
            "gave up the processor %ld times in %u calls", cost->voluntary,
            cost->calls);
}
