#include "sim/trace.h"

#include "sim/world.h"
#include <stdio.h>

static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
  return h ^ h >> 29;
}

typedef unsigned long long number;

static void print(const struct trace_line *l) {
  printf("%10llu.%03llu  ", (number)(l->when / 1000), (number)(l->when % 1000));
  printf(l->text, (number)l->a, (number)l->b, (number)l->c);
  putchar('\n');
}

void note(struct world *w, const char *text, uint64_t a, uint64_t b,
          uint64_t c) {
  struct trace *t = &w->trace;
  struct trace_line line = {w->clock.now, text, a, b, c};
  uint64_t h = mix(t->hash, line.when);
  for (const char *s = text; *s != '\0'; s++)
    h = h * 31 + (uint64_t)*s;
  t->hash = mix(mix(mix(h, a), b), c);
  t->last[t->n++ % TRACE_LAST] = line;
  if (t->all)
    print(&line);
}

void note_bytes(struct world *w, const void *data, size_t len) {
  const uint8_t *p = data;
  uint64_t h = w->trace.hash;
  for (size_t i = 0; i < len; i++)
    h = (h ^ p[i]) * UINT64_C(0x100000001B3);
  w->trace.hash = mix(h, len);
}

void trace_print_last(const struct world *w) {
  const struct trace *t = &w->trace;
  uint64_t first = t->n > TRACE_LAST ? t->n - TRACE_LAST : 0;
  for (uint64_t i = first; i < t->n && !t->all; i++)
    print(&t->last[i % TRACE_LAST]);
}
