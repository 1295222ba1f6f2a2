#include "session/overflow.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(outbox);

static struct um_outbox o;
static uint64_t ids;

static void begin(void) {
  ids = 0;
  um_outbox_init(&o, UVMQTT_OVERFLOW_REFUSE, 100, 1000000);
}

static struct um_op *add(struct um_op *op) {
  op->id = ++ids;
  um_outbox_add(&o, op);
  return op;
}

static struct um_op *publish(uint8_t qos) {
  uvmqtt_message_t m = {.topic = "a", .qos = qos};
  return add(um_op_publish(&o.pool, &m));
}

static struct um_op *subscribe(void) {
  uvmqtt_subscription_t s = {.filter = "a"};
  return add(um_op_subscribe(&o.pool, &s, 1, NULL, 0));
}

static void send(struct um_op *op) {
  cr_assert_eq(um_outbox_take_id(&o, op), 0);
  um_outbox_sent(&o, op);
}

static struct um_op *sent(uint8_t qos) {
  struct um_op *op = publish(qos);
  send(op);
  return op;
}

static struct um_op *released(void) {
  struct um_op *op = sent(2);
  um_outbox_released(&o, op);
  return op;
}

/* Sends all that may leave: "s5 r2 p1+" is SUBSCRIBE 5, PUBREL of 2, PUBLISH 1
 * with DUP. */
static void expect_sent(size_t quota, const char *want) {
  char got[400] = "";
  struct um_op *op;
  while ((op = um_outbox_next(&o, quota)) != NULL) {
    bool rel = op->state == UM_OP_RELEASED;
    sprintf(got + strlen(got), "%c%d%s ",
            rel                         ? 'r'
            : op->kind == UM_OP_PUBLISH ? 'p'
                                        : 's',
            (int)op->id, op->sent_before && !rel ? "+" : "");
    if (rel) {
      um_outbox_released(&o, op);
    } else if (op->kind == UM_OP_PUBLISH && op->u.message.qos == 0) {
      um_outbox_finish(&o, op, 0, 0);
      um_outbox_free(&o, op);
    } else {
      send(op);
    }
  }
  cr_assert_str_eq(got, want);
}

static void expect_done(const char *want) {
  char got[400] = "";
  while (!um_list_empty(&o.done)) {
    struct um_op *op = um_list_of(o.done.next, struct um_op, link);
    sprintf(got + strlen(got), "%d%s ", (int)op->id,
            op->status == 0 ? "" : "!");
    um_outbox_free(&o, op);
  }
  cr_assert_str_eq(got, want);
}

/* Of a message that counts for so much. */
static int admits(size_t charge) {
  struct um_op op = {.kind = UM_OP_PUBLISH, .charge = charge};
  size_t victims;
  return um_overflow_admit(&o, &op, &victims);
}

static void end(void) {
  um_outbox_cancel_all(&o, UM_ECANCELED);
  while (!um_list_empty(&o.done))
    um_outbox_free(&o, um_list_of(o.done.next, struct um_op, link));
  cr_assert_eq(o.n_messages, 0);
  cr_assert_eq(o.n_bytes, 0);
  cr_assert_eq(o.n_waiting, 0);
  cr_assert_eq(o.n_inflight, 0);
  cr_assert_eq(o.inflight_quota, 0);
  cr_assert_eq(o.ids.n, 0);
  um_outbox_done(&o);
}

Test(outbox, sends_in_order_with_requests_first) {
  begin();
  publish(1);
  publish(0);
  subscribe();
  publish(2);
  cr_assert_not(um_outbox_idle(&o));
  cr_assert_eq(o.n_waiting, 4);
  expect_sent(10, "s3 p1 p2 p4 ");
  cr_assert(um_outbox_idle(&o));
  cr_assert_eq(o.n_inflight, 3);
  end();
}

/* [MQTT-4.9.0-2/5], [MQTT-4.9.0-3/5], [MQTT-3.3.4-8/5] */
Test(outbox, stops_publishing_at_the_quota_and_nothing_else) {
  begin();
  struct um_op *one = publish(1);
  publish(2);
  publish(1);
  expect_sent(2, "p1 p2 ");
  subscribe();
  expect_sent(2, "s4 ");
  cr_assert_eq(o.inflight_quota, 2);
  um_outbox_finish(&o, one, 0, 0);
  expect_sent(2, "p3 ");
  end();
}

/* 4.9: PUBREC does not raise the quota, PUBCOMP does */
Test(outbox, a_released_message_keeps_its_place_in_the_quota) {
  begin();
  struct um_op *op = released();
  publish(1);
  expect_sent(1, "");
  um_outbox_finish(&o, op, 0, 0);
  expect_sent(1, "p2 ");
  end();
}

