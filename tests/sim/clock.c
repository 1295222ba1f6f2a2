#include "sim/clock.h"

#include <stdlib.h>
#include <string.h>

void clock_init(struct clock *c, uint64_t now) {
  memset(c, 0, sizeof *c);
  c->now = now;
}

void clock_done(struct clock *c) {
  free(c->heap);
  memset(c, 0, sizeof *c);
}

static bool before(const struct event *a, const struct event *b) {
  return a->when != b->when ? a->when < b->when : a->tie < b->tie;
}

static void swap(struct event *a, struct event *b) {
  struct event t = *a;
  *a = *b;
  *b = t;
}

static void rise(struct clock *c, size_t i) {
  for (; i != 0 && before(&c->heap[i], &c->heap[(i - 1) / 2]); i = (i - 1) / 2)
    swap(&c->heap[i], &c->heap[(i - 1) / 2]);
}

static void sink(struct clock *c, size_t i) {
  for (;;) {
    size_t least = i, left = 2 * i + 1;
    for (size_t k = left; k < left + 2 && k < c->n; k++)
      if (before(&c->heap[k], &c->heap[least]))
        least = k;
    if (least == i)
      return;
    swap(&c->heap[i], &c->heap[least]);
    i = least;
  }
}

void clock_at(struct clock *c, struct prng *p, uint64_t when, event_fn fn,
              void *arg, uint64_t n) {
  if (c->n == c->cap) {
    c->cap = c->cap == 0 ? 64 : 2 * c->cap;
    c->heap = realloc(c->heap, c->cap * sizeof *c->heap);
    if (c->heap == NULL)
      abort();
  }
  if (when < c->now)
    when = c->now;
  c->heap[c->n] = (struct event){when, prng_next(p), fn, arg, n};
  rise(c, c->n++);
}

bool clock_next(struct clock *c, struct event *ret) {
  if (c->n == 0)
    return false;
  *ret = c->heap[0];
  c->heap[0] = c->heap[--c->n];
  sink(c, 0);
  if (ret->when > c->now) /* else it is late: the process was stopped */
    c->now = ret->when;
  return true;
}
