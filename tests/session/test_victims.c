#include "session/overflow.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(victims);

#define MANY 10000

static struct um_outbox o;
static uint64_t ids;

static void begin(uvmqtt_overflow_t policy, size_t max) {
  ids = 0;
  um_outbox_init(&o, policy, max, UINT64_MAX / 2);
}

static struct um_op *make(const char *topic, uint8_t qos, uvmqtt_lane_t lane) {
  uvmqtt_message_t m = {.topic = topic, .qos = qos, .lane = lane};
  struct um_op *op = um_op_publish(&o.pool, &m);
  cr_assert_not_null(op);
  op->id = ++ids;
  return op;
}

static void add(struct um_op *op) {
  cr_assert_eq(um_outbox_reserve(&o, op), 0);
  um_outbox_add(&o, op);
}

/* Returns how many gave way, or UVMQTT_EFULL. */
static int publish(const char *topic, uint8_t qos, uvmqtt_lane_t lane) {
  size_t n;
  struct um_op *op = make(topic, qos, lane);
  int r = um_overflow_admit(&o, op, &n);
  if (r) {
    um_op_free(&o.pool, op);
    return r;
  }
  add(op);
  for (size_t i = 0; i < n; i++)
    um_overflow_drop(&o, um_overflow_victim(&o, op), op);
  return (int)n;
}

static void end(void) {
  um_outbox_cancel_all(&o, UM_ECANCELED);
  while (!um_list_empty(&o.done))
    um_outbox_free(&o, um_list_of(o.done.next, struct um_op, link));
  cr_assert_eq(o.n_messages, 0);
  cr_assert_eq(o.n_bytes, 0);
  cr_assert_eq(o.n_dropped, 0);
  cr_assert_eq(o.dropped_bytes, 0);
  cr_assert_eq(o.victims.n, 0);
  um_outbox_done(&o);
}

static const char *numbered(size_t i) {
  static char text[32];
  sprintf(text, "sensor/%zu/value", i);
  return text;
}

static size_t longest_chain(void) {
  size_t most = 0;
  for (size_t i = 0; i < o.victims.n_lists; i++) {
    size_t n = 0;
    const struct um_list *list = &o.victims.lists[i];
    for (const struct um_list *l = list->next; l != list; l = l->next)
      n++;
    most = n > most ? n : most;
  }
  return most;
}

/* So that a publish costs the same with 10,000 waiting as with one. */
Test(victims, finds_a_topic_among_many_in_a_short_chain) {
  begin(UVMQTT_OVERFLOW_LATEST_PER_TOPIC, MANY);
  for (size_t i = 0; i < MANY; i++)
    cr_assert_eq(publish(numbered(i), 0, UVMQTT_LANE_NORMAL), 0);
  cr_assert_leq(longest_chain(), 12);
  cr_assert_eq(publish("another", 0, UVMQTT_LANE_NORMAL), UVMQTT_EFULL);
  for (size_t i = 0; i < MANY; i++)
    cr_assert_eq(publish(numbered(i), 1, UVMQTT_LANE_NORMAL), 1);
  cr_assert_eq(o.n_messages, MANY);
  size_t i = 0; /* each stands where its predecessor stood */
  while (!um_list_empty(&o.queued[UM_NORMAL])) {
    struct um_op *op = um_list_of(o.queued[UM_NORMAL].next, struct um_op, link);
    cr_assert_str_eq(op->u.message.topic, numbered(i++));
    um_outbox_finish(&o, op, 0, 0);
  }
  cr_assert_eq(i, MANY);
  end();
}

