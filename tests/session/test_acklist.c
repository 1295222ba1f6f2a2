#include "session/acklist.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"

SUITE(acklist);

static uint64_t push(struct um_acklist *l, uint16_t id) {
  cr_assert_eq(um_acklist_reserve(l), 0);
  return um_acklist_push(l, id, false);
}

static int settle(struct um_acklist *l, uint64_t number) {
  struct um_ack *ack = NULL;
  int r = um_acklist_find(l, number, &ack);
  if (r == 0)
    ack->settled = true;
  return r;
}

/* [MQTT-4.6.0-2/both], [MQTT-4.6.0-3/both] */
Test(acklist, gives_what_is_settled_in_the_order_of_arrival) {
  struct um_acklist l = {0};
  uint64_t a = push(&l, 30), b = push(&l, 10), c = push(&l, 20);
  cr_assert_null(um_acklist_due(&l));
  cr_assert_eq(settle(&l, c), 0);
  cr_assert_eq(settle(&l, b), 0);
  cr_assert_null(um_acklist_due(&l));
  cr_assert_eq(settle(&l, a), 0);
  static const uint16_t order[] = {30, 10, 20};
  for (size_t i = 0; i < 3; i++) {
    cr_assert_eq(um_acklist_due(&l)->id, order[i]);
    um_acklist_pop(&l);
  }
  cr_assert_null(um_acklist_due(&l));
  um_acklist_done(&l);
}

Test(acklist, knows_a_number_once) {
  struct um_acklist l = {0};
  uint64_t a = push(&l, 1);
  struct um_ack *ack = NULL;
  cr_assert_eq(um_acklist_find(&l, 0, &ack), UM_ENOENT);
  cr_assert_eq(um_acklist_find(&l, a + 1, &ack), UM_ENOENT);
  cr_assert_eq(um_acklist_find(&l, UINT64_MAX >> 1, &ack), UM_ENOENT);
  cr_assert_eq(settle(&l, a), 0);
  cr_assert_eq(settle(&l, a), UM_ENOENT);
  um_acklist_pop(&l);
  cr_assert_eq(settle(&l, a), UM_ENOENT);
  um_acklist_done(&l);
}

Test(acklist, takes_numbers_of_an_earlier_connection_for_stale) {
  struct um_acklist l = {0};
  uint64_t a = push(&l, 1), b = push(&l, 1);
  cr_assert_eq(settle(&l, a), 0);
  um_acklist_pop(&l);
  um_acklist_new_connection(&l);
  um_acklist_new_connection(&l);
  cr_assert_eq(l.n, 0);
  cr_assert_eq(settle(&l, 0), UM_ENOENT);
  cr_assert_eq(settle(&l, a), UVMQTT_ESTALE);
  cr_assert_eq(settle(&l, b), UVMQTT_ESTALE);
  uint64_t c = push(&l, 1);
  cr_assert_neq(c, a);
  cr_assert_neq(c, b);
  cr_assert_eq(settle(&l, b), UVMQTT_ESTALE);
  cr_assert_eq(settle(&l, c), 0);
  um_acklist_done(&l);
}

Test(acklist, holds_all_ids_and_allocates_no_more_then) {
  struct um_acklist l = {0};
  for (unsigned id = 1; id <= 65535; id++)
    push(&l, (uint16_t)id);
  cr_assert_eq(l.cap, 65536);
  um_alloc_fail_at(1, true);
  for (unsigned round = 0; round < 100000; round++) {
    cr_assert_eq(settle(&l, round + 1), 0);
    um_acklist_pop(&l);
    push(&l, 1);
  }
  um_alloc_fail_at(0, false);
  cr_assert_eq(l.n, 65535);
  um_acklist_done(&l);
}

Test(acklist, grows_in_the_middle_of_its_ring) {
  struct um_acklist l = {0};
  uint64_t number = 0;
  for (uint16_t id = 1; id <= 10; id++)
    number = push(&l, id);
  for (unsigned i = 1; i <= 10; i++) {
    settle(&l, i);
    um_acklist_pop(&l);
  }
  for (uint16_t id = 100; id < 200; id++)
    number = push(&l, id);
  cr_assert_eq(number, 110);
  for (uint64_t i = 110; i > 10; i--)
    cr_assert_eq(settle(&l, i), 0);
  for (uint16_t id = 100; id < 200; id++) {
    cr_assert_eq(um_acklist_due(&l)->id, id);
    um_acklist_pop(&l);
  }
  um_acklist_done(&l);
}

Test(acklist, says_so_without_memory_and_works_again) {
  struct um_acklist l = {0};
  um_alloc_fail_at(1, false);
  cr_assert_eq(um_acklist_reserve(&l), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  push(&l, 1);
  cr_assert_eq(l.n, 1);
  um_acklist_done(&l);
}
