#include "session/subs.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(subs);

static struct um_subs subs;
static struct um_op_pool pool;
static struct um_list ops;

static void begin(void) {
  um_subs_init(&subs);
  um_op_pool_init(&pool);
  um_list_init(&ops);
}

static struct um_op *first(void) {
  return um_list_empty(&ops) ? NULL : um_list_of(ops.next, struct um_op, link);
}

static void end(void) {
  while (first() != NULL)
    um_op_free(&pool, first());
  um_subs_done(&subs);
  um_op_pool_done(&pool);
}

static void put(const char *filter, uint8_t qos, uint32_t identifier) {
  uvmqtt_subscription_t s = {.filter = filter, .qos = qos};
  cr_assert_eq(um_subs_put(&subs, &s, identifier), 0);
}

static int restore(size_t max_packet) {
  return um_subs_restore(&subs, UM_V5, max_packet, &pool, &ops);
}

static void expect(const char *want) {
  char got[1000] = "";
  for (struct um_list *l = ops.next; l != &ops; l = l->next) {
    const struct um_op *op = um_list_of(l, struct um_op, link);
    for (size_t i = 0; i < op->u.subscribe.n; i++)
      sprintf(got + strlen(got), "%s:%u ", op->u.subscribe.filters[i].filter,
              op->u.subscribe.filters[i].qos);
    if (op->n_properties != 0)
      sprintf(got + strlen(got), "id=%u ", op->properties[0].value.num);
    strcat(got, "| ");
  }
  cr_assert_str_eq(got, want);
}

Test(subs, none_need_no_packet) {
  begin();
  cr_assert_eq(restore(100), 0);
  expect("");
  end();
}

Test(subs, are_asked_for_in_the_order_granted) {
  begin();
  put("b", 1, 0);
  put("a", 2, 0);
  put("c", 0, 0);
  cr_assert_eq(restore(1000), 0);
  expect("b:1 a:2 c:0 | ");
  end();
}

Test(subs, keep_the_newest_options_of_a_filter) {
  begin();
  put("a", 1, 0);
  put("b", 1, 0);
  put("a", 2, 5);
  cr_assert_eq(subs.n, 2);
  cr_assert_eq(restore(1000), 0);
  expect("a:2 id=5 | b:1 | ");
  end();
}

Test(subs, of_one_identifier_go_together) {
  begin();
  put("a", 0, 1);
  put("b", 0, 1);
  put("c", 0, 2);
  put("d", 0, 0);
  cr_assert_eq(restore(1000), 0);
  expect("a:0 b:0 id=1 | c:0 id=2 | d:0 | ");
  end();
}

Test(subs, are_forgotten_when_removed) {
  begin();
  put("a", 0, 0);
  put("b", 0, 0);
  cr_assert(um_subs_remove(&subs, "a"));
  cr_assert_not(um_subs_remove(&subs, "a"));
  cr_assert_not(um_subs_remove(&subs, "x"));
  cr_assert_eq(restore(1000), 0);
  expect("b:0 | ");
  end();
}

/* [MQTT-3.2.2-15/5]: 2 + 2 + 1 bytes and 4 for each filter */
Test(subs, are_cut_to_the_byte) {
  begin();
  put("a", 0, 0);
  put("b", 0, 0);
  put("c", 0, 0);
  cr_assert_eq(restore(13), 0);
  expect("a:0 b:0 | c:0 | ");
  end();
  begin();
  put("a", 0, 0);
  put("b", 0, 0);
  cr_assert_eq(restore(12), 0);
  expect("a:0 | b:0 | ");
  end();
}

Test(subs, many_are_all_asked_for) {
  begin();
  char filter[16];
  for (int i = 0; i < 3000; i++) {
    snprintf(filter, sizeof filter, "f/%d", i);
    put(filter, 1, 0);
  }
  cr_assert_eq(restore(65536), 0);
  size_t n = 0;
  for (struct um_list *l = ops.next; l != &ops; l = l->next)
    n += um_list_of(l, struct um_op, link)->u.subscribe.n;
  cr_assert_eq(n, 3000);
  end();
}

Test(subs, make_no_op_or_all_of_them_without_memory) {
  for (uint64_t n = 1;; n++) {
    begin();
    put("a", 0, 1);
    put("b", 0, 2);
    put("c", 0, 3);
    um_alloc_fail_at(n, false);
    int r = restore(1000);
    um_alloc_fail_at(0, false);
    cr_assert_eq(r, r == 0 ? 0 : UM_ENOMEM);
    expect(r == 0 ? "a:0 id=1 | b:0 id=2 | c:0 id=3 | " : "");
    end();
    if (r == 0) {
      cr_assert_gt(n, 1);
      break;
    }
  }
}

Test(subs, are_not_half_remembered_without_memory) {
  begin();
  uvmqtt_subscription_t s = {.filter = "a"};
  um_alloc_fail_at(1, false);
  cr_assert_eq(um_subs_put(&subs, &s, 0), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(subs.n, 0);
  end();
}
