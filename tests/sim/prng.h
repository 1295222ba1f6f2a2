/* sim/prng.h: xoshiro256**, the only source of chance in a simulation. */
#ifndef SIM_PRNG_H
#define SIM_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
  uint64_t s[4];
};

void prng_seed(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
/* 0 .. n-1, 0 for n 0. */
uint64_t prng_below(struct prng *p, uint64_t n);
/* lo .. hi, both included. */
uint64_t prng_range(struct prng *p, uint64_t lo, uint64_t hi);
bool prng_chance(struct prng *p, unsigned permille);

#endif
