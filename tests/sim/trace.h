/* sim/trace.h: what happened, as a hash over all of it, the last events in
 * words, and on request all of them. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

#define TRACE_LAST 60

struct trace_line {
  uint64_t when;
  const char *text; /* a format for three unsigned long long */
  uint64_t a, b, c;
};

struct trace {
  uint64_t hash;
  uint64_t n;
  bool all; /* print each */
  struct trace_line last[TRACE_LAST];
};

void note(struct world *w, const char *text, uint64_t a, uint64_t b,
          uint64_t c);
/* Only into the hash. */
void note_bytes(struct world *w, const void *data, size_t len);
void trace_print_last(const struct world *w);

#endif
