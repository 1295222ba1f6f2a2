/* CLOCK_BOOTTIME is Linux's and hidden by a pure POSIX. */
#define _GNU_SOURCE
#include "net/bootclock.h"

#include <time.h>

static uint64_t ms_of(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t))
    return 0;
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t um_bootclock_slept(void) {
  uint64_t awake = ms_of(CLOCK_MONOTONIC), all = ms_of(CLOCK_BOOTTIME);
  return all > awake ? all - awake : 0;
}
