/* sim/clock.h: virtual time and the events on it, in the order of their time;
 * those of the same millisecond in an order that the seed decides. */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include "sim/prng.h"
#include <stddef.h>

struct world;

/* n tells a stale event from a fresh one, or carries what it is about. */
typedef void (*event_fn)(struct world *w, void *arg, uint64_t n);

struct event {
  uint64_t when, tie;
  event_fn fn;
  void *arg;
  uint64_t n;
};

struct clock {
  uint64_t now; /* ms */
  struct event *heap;
  size_t n, cap;
};

void clock_init(struct clock *c, uint64_t now);
void clock_done(struct clock *c);
void clock_at(struct clock *c, struct prng *p, uint64_t when, event_fn fn,
              void *arg, uint64_t n);
/* Takes the next event and moves the time there. */
bool clock_next(struct clock *c, struct event *ret);

#endif
