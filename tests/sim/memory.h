/* sim/memory.h: the library's memory in a simulation, counted; stands in for
 * lib/base/alloc.c. Calls can be made to fail by chance. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct prng;

struct memory {
  size_t live, blocks; /* bytes asked for and not freed */
  size_t peak;         /* the most that were live; for whoever sets it back */
  uint64_t failed;
  struct prng *prng; /* NULL: no call fails */
  unsigned per_million;
};

extern struct memory memory;

/* Around the simulation's own use of the library's decoder: neither counted
 * nor failed. */
struct memory memory_aside(void);
void memory_back(struct memory before);

#endif
