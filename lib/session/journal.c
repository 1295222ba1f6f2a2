#include "session/journal.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include <string.h>

void um_journal_init(struct um_journal *j, um_commit_fn commit, void *up,
                     struct um_buf *out, size_t max_held) {
  *j = (struct um_journal){
      .commit = commit, .up = up, .out = out, .max_held = max_held};
}

void um_journal_done(struct um_journal *j) {
  struct um_ledger *l = j->ledger;
  if (l != NULL) {
    um_buf_done(&l->held);
    um_free(l->ops);
    um_free(l->marks);
    um_free(l);
  }
  memset(j, 0, sizeof *j);
}

/* With a store that needs one. NULL: no memory. */
static struct um_ledger *open_ledger(struct um_journal *j) {
  if (j->ledger != NULL)
    return j->ledger;
  j->ledger = um_calloc(1, sizeof *j->ledger);
  if (j->ledger == NULL)
    return NULL;
  j->ledger->batch = 1;
  um_buf_init(&j->ledger->held, j->max_held, NULL);
  return j->ledger;
}

/* Room for n elements in a growing array, NULL when memory is out. */
static void *grow(void *array, size_t n, size_t *cap, size_t size) {
  if (n <= *cap)
    return array;
  size_t more = *cap == 0 ? 8 : 2 * *cap;
  while (more < n)
    more *= 2;
  void *p = um_realloc(array, more * size);
  if (p != NULL)
    *cap = more;
  return p;
}

int um_journal_reserve(struct um_journal *j, size_t n) {
  if (j->commit == NULL)
    return 0;
  struct um_ledger *l = open_ledger(j);
  if (l == NULL)
    return UM_ENOMEM;
  struct um_store_op *ops = grow(l->ops, l->n + n, &l->cap, sizeof *ops);
  if (ops == NULL)
    return UM_ENOMEM;
  l->ops = ops;
  return 0;
}

void um_journal_put(struct um_journal *j, const struct um_store_op *op) {
  if (j->commit == NULL || j->broken)
    return;
  if (um_journal_reserve(j, 1))
    j->failed = true;
  else
    j->ledger->ops[j->ledger->n++] = *op;
}

/* Records not yet handed over, or handed over and not yet answered. */
static bool pending(const struct um_ledger *l) {
  return (l->n != 0 || l->stored + 1 < l->batch) && !UM_MUTANT(17);
}

/* Room for the mark that will follow, so that um_journal_mark cannot fail. */
static bool reserve_mark(struct um_ledger *l) {
  struct um_mark *marks =
      grow(l->marks, l->n_marks + 1, &l->cap_marks, sizeof *marks);
  if (marks == NULL)
    return false;
  l->marks = marks;
  return true;
}

struct um_buf *um_journal_out(struct um_journal *j) {
  struct um_ledger *l = j->ledger;
  if (j->failed)
    return NULL;
  if (l == NULL || (!pending(l) && l->n_marks == 0))
    return j->out;
  return reserve_mark(l) ? &l->held : NULL;
}

/* The batch that the newest record is in. */
static uint64_t newest(const struct um_ledger *l) {
  return l->n != 0 ? l->batch : l->batch - 1;
}

void um_journal_mark(struct um_journal *j) {
  struct um_ledger *l = j->ledger;
  if (l == NULL || l->held.len == 0)
    return;
  if (l->n_marks != 0 && l->marks[l->n_marks - 1].batch == newest(l)) {
    l->marks[l->n_marks - 1].end = l->held.len;
    return;
  }
  l->marks[l->n_marks++] = (struct um_mark){newest(l), l->held.len};
}

void um_journal_commit(struct um_journal *j) {
  struct um_ledger *l = j->ledger;
  if (l == NULL || l->n == 0)
    return;
  size_t n = l->n;
  uint64_t batch = l->batch++;
  l->n = 0;
  j->commit(j->up, l->ops, n, batch);
}

/* Moves the first n held bytes on; later marks count from the new front. */
static void release(struct um_journal *j, size_t n, size_t marks) {
  struct um_ledger *l = j->ledger;
  if (um_buf_append(j->out, um_buf_head(&l->held), n))
    j->failed = true;
  j->out->secret |= l->held.secret;
  um_buf_consume(&l->held, n);
  if (l->held.secret)
    um_buf_release(&l->held);
  l->n_marks -= marks;
  memmove(l->marks, l->marks + marks, l->n_marks * sizeof *l->marks);
  for (size_t i = 0; i < l->n_marks; i++)
    l->marks[i].end -= n;
}

void um_journal_stored(struct um_journal *j, uint64_t batch) {
  struct um_ledger *l = j->ledger;
  if (l == NULL || j->broken)
    return;
  if (batch > l->stored)
    l->stored = batch;
  size_t marks = 0, n = 0;
  while (marks < l->n_marks && l->marks[marks].batch <= l->stored)
    n = l->marks[marks++].end;
  if (marks != 0)
    release(j, n, marks);
}

void um_journal_break(struct um_journal *j) {
  if (UM_MUTANT(51)) /* goes on as if it had been stored */
    return;
  um_journal_drop(j);
  if (j->ledger != NULL)
    j->ledger->n = 0;
  j->broken = j->failed = true;
}

int um_journal_error(const struct um_journal *j) {
  return j->broken ? UVMQTT_ESTORE : UM_ENOMEM;
}

void um_journal_new_connection(struct um_journal *j) {
  j->failed = j->broken && !UM_MUTANT(71);
}

void um_journal_guard(struct um_journal *j) {
  j->out->secret = true;
  if (j->ledger != NULL)
    j->ledger->held.secret = true;
}

size_t um_journal_held(const struct um_journal *j) {
  return j->ledger == NULL ? 0 : j->ledger->held.len;
}

void um_journal_drop(struct um_journal *j) {
  struct um_ledger *l = j->ledger;
  if (l == NULL || UM_MUTANT(42)) /* held for the last one, sent on the next */
    return;
  um_buf_consume(&l->held, l->held.len);
  um_buf_release(&l->held);
  l->n_marks = 0;
}
