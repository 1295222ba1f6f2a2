#include "session/timeouts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include <stdlib.h>

SUITE(timeouts);

#define N 300

static struct um_timeouts t;
static struct um_op *ops; /* their link is not used */

static void begin(void) {
  ops = calloc(N, sizeof *ops);
  for (size_t i = 0; i < N; i++) {
    ops[i].id = i + 1;
    ops[i].due = UINT64_MAX;
  }
}

static void put(size_t i, uint64_t due) {
  ops[i].due = due;
  cr_assert_eq(um_timeouts_reserve(&t), 0);
  um_timeouts_put(&t, &ops[i]);
}

static void end(void) {
  um_timeouts_done(&t);
  cr_assert_eq(um_timeouts_deadline(&t), UINT64_MAX);
  free(ops);
}

Test(timeouts, an_empty_one_never_comes_due) {
  begin();
  cr_assert_null(um_timeouts_first(&t));
  cr_assert_eq(um_timeouts_deadline(&t), UINT64_MAX);
  um_timeouts_remove(&t, &ops[0]); /* is not in it */
  end();
}

Test(timeouts, the_earliest_is_first_and_of_equals_the_oldest) {
  begin();
  static const uint64_t due[] = {30, 10, 20, 10, 10, 5};
  static const uint64_t ids[] = {6, 2, 4, 5, 3, 1};
  for (size_t i = 0; i < 6; i++)
    put(i, due[i]);
  for (size_t i = 0; i < 6; i++) {
    cr_assert_eq(um_timeouts_first(&t)->id, ids[i]);
    um_timeouts_remove(&t, um_timeouts_first(&t));
  }
  end();
}

Test(timeouts, one_that_cannot_come_due_is_kept_behind_all) {
  begin();
  put(0, UINT64_MAX);
  cr_assert_eq(um_timeouts_deadline(&t), UINT64_MAX);
  put(1, 7);
  cr_assert_eq(um_timeouts_deadline(&t), 7);
  ops[1].due = UINT64_MAX;
  um_timeouts_moved(&t, &ops[1]);
  cr_assert_eq(um_timeouts_deadline(&t), UINT64_MAX);
  ops[0].due = 3;
  um_timeouts_moved(&t, &ops[0]);
  cr_assert_eq(um_timeouts_first(&t), &ops[0]);
  end();
}

static struct um_op *least(void) {
  struct um_op *first = NULL;
  for (size_t i = 0; i < N; i++)
    if (ops[i].timer != 0 && (first == NULL || ops[i].due < first->due))
      first = &ops[i];
  return first;
}

Test(timeouts, agrees_with_a_search_through_all) {
  uint32_t seed = 3;
  begin();
  for (int step = 0; step < 20000; step++) {
    seed = seed * 1664525u + 1013904223u;
    struct um_op *op = &ops[(seed >> 8) % N];
    uint64_t due = seed >> 20;
    if (op->timer == 0) {
      put((size_t)(op - ops), due);
    } else if ((seed >> 30) == 0) {
      um_timeouts_remove(&t, op);
    } else {
      op->due = due;
      um_timeouts_moved(&t, op);
    }
    struct um_op *first = least();
    cr_assert_eq(um_timeouts_deadline(&t),
                 first == NULL ? UINT64_MAX : first->due);
  }
  end();
}

Test(timeouts, without_memory_nothing_changes) {
  begin();
  for (size_t i = 0; i < 16; i++)
    put(i, 100 - i);
  um_alloc_fail_at(1, true);
  cr_assert_eq(um_timeouts_reserve(&t), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(um_timeouts_first(&t), &ops[15]);
  put(16, 1);
  cr_assert_eq(um_timeouts_first(&t), &ops[16]);
  end();
}
