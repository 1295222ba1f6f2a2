#include "session/receipt.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"

SUITE(receipt);

static void push(struct um_receipts *r, uint64_t id, uint64_t end) {
  struct um_receipt receipt = {.end = end, .id = id};
  cr_assert_eq(um_receipts_push(r, &receipt), 0);
}

static uint64_t pop(struct um_receipts *r, uint64_t taken) {
  struct um_receipt receipt;
  return um_receipts_pop(r, taken, &receipt) ? receipt.id : 0;
}

Test(receipt, is_due_when_its_last_byte_was_taken) {
  struct um_receipts r = {0};
  cr_assert_eq(pop(&r, UINT64_MAX), 0);
  push(&r, 1, 10);
  push(&r, 2, 20);
  cr_assert_eq(pop(&r, 9), 0);
  cr_assert_eq(pop(&r, 10), 1);
  cr_assert_eq(pop(&r, 19), 0);
  cr_assert_eq(pop(&r, UINT64_MAX), 2);
  cr_assert_eq(r.n, 0);
  um_receipts_done(&r);
}

Test(receipt, keeps_the_order_when_the_ring_grows_in_the_middle) {
  struct um_receipts r = {0};
  uint64_t next = 1, due = 1;
  for (int round = 0; round < 200; round++) {
    for (int i = 0; i < round % 40; i++, next++)
      push(&r, next, next);
    for (int i = 0; i < round % 23 && due < next; i++, due++)
      cr_assert_eq(pop(&r, next), due);
  }
  for (; due < next; due++)
    cr_assert_eq(pop(&r, next), due);
  cr_assert_eq(pop(&r, UINT64_MAX), 0);
  um_receipts_done(&r);
}

Test(receipt, cannot_fail_after_reserve) {
  struct um_receipts r = {0};
  for (uint64_t id = 1; id < 100; id++) {
    cr_assert_eq(um_receipts_reserve(&r), 0);
    um_alloc_fail_at(1, true);
    push(&r, id, id);
    um_alloc_fail_at(0, false);
  }
  um_receipts_done(&r);
}

Test(receipt, allocates_nothing_in_steady_state) {
  struct um_receipts r = {0};
  push(&r, 1, 1);
  um_alloc_fail_at(0, false);
  for (uint64_t id = 2; id < 10000; id++) {
    push(&r, id, id);
    cr_assert_eq(pop(&r, id), id - 1);
  }
  cr_assert_eq(um_alloc_calls(), 0);
  um_receipts_done(&r);
}

Test(receipt, loses_nothing_when_memory_is_out) {
  struct um_receipts r = {0};
  uint64_t held = 0;
  um_alloc_fail_at(2, true);
  for (uint64_t id = 1; id < 100; id++) {
    struct um_receipt receipt = {.end = id, .id = id};
    if (um_receipts_push(&r, &receipt) == 0)
      held = id;
    else
      break;
  }
  um_alloc_fail_at(0, false);
  cr_assert_gt(held, 0);
  cr_assert_lt(held, 99);
  for (uint64_t id = 1; id <= held; id++)
    cr_assert_eq(pop(&r, held), id);
  um_receipts_done(&r);
}