Test(victims, of_one_topic_all_give_way_and_the_first_place_is_taken) {
  begin(UVMQTT_OVERFLOW_LATEST_PER_TOPIC, MANY);
  struct um_op *first = make("a", 1, UVMQTT_LANE_NORMAL);
  struct um_op *other = make("b", 1, UVMQTT_LANE_NORMAL);
  struct um_op *second = make("a", 2, UVMQTT_LANE_NORMAL);
  struct um_op *urgent = make("a", 0, UVMQTT_LANE_URGENT);
  add(first);
  add(other);
  add(second);
  add(urgent);
  cr_assert_eq(publish("a", 0, UVMQTT_LANE_NORMAL), 3);
  struct um_op *op = um_list_of(o.queued[UM_NORMAL].next, struct um_op, link);
  cr_assert_str_eq(op->u.message.topic, "a");
  cr_assert_eq(op->link.next, &other->link);
  cr_assert_eq(other->link.next, &o.queued[UM_NORMAL]);
  cr_assert(um_list_empty(&o.queued[UM_URGENT]));
  end();
}

Test(victims, are_of_qos_0_though_ten_thousand_others_wait_before_them) {
  begin(UVMQTT_OVERFLOW_DROP_OLDEST_QOS0, MANY + 2);
  for (size_t i = 0; i < MANY; i++)
    cr_assert_eq(publish("a", 1, UVMQTT_LANE_NORMAL), 0);
  cr_assert_eq(publish("b", 0, UVMQTT_LANE_NORMAL), 0);
  cr_assert_eq(publish("c", 0, UVMQTT_LANE_BULK), 0);
  struct um_op probe = {.kind = UM_OP_PUBLISH};
  struct um_op *op = um_overflow_victim(&o, &probe);
  cr_assert_str_eq(op->u.message.topic, "c");
  cr_assert_eq(publish("d", 2, UVMQTT_LANE_NORMAL), 1);
  cr_assert_eq(publish("e", 2, UVMQTT_LANE_BULK), UVMQTT_EFULL);
  cr_assert_eq(publish("e", 2, UVMQTT_LANE_NORMAL), 1);
  cr_assert_eq(publish("f", 2, UVMQTT_LANE_URGENT), UVMQTT_EFULL);
  end();
}

static void heard(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m, (void)result, (void)arg;
}

/* A program that never returns to the loop cannot fill the memory with what
 * was dropped. */
Test(victims, the_dropped_ones_whose_completion_is_due_are_bounded) {
  begin(UVMQTT_OVERFLOW_DROP_OLDEST, 100);
  int full = 0;
  for (size_t i = 0; i < 1000; i++) {
    size_t n;
    struct um_op *op = make("a", 0, UVMQTT_LANE_NORMAL);
    op->cb = heard;
    if (um_overflow_admit(&o, op, &n)) {
      um_op_free(&o.pool, op);
      full++;
      continue;
    }
    add(op);
    while (n-- > 0)
      um_overflow_drop(&o, um_overflow_victim(&o, op), op);
  }
  cr_assert_eq(full, 800);
  cr_assert_eq(o.n_dropped, 100);
  cr_assert_eq(o.n_messages, 100);
  end();
}

Test(victims, nothing_is_left_of_a_dropped_one_that_nobody_waits_for) {
  begin(UVMQTT_OVERFLOW_DROP_OLDEST, 100);
  for (size_t i = 0; i < 1000; i++)
    cr_assert_eq(publish("a", 0, UVMQTT_LANE_NORMAL), i < 100 ? 0 : 1);
  cr_assert(um_list_empty(&o.done));
  end();
}

Test(victims, without_memory_for_the_topics_nothing_is_accepted) {
  begin(UVMQTT_OVERFLOW_LATEST_PER_TOPIC, MANY);
  for (size_t i = 0; i < 64; i++)
    cr_assert_eq(publish(numbered(i), 0, UVMQTT_LANE_NORMAL), 0);
  struct um_op *op = make("a", 0, UVMQTT_LANE_NORMAL);
  um_alloc_fail_at(1, true);
  cr_assert_eq(um_outbox_reserve(&o, op), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  add(op);
  for (size_t i = 0; i < 64; i++)
    cr_assert_eq(publish(numbered(i), 0, UVMQTT_LANE_NORMAL), 1);
  end();
}
