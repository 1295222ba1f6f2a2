#include "session/timeouts.h"

#include "base/alloc.h"
#include "base/err.h"
#include <assert.h>
#include <string.h>

#define FIRST_CAP 16u

void um_timeouts_done(struct um_timeouts *t) {
  um_free(t->heap);
  memset(t, 0, sizeof *t);
}

int um_timeouts_reserve(struct um_timeouts *t) {
  if (t->n < t->cap)
    return 0;
  size_t cap = t->cap == 0 ? FIRST_CAP : 2 * t->cap;
  struct um_op **heap = um_realloc(t->heap, cap * sizeof(struct um_op *));
  if (heap == NULL)
    return UM_ENOMEM;
  t->heap = heap;
  t->cap = cap;
  return 0;
}

/* op->timer is its place plus one: 0 is none. */
static void set(struct um_timeouts *t, size_t i, struct um_op *op) {
  t->heap[i] = op;
  op->timer = i + 1;
}

/* What is due together keeps the order of the requests. */
static bool before(const struct um_op *a, const struct um_op *b) {
  return a->due != b->due ? a->due < b->due : a->id < b->id;
}

static void rise(struct um_timeouts *t, size_t i) {
  struct um_op *op = t->heap[i];
  while (i != 0 && before(op, t->heap[(i - 1) / 2])) {
    set(t, i, t->heap[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
  set(t, i, op);
}

static size_t earlier_child(const struct um_timeouts *t, size_t i) {
  size_t child = 2 * i + 1;
  if (child + 1 < t->n && before(t->heap[child + 1], t->heap[child]))
    child++;
  return child;
}

static void sink(struct um_timeouts *t, size_t i) {
  struct um_op *op = t->heap[i];
  size_t child;
  while ((child = earlier_child(t, i)) < t->n && before(t->heap[child], op)) {
    set(t, i, t->heap[child]);
    i = child;
  }
  set(t, i, op);
}

void um_timeouts_put(struct um_timeouts *t, struct um_op *op) {
  assert(t->n < t->cap && op->timer == 0);
  set(t, t->n++, op);
  rise(t, t->n - 1);
}

void um_timeouts_moved(struct um_timeouts *t, struct um_op *op) {
  assert(op->timer != 0);
  rise(t, op->timer - 1);
  sink(t, op->timer - 1);
}

void um_timeouts_remove(struct um_timeouts *t, struct um_op *op) {
  size_t i = op->timer - 1;
  if (op->timer == 0)
    return;
  op->timer = 0;
  struct um_op *last = t->heap[--t->n];
  if (last == op)
    return;
  set(t, i, last);
  um_timeouts_moved(t, last);
}
