/* Shared subscriptions and Subscription Identifiers with real servers. */
#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(subscriptions);

static uvmqtt_limits_t limits_of(const struct peer *p) {
  uvmqtt_limits_t limits = {.size = sizeof limits};
  cr_assert_eq(uvmqtt_get_limits(p->m, &limits), 0);
  return limits;
}

/* The server says in CONNACK that it cannot; then asking is refused here. */
static void refused_here(struct peer *p, const char *filter,
                         const uvmqtt_property_t *properties, size_t n) {
  struct outcome o = {0};
  uvmqtt_subscription_t s = {.filter = filter, .qos = 1};
  cr_assert_eq(
      uvmqtt_subscribe(p->m, &s, 1, properties, n, outcome_cb, &o, NULL), 0);
  UNTIL(p->host, o.n > 0);
  cr_assert_eq(o.status, UVMQTT_ENOTSUP);
}

/* ---- shared ---- */

#define SHARED 20

static const char *share(void) {
  char name[100];
  snprintf(name, sizeof name, "$share/group/%s", unique("work"));
  static char ret[100];
  strcpy(ret, name);
  return ret;
}

static struct peer *member(struct host *h, const struct site *s,
                           const char *id) {
  struct peer *p = peer_online(h, s, id);
  peer_subscribe(p, share(), 1);
  peer_subscribe(p, unique("sync"), 1);
  return p;
}

static void count(const struct peer *p, unsigned n[SHARED]) {
  for (size_t i = 0; i < p->n_heard; i++)
    n[atoi(p->heard[i].payload)]++;
}

static void work_is_shared_by(struct host *h, struct peer *a, struct peer *b,
                              struct peer *boss) {
  unsigned n[SHARED] = {0};
  char text[10];
  for (unsigned i = 0; i < SHARED; i++) {
    snprintf(text, sizeof text, "%u", i);
    peer_publish(boss, unique("work"), text, 1);
  }
  UNTIL(h, a->n_heard + b->n_heard >= SHARED);
  peer_unsubscribe(b, unique("sync")); /* or it would hear of a's, too */
  peer_sync(a);
  peer_unsubscribe(a, unique("sync"));
  peer_subscribe(b, unique("sync"), 1);
  peer_sync(b);
  count(a, n);
  count(b, n);
  for (unsigned i = 0; i < SHARED; i++)
    cr_assert_eq(n[i], 1, "message %u came %u times", i, n[i]);
  cr_assert_gt(a->n_heard, 0);
  cr_assert_gt(b->n_heard, 0);
}

/* [MQTT-4.8.2-1/5], [MQTT-4.8.2-2/5] */
static void members_share_each_message_once(struct host *h,
                                            const struct site *s) {
  struct peer *boss = peer_online(h, s, "boss");
  bool able = limits_of(boss).shared_available;
  if (able) {
    struct peer *a = member(h, s, "a"), *b = member(h, s, "b");
    work_is_shared_by(h, a, b, boss);
    peer_close(b);
    peer_close(a);
  } else {
    refused_here(boss, share(), NULL, 0);
  }
  peer_close(boss);
  if (!able)
    cr_skip_test("%s says Shared Subscription Available 0", s->name);
}
TEST_ON_5(subscriptions, members_share_each_message_once)

/* ---- identifiers ---- */

static unsigned identifiers[10];

static void note_identifiers(struct peer *p, const uvmqtt_message_t *m) {
  unsigned *messages = p->arg;
  ++*messages;
  for (size_t i = 0; i < m->n_properties; i++)
    if (m->properties[i].id == UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER)
      identifiers[m->properties[i].value.num]++;
}

static void subscribe_with(struct peer *p, const char *filter, uint32_t id) {
  struct outcome o = {0};
  uvmqtt_property_t property = UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, id);
  uvmqtt_subscription_t s = {.filter = filter, .qos = 1};
  cr_assert_eq(
      uvmqtt_subscribe(p->m, &s, 1, &property, 1, outcome_cb, &o, NULL), 0);
  UNTIL(p->host, o.n > 0);
  cr_assert_eq(o.status, 0, "%s", uvmqtt_strerror(o.status));
}

/* One message with both, or one for each of the two (3.3.4). */
static void overlapping_filters_are_named(struct peer *p) {
  unsigned messages = 0;
  memset(identifiers, 0, sizeof identifiers);
  subscribe_with(p, unique("id/+"), 5);
  subscribe_with(p, unique("id/#"), 9);
  p->inspect = note_identifiers;
  p->arg = &messages;
  peer_publish(p, unique("id/x"), "!", 1);
  UNTIL(p->host, identifiers[5] + identifiers[9] >= 2);
  cr_assert_eq(identifiers[5], 1);
  cr_assert_eq(identifiers[9], 1);
  cr_assert_leq(messages, 2);
}

/* [MQTT-3.3.4-3/5], [MQTT-3.3.4-4/5], [MQTT-3.3.4-5/5] */
static void messages_name_the_subscriptions_they_match(struct host *h,
                                                       const struct site *s) {
  uvmqtt_property_t id = UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 5);
  struct peer *p = peer_online(h, s, "identified");
  bool able = limits_of(p).identifier_available;
  if (able)
    overlapping_filters_are_named(p);
  else
    refused_here(p, unique("id/+"), &id, 1);
  peer_close(p);
  if (!able)
    cr_skip_test("%s says Subscription Identifiers Available 0", s->name);
}
TEST_ON_5(subscriptions, messages_name_the_subscriptions_they_match)
