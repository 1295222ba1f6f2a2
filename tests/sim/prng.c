#include "sim/prng.h"

static uint64_t rotate(uint64_t x, int k) {
  return x << k | x >> (64 - k);
}

/* splitmix64: neighbouring seeds give unrelated states. */
static uint64_t scatter(uint64_t *x) {
  uint64_t z = (*x += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

void prng_seed(struct prng *p, uint64_t seed) {
  for (int i = 0; i < 4; i++)
    p->s[i] = scatter(&seed);
}

uint64_t prng_next(struct prng *p) {
  uint64_t *s = p->s, t = s[1] << 17;
  uint64_t ret = rotate(s[1] * 5, 7) * 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return ret;
}

uint64_t prng_below(struct prng *p, uint64_t n) {
  return n == 0 ? 0 : prng_next(p) % n;
}

uint64_t prng_range(struct prng *p, uint64_t lo, uint64_t hi) {
  return hi <= lo ? lo : lo + prng_next(p) % (hi - lo + 1);
}

bool prng_chance(struct prng *p, unsigned permille) {
  return permille != 0 && prng_next(p) % 1000 < permille;
}
