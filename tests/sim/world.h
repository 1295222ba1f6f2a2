/* sim/world.h: everything of one seed. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/err.h"
#include "sim/app.h"
#include "sim/broker.h"
#include "sim/byzantine.h"
#include "sim/calls.h"
#include "sim/climate.h"
#include "sim/clock.h"
#include "sim/driver.h"
#include "sim/judge.h"
#include "sim/ledger.h"
#include "sim/link.h"
#include "sim/net.h"
#include "sim/store.h"
#include "sim/trace.h"
#include <uv/errno.h>

#define UM_ECONNREFUSED UV__ECONNREFUSED
#define UM_EIO UV__EIO

struct world {
  uint64_t seed;
  struct prng prng;
  struct clock clock;
  struct trace trace;
  struct climate climate;
  struct net net;
  struct broker broker;
  struct store store;
  struct driver driver;
  struct judge judge;
  struct ledger ledger;
  struct app app;
  bool healed; /* faults are off */
  uint64_t healed_at, ended_at;
  bool violated;
  const char *invariant; /* which one */
  char verdict[160];     /* and how */
  uint64_t reconnects, virtual_ms, events;
};

/* Runs one seed; true when nothing was violated. */
bool world_run(struct world *w, uint64_t seed, bool print);

/* Ends the run: invariant is "I1".., text a format as for note(). Only the
 * first one counts. */
void violation(struct world *w, const char *invariant, const char *text,
               uint64_t a, uint64_t b, uint64_t c);

uint64_t roll(struct world *w, uint64_t n);
uint64_t range(struct world *w, uint64_t lo, uint64_t hi);
bool chance(struct world *w, unsigned permille);
bool fault(struct world *w, unsigned permille); /* never when healed */
void at(struct world *w, uint64_t when, event_fn fn, void *arg, uint64_t n);

#endif