/* [MQTT-4.4.0-1/5], [MQTT-4.6.0-1/5], [MQTT-4.6.0-4/5] and /311 */
Test(outbox, resumes_pubrels_then_publishes_then_what_is_new) {
  begin();
  struct um_op *a = sent(2); /* 1 */
  sent(1);                   /* 2 */
  struct um_op *c = sent(2); /* 3 */
  sent(2);                   /* 4 */
  um_outbox_released(&o, c);
  um_outbox_released(&o, a);
  publish(1); /* 5 */
  um_outbox_link_down(&o);
  um_outbox_resume(&o);
  expect_sent(10, "r3 r1 p2+ p4+ p5 ");
  end();
}

Test(outbox, a_second_resume_before_all_was_sent_keeps_the_order) {
  begin();
  for (int i = 0; i < 4; i++)
    sent(1);
  um_outbox_link_down(&o);
  um_outbox_resume(&o);
  expect_sent(2, "p1+ p2+ ");
  um_outbox_link_down(&o);
  um_outbox_resume(&o);
  expect_sent(3, "p1+ p2+ p3+ ");
  um_outbox_link_down(&o);
  um_outbox_resume(&o);
  expect_sent(10, "p1+ p2+ p3+ p4+ ");
  end();
}

Test(outbox, gives_no_held_id_away) {
  begin();
  struct um_op *one = sent(1);
  um_outbox_link_down(&o);
  um_outbox_resume(&o);
  o.ids.last = 0;
  struct um_op *two = publish(1);
  send(two);
  cr_assert_eq(one->pid, 1);
  cr_assert_eq(two->pid, 2);
  end();
}

Test(outbox, asks_again_with_a_new_id_after_the_link_ended) {
  begin();
  struct um_op *s = subscribe();
  send(s);
  cr_assert_eq(s->pid, 1);
  um_outbox_link_down(&o);
  cr_assert_eq(s->pid, 0);
  cr_assert_eq(s->state, UM_OP_QUEUED);
  subscribe();
  expect_sent(1, "s1 s2 ");
  cr_assert_neq(s->pid, 1);
  end();
}

/* [MQTT-3.2.2-5/5] */
Test(outbox, a_lost_session_starts_its_messages_anew_in_order) {
  begin();
  sent(1);
  released();
  sent(2);
  publish(1);
  um_outbox_link_down(&o);
  cr_assert_eq(um_outbox_session_lost(&o, 0), 2);
  cr_assert_eq(o.ids.n, 0);
  expect_done("2 ");
  expect_sent(10, "p1 p3 p4 ");
  end();
}

Test(outbox, a_lost_session_fails_its_messages_in_order) {
  begin();
  sent(1);
  released();
  sent(2);
  publish(1);
  um_outbox_link_down(&o);
  cr_assert_eq(um_outbox_session_lost(&o, UVMQTT_ESESSIONLOST), 2);
  expect_done("2 1! 3! ");
  expect_sent(10, "p4 ");
  end();
}

Test(outbox, cancels_in_the_order_asked_whatever_their_state) {
  begin();
  struct um_op *s;
  sent(2);                    /* 1 resends */
  struct um_op *r2 = sent(2); /* 2 rereleases, second */
  struct um_op *r3 = sent(2); /* 3 rereleases, first */
  um_outbox_released(&o, r3);
  um_outbox_released(&o, r2);
  um_outbox_link_down(&o);
  um_outbox_resume(&o);
  s = subscribe(); /* 4 asked */
  send(s);
  struct um_op *r5 = publish(2), *r6 = publish(2), *p7 = publish(1);
  send(r5);
  send(r6);
  send(p7);
  um_outbox_released(&o, r6);
  um_outbox_released(&o, r5);
  publish(0);  /* 8 */
  subscribe(); /* 9 */
  publish(1);  /* 10 */
  um_outbox_cancel_all(&o, UM_ECANCELED);
  expect_done("1! 2! 3! 4! 5! 6! 7! 8! 9! 10! ");
  end();
}

/* A fixed pseudo-random walk; each outcome is checked against a count. */
Test(outbox, cancels_each_once_and_in_order_from_any_mixture) {
  uint32_t seed = 7;
  for (int round = 0; round < 200; round++) {
    begin();
    o.max_messages = SIZE_MAX;
    static struct um_op *live[64];
    size_t n = 0;
    for (int i = 0; i < 30; i++) {
      seed = seed * 1664525u + 1013904223u;
      switch (seed >> 28) {
      case 0:
      case 1:
      case 2:
        live[n++] = sent((uint8_t)(1 + (seed >> 20 & 1)));
        break;
      case 3:
      case 4:
        publish(seed >> 20 & 1);
        break;
      case 5:
        subscribe();
        break;
      case 6:
      case 7:
      case 8:
      case 9:
        if (n != 0) {
          struct um_op *op = live[(seed >> 8) % n];
          if (op->u.message.qos == 2)
            um_outbox_released(&o, op);
        }
        break;
      case 10:
        um_outbox_link_down(&o);
        um_outbox_resume(&o);
        break;
      default: {
        struct um_op *op = um_outbox_next(&o, 5);
        if (op == NULL || op->u.message.qos == 0)
          break;
        if (op->state == UM_OP_RELEASED)
          um_outbox_released(&o, op);
        else
          send(op);
      }
      }
    }
    um_outbox_cancel_all(&o, UM_ECANCELED);
    uint64_t last = 0, count = 0;
    while (!um_list_empty(&o.done)) {
      struct um_op *op = um_list_of(o.done.next, struct um_op, link);
      cr_assert_gt(op->id, last);
      last = op->id;
      count++;
      um_outbox_free(&o, op);
    }
    cr_assert_eq(count, ids);
    end();
  }
}

