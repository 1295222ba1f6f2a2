#include "session/op.h"

#include "base/alloc.h"
#include "support/suite.h"
#include <string.h>

SUITE(op);

static struct um_op_pool pool;

/* Everything that a message can carry, in memory that is overwritten after. */
static struct um_op *op_of_everything(void) {
  char topic[] = "a/b", type[] = "text", key[] = "k", value[] = "v";
  char payload[] = "hello", data[] = {1, 0, 2};
  uvmqtt_property_t p[] = {
      UVMQTT_CONTENT_TYPE(type),        UVMQTT_CORRELATION_DATA(data, 3),
      UVMQTT_USER_PROPERTY(key, value), UVMQTT_USER_PROPERTY(key, value),
      UVMQTT_MESSAGE_EXPIRY(7),
  };
  uvmqtt_message_t m = {.topic = topic,
                        .payload = {payload, 5},
                        .qos = 1,
                        .retain = true,
                        .dup = true,
                        .properties = p,
                        .n_properties = 5};
  struct um_op *op = um_op_publish(&pool, &m);
  memset(topic, 'X', 3);
  memset(type, 'X', 4);
  memset(key, 'X', 1);
  memset(value, 'X', 1);
  memset(payload, 'X', 5);
  memset(data, 'X', 3);
  memset(p, 0xEE, sizeof p);
  return op;
}

Test(op, copies_a_message_with_all_it_points_to) {
  um_op_pool_init(&pool);
  struct um_op *op = op_of_everything();
  cr_assert_not_null(op);
  cr_assert_eq(op->kind, UM_OP_PUBLISH);
  cr_assert_eq(op->state, UM_OP_QUEUED);
  cr_assert_eq(op->pid, 0);
  cr_assert_eq(op->expires, UINT64_MAX);
  cr_assert_str_eq(op->u.message.topic, "a/b");
  cr_assert_eq(op->u.message.payload.len, 5);
  cr_assert(memcmp(op->u.message.payload.data, "hello", 5) == 0);
  cr_assert_eq(op->n_properties, 5);
  cr_assert_str_eq(op->properties[0].value.str, "text");
  cr_assert_eq(op->properties[1].value.bin.len, 3);
  cr_assert(memcmp(op->properties[1].value.bin.data, "\1\0\2", 3) == 0);
  cr_assert_str_eq(op->properties[3].value.pair.key, "k");
  cr_assert_str_eq(op->properties[3].value.pair.value, "v");
  cr_assert_eq(op->properties[4].value.num, 7);
  um_op_free(&pool, op);
  um_op_pool_done(&pool);
}

/* [MQTT-3.3.1-1/5], [MQTT-3.3.1-3/both], [MQTT-3.3.1-1/311] */
Test(op, makes_a_packet_whose_dup_is_ours) {
  struct um_packet p;
  um_op_pool_init(&pool);
  struct um_op *op = op_of_everything();
  op->pid = 9;
  um_op_packet(op, &p);
  cr_assert_eq(p.type, UVMQTT_PUBLISH);
  cr_assert_eq(p.id, 9);
  cr_assert_eq(p.u.publish.topic_len, 3);
  cr_assert_eq(p.u.publish.qos, 1);
  cr_assert(p.u.publish.retain);
  cr_assert_not(p.u.publish.dup);
  op->sent_before = true;
  um_op_packet(op, &p);
  cr_assert(p.u.publish.dup);
  um_op_free(&pool, op);
  um_op_pool_done(&pool);
}

