#include "session/journal.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include <string.h>

void um_journal_init(struct um_journal *j, um_commit_fn commit, void *up,
                     struct um_buf *out, size_t max_held) {
  memset(j, 0, sizeof *j);
  j->commit = commit;
  j->up = up;
  j->out = out;
  j->batch = 1;
  um_buf_init(&j->held, max_held, NULL);
}

void um_journal_done(struct um_journal *j) {
  um_buf_done(&j->held);
  um_free(j->ops);
  um_free(j->marks);
  memset(j, 0, sizeof *j);
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
  struct um_store_op *ops = grow(j->ops, j->n + n, &j->cap, sizeof *ops);
  if (ops == NULL)
    return UM_ENOMEM;
  j->ops = ops;
  return 0;
}

void um_journal_put(struct um_journal *j, const struct um_store_op *op) {
  if (j->commit == NULL || j->broken)
    return;
  if (um_journal_reserve(j, 1))
    j->failed = true;
  else
    j->ops[j->n++] = *op;
}

/* Records not yet handed over, or handed over and not yet answered. */
static bool pending(const struct um_journal *j) {
  return (j->n != 0 || j->stored + 1 < j->batch) && !UM_MUTANT(17);
}

/* Room for the mark that will follow, so that um_journal_mark cannot fail. */
static bool reserve_mark(struct um_journal *j) {
  struct um_mark *marks =
      grow(j->marks, j->n_marks + 1, &j->cap_marks, sizeof *marks);
  if (marks == NULL)
    return false;
  j->marks = marks;
  return true;
}

struct um_buf *um_journal_out(struct um_journal *j) {
  if (j->failed)
    return NULL;
  if (!pending(j) && j->n_marks == 0)
    return j->out;
  return reserve_mark(j) ? &j->held : NULL;
}

/* The batch that the newest record is in. */
static uint64_t newest(const struct um_journal *j) {
  return j->n != 0 ? j->batch : j->batch - 1;
}

void um_journal_mark(struct um_journal *j) {
  if (j->held.len == 0)
    return;
  if (j->n_marks != 0 && j->marks[j->n_marks - 1].batch == newest(j)) {
    j->marks[j->n_marks - 1].end = j->held.len;
    return;
  }
  j->marks[j->n_marks++] = (struct um_mark){newest(j), j->held.len};
}

void um_journal_commit(struct um_journal *j) {
  if (j->n == 0)
    return;
  size_t n = j->n;
  uint64_t batch = j->batch++;
  j->n = 0;
  j->commit(j->up, j->ops, n, batch);
}

/* Moves the first n held bytes on; later marks count from the new front. */
static void release(struct um_journal *j, size_t n, size_t marks) {
  if (um_buf_append(j->out, um_buf_head(&j->held), n))
    j->failed = true;
  j->out->secret |= j->held.secret;
  um_buf_consume(&j->held, n);
  if (j->held.secret)
    um_buf_release(&j->held);
  j->n_marks -= marks;
  memmove(j->marks, j->marks + marks, j->n_marks * sizeof *j->marks);
  for (size_t i = 0; i < j->n_marks; i++)
    j->marks[i].end -= n;
}

void um_journal_stored(struct um_journal *j, uint64_t batch) {
  if (j->broken)
    return;
  if (batch > j->stored)
    j->stored = batch;
  size_t marks = 0, n = 0;
  while (marks < j->n_marks && j->marks[marks].batch <= j->stored)
    n = j->marks[marks++].end;
  if (marks != 0)
    release(j, n, marks);
}

void um_journal_break(struct um_journal *j) {
  if (UM_MUTANT(51)) /* goes on as if it had been stored */
    return;
  um_journal_drop(j);
  j->n = 0;
  j->broken = j->failed = true;
}

int um_journal_error(const struct um_journal *j) {
  return j->broken ? UVMQTT_ESTORE : UM_ENOMEM;
}

void um_journal_new_connection(struct um_journal *j) {
  j->failed = j->broken && !UM_MUTANT(71);
}

void um_journal_drop(struct um_journal *j) {
  if (UM_MUTANT(42)) /* held for the last connection, sent on the next */
    return;
  um_buf_consume(&j->held, j->held.len);
  um_buf_release(&j->held);
  j->n_marks = 0;
}