Test(outbox, admits_up_to_both_bounds) {
  um_outbox_init(&o, UVMQTT_OVERFLOW_REFUSE, 2, 1000);
  ids = 0;
  cr_assert_eq(admits(1000), 0);
  cr_assert_eq(admits(1001), UVMQTT_EFULL);
  struct um_op *op = publish(1);
  cr_assert_eq(admits(1000 - op->charge), 0);
  cr_assert_eq(admits(1001 - op->charge), UVMQTT_EFULL);
  send(op); /* in flight still counts */
  publish(1);
  cr_assert_eq(admits(0), UVMQTT_EFULL);
  um_outbox_finish(&o, op, 0, 0);
  um_outbox_free(&o, op);
  cr_assert_eq(admits(0), 0);
  end();
}

Test(outbox, says_so_when_all_ids_are_held) {
  begin();
  static int holder;
  for (int i = 0; i < 65535; i++)
    um_packet_id_take(&o.ids, &holder);
  struct um_op *op = publish(1);
  cr_assert_eq(um_outbox_take_id(&o, op), UM_ENOMEM);
  um_packet_id_give_back(&o.ids, 700);
  cr_assert_eq(um_outbox_take_id(&o, op), 0);
  cr_assert_eq(op->pid, 700);
  cr_assert_eq(um_outbox_take_id(&o, op), 0); /* keeps the one it has */
  cr_assert_eq(op->pid, 700);
  for (unsigned id = 1; id <= 65535; id++)
    if (id != 700)
      um_packet_id_give_back(&o.ids, (uint16_t)id);
  end();
}

/* Its memory cannot be written: a write would be a crash. */
Test(outbox, none_answers_all_that_does_not_add) {
  struct um_outbox *none = um_outbox_none();
  const struct um_list *lists[UM_OUTBOX_LISTS];
  cr_assert_null(um_outbox_next(none, 10));
  cr_assert(um_outbox_idle(none));
  um_outbox_link_down(none);
  um_outbox_resume(none);
  cr_assert_eq(um_outbox_session_lost(none, UVMQTT_ESESSIONLOST), 0);
  cr_assert_eq(um_outbox_session_lost(none, 0), 0);
  um_outbox_drop_restores(none);
  cr_assert_eq(um_outbox_drop_queued(none), 0);
  um_outbox_cancel_all(none, UM_ECANCELED);
  um_outbox_lists(none, lists);
  for (size_t i = 0; i < UM_OUTBOX_LISTS; i++)
    cr_assert(um_list_empty(lists[i]));
  um_outbox_rest(&none);
  um_outbox_close(&none);
  cr_assert_eq(none, um_outbox_none());
}

Test(outbox, rests_only_while_it_holds_nothing) {
  struct um_outbox *own = um_outbox_none();
  uvmqtt_message_t m = {.topic = "a", .qos = 1};
  um_alloc_fail_at(1, false);
  cr_assert_eq(um_outbox_open(&own, UVMQTT_OVERFLOW_REFUSE, 9, 999), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(own, um_outbox_none());
  cr_assert_eq(um_outbox_open(&own, UVMQTT_OVERFLOW_REFUSE, 9, 999), 0);
  cr_assert_eq(own->max_messages, 9);
  cr_assert_eq(own->max_bytes, 999);
  struct um_op *op = um_op_publish(&own->pool, &m);
  op->id = 1;
  um_outbox_add(own, op);
  um_outbox_rest(&own);
  cr_assert_neq(own, um_outbox_none(), "it waits");
  cr_assert_eq(um_outbox_take_id(own, op), 0);
  um_outbox_sent(own, op);
  um_outbox_rest(&own);
  cr_assert_neq(own, um_outbox_none(), "it is in flight");
  um_outbox_finish(own, op, 0, 0);
  um_outbox_rest(&own);
  cr_assert_neq(own, um_outbox_none(), "its completion is due");
  um_outbox_free(own, op);
  um_outbox_rest(&own);
  cr_assert_eq(own, um_outbox_none());
}