Test(op, copies_filters_and_options) {
  um_op_pool_init(&pool);
  char a[] = "a/+", b[] = "b";
  uvmqtt_subscription_t s[] = {{.filter = a, .qos = 2, .no_local = true},
                               {.filter = b, .retain_handling = 2}};
  uvmqtt_property_t id = UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 4);
  struct um_op *op = um_op_subscribe(&pool, s, 2, &id, 1);
  struct um_packet p;
  memset(a, 'X', 3);
  memset(b, 'X', 1);
  memset(s, 0xEE, sizeof s);
  um_op_packet(op, &p);
  cr_assert_eq(p.type, UVMQTT_SUBSCRIBE);
  cr_assert_eq(p.u.subscribe.n, 2);
  cr_assert_str_eq(p.u.subscribe.filters[0].filter, "a/+");
  cr_assert(p.u.subscribe.filters[0].no_local);
  cr_assert_eq(p.u.subscribe.filters[0].qos, 2);
  cr_assert_str_eq(p.u.subscribe.filters[1].filter, "b");
  cr_assert_eq(p.u.subscribe.filters[1].retain_handling, 2);
  cr_assert_eq(p.properties[0].value.num, 4);
  um_op_free(&pool, op);
  um_op_pool_done(&pool);
}

Test(op, copies_filters_of_unsubscribe) {
  um_op_pool_init(&pool);
  char a[] = "a/+";
  const char *list[] = {a, "b"};
  struct um_op *op = um_op_unsubscribe(&pool, list, 2, NULL, 0);
  struct um_packet p;
  memset(a, 'X', 3);
  list[1] = NULL;
  um_op_packet(op, &p);
  cr_assert_eq(p.type, UVMQTT_UNSUBSCRIBE);
  cr_assert_eq(p.u.unsubscribe.n, 2);
  cr_assert_str_eq(p.u.unsubscribe.filters[0], "a/+");
  cr_assert_str_eq(p.u.unsubscribe.filters[1], "b");
  um_op_free(&pool, op);
  um_op_pool_done(&pool);
}

static struct um_op *op_of_size(size_t len) {
  char *payload = calloc(1, len);
  uvmqtt_message_t m = {.topic = "a", .payload = {payload, len}, .qos = 1};
  struct um_op *op = um_op_publish(&pool, &m);
  free(payload);
  return op;
}

Test(op, counts_at_least_its_bytes_in_its_charge) {
  um_op_pool_init(&pool);
  static const size_t sizes[] = {0, 1, 400, 2000, 9000, 1000000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct um_op *op = op_of_size(sizes[i]);
    cr_assert_geq(op->charge, sizes[i]);
    um_op_free(&pool, op);
  }
  um_op_pool_done(&pool);
}

Test(op, allocates_nothing_when_one_of_the_class_was_freed) {
  um_op_pool_init(&pool);
  static const size_t sizes[] = {10, 1000, 5000};
  for (size_t i = 0; i < 3; i++)
    um_op_free(&pool, op_of_size(sizes[i]));
  um_alloc_fail_at(1, true);
  for (int round = 0; round < 3; round++)
    for (size_t i = 0; i < 3; i++) {
      struct um_op *op = op_of_size(sizes[i] + (size_t)round);
      cr_assert_not_null(op);
      cr_assert_not(op->counted);
      um_op_free(&pool, op);
    }
  um_alloc_fail_at(0, false);
  um_op_pool_done(&pool);
}

Test(op, keeps_a_bounded_amount_for_reuse) {
  um_op_pool_init(&pool);
  static struct um_op *ops[2000];
  for (size_t i = 0; i < 2000; i++)
    ops[i] = op_of_size(i % 3 == 0 ? 10 : i % 3 == 1 ? 1000 : 5000);
  for (size_t i = 0; i < 2000; i++)
    um_op_free(&pool, ops[i]);
  cr_assert_leq(pool.n[0] * 512 + pool.n[1] * 2048 + pool.n[2] * 8192,
                3 * 65536);
  um_op_pool_done(&pool);
}

Test(op, is_null_without_memory) {
  um_op_pool_init(&pool);
  um_alloc_fail_at(1, false);
  cr_assert_null(op_of_size(10));
  um_alloc_fail_at(0, false);
  um_op_free(&pool, NULL);
  um_op_pool_done(&pool);
}
