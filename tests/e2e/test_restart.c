#include "e2e/forwarder.h"
#include "e2e/ledger.h"

#include "support/suite.h"
#include <string.h>

SUITE(restart);

#define MESSAGES 10000 /* at QoS 1, and again at QoS 2 */
#define CONF "set_tcp_nodelay true"

static struct peer *resuming(struct host *h, const struct broker *b,
                             const char *url, const char *id) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = url,
                        .client_id = unique(id),
                        .session = UVMQTT_SESSION_RESUME,
                        .reconnect_min = 1,
                        .reconnect_max = 20,
                        .queue_messages = 2 * MESSAGES + 10};
  struct peer *p = peer_new(h, &b->site, &o);
  peer_connect(p);
  return p;
}

static bool all_settled(const struct ledger *l) {
  return l->completed >= 2 * l->n && l->arrived[1] == l->n &&
         l->arrived[2] == l->n;
}

/* At once, whatever the back-off says. */
static void come_back(struct peer *p) {
  cr_assert_eq(uvmqtt_connect(p->m), 0);
  UNTIL(p->host, p->online);
}

/* Something that overtakes nothing came through: whatever was sent twice has
 * come twice by now. */
static void drain(struct ledger *l, struct peer *publisher,
                  struct peer *subscriber) {
  size_t n = subscriber->n_heard;
  subscriber->inspect = NULL;
  peer_publish(publisher, l->topic, "last", 2);
  UNTIL(publisher->host,
        subscriber->n_heard > n &&
            strcmp(subscriber->heard[subscriber->n_heard - 1].payload,
                   "last") == 0);
}

static void
nothing_is_lost_or_doubled_when_the_broker_restarts(struct host *h,
                                                    uvmqtt_protocol_t version) {
  struct ledger l;
  struct broker b;
  broker_start(h, &b, CONF);
  b.site.version = version;
  struct peer *publisher = resuming(h, &b, NULL, "publisher");
  struct peer *subscriber = resuming(h, &b, NULL, "subscriber");
  ledger_open(&l, unique("restart"), MESSAGES);
  ledger_receive(&l, subscriber);
  peer_subscribe(subscriber, unique("restart"), 2);
  ledger_publish(&l, publisher);
  UNTIL(h, l.completed >= MESSAGES);
  broker_restart(h, &b);
  UNTIL(h, publisher->disconnects > 0 && subscriber->disconnects > 0);
  cr_assert_lt(l.completed, 2 * MESSAGES, "the restart came too late");
  UNTIL(h, program_ended(&b.program));
  cr_assert_eq(b.program.status, 0);
  come_back(publisher);
  come_back(subscriber);
  UNTIL(h, all_settled(&l));
  drain(&l, publisher, subscriber);
  ledger_expect_completed(&l);
  ledger_expect_received(&l);
  cr_assert(publisher->connack.session_present);
  cr_assert(subscriber->connack.session_present);
  cr_assert_eq(publisher->notices[UVMQTT_NOTICE_SESSION_LOST], 0);
  cr_assert_eq(subscriber->notices[UVMQTT_NOTICE_SESSION_LOST], 0);
  ledger_close(&l);
  peer_close(publisher);
  peer_close(subscriber);
  broker_end(h, &b);
}
static void
nothing_is_lost_or_doubled_when_the_broker_restarts_5(struct host *h) {
  nothing_is_lost_or_doubled_when_the_broker_restarts(h, UVMQTT_VERSION_5);
}
static void
nothing_is_lost_or_doubled_when_the_broker_restarts_311(struct host *h) {
  nothing_is_lost_or_doubled_when_the_broker_restarts(h, UVMQTT_VERSION_311);
}
Test(restart, nothing_is_lost_or_doubled_when_the_broker_restarts_5) {
  alone(nothing_is_lost_or_doubled_when_the_broker_restarts_5);
}
Test(restart, nothing_is_lost_or_doubled_when_the_broker_restarts_311) {
  alone(nothing_is_lost_or_doubled_when_the_broker_restarts_311);
}

/* The restored subscription is in force when a message of our own comes back:
 * it was sent after the SUBSCRIBE. */
static void await_restored(struct peer *subscriber, const char *topic) {
  size_t n = subscriber->n_heard;
  void (*inspect)(struct peer *, const uvmqtt_message_t *) =
      subscriber->inspect;
  subscriber->inspect = NULL;
  peer_publish(subscriber, topic, "restored", 1);
  UNTIL(subscriber->host, subscriber->n_heard > n);
  subscriber->inspect = inspect;
}

struct losses {
  unsigned before, after; /* the kill: when the publisher heard the PUBACK */
};

static struct losses count_losses(const struct ledger *l, int qos) {
  struct losses lost = {0};
  for (unsigned i = 0; i < l->n; i++) {
    const struct entry *e = &l->sent[qos][i];
    if (e->received == 0)
      *(e->era == 0 ? &lost.before : &lost.after) += 1;
  }
  return lost;
}

/* A QoS 2 message whose PUBREC had come is complete without the server that
 * forgot it, so as many as were in flight may be gone. */
static void expect_accounted_for(const struct ledger *l, unsigned inflight) {
  cr_assert_eq(count_losses(l, 1).after, 0,
               "lost though acknowledged by the new broker");
  cr_assert_leq(count_losses(l, 2).after, inflight);
  for (unsigned i = 0; i < l->n; i++)
    cr_assert_leq(l->sent[2][i].received, 1, "QoS 2 number %u came %u times", i,
                  l->sent[2][i].received);
}

static void every_message_is_accounted_for_when_the_broker_forgets(
    struct host *h, uvmqtt_protocol_t version) {
  struct ledger l;
  struct broker b;
  struct forwarder wire; /* to keep the publisher out for a while */
  broker_start(h, &b, CONF);
  b.site.version = version;
  forwarder_open(h, &wire, site_port(&b.site));
  struct peer *publisher = resuming(h, &b, wire.url, "publisher");
  struct peer *subscriber = resuming(h, &b, NULL, "subscriber");
  ledger_open(&l, unique("restart"), MESSAGES);
  ledger_receive(&l, subscriber);
  peer_subscribe(subscriber, unique("restart"), 2);
  ledger_publish(&l, publisher);
  UNTIL(h, l.completed >= MESSAGES);
  forwarder_hold(&wire);
  broker_kill(h, &b);
  UNTIL(h, publisher->disconnects > 0 && subscriber->disconnects > 0 &&
               program_ended(&b.program));
  l.era++;
  cr_assert_lt(l.completed, 2 * MESSAGES, "the kill came too late");
  broker_restart(h, &b);
  UNTIL(h, program_ended(&b.program));
  come_back(subscriber);
  await_restored(subscriber, unique("restart"));
  forwarder_release(&wire);
  come_back(publisher);
  UNTIL(h, l.completed >= 2 * MESSAGES);
  drain(&l, publisher, subscriber);
  ledger_expect_completed(&l);
  expect_accounted_for(&l, publisher->connack.receive_maximum);
  cr_assert_not(publisher->connack.session_present);
  cr_assert_eq(publisher->notices[UVMQTT_NOTICE_SESSION_LOST], 1);
  cr_assert_gt(publisher->lost_messages, 0);
  cr_assert_eq(subscriber->notices[UVMQTT_NOTICE_SESSION_LOST], 1);
  ledger_close(&l);
  peer_close(publisher);
  peer_close(subscriber);
  forwarder_close(&wire);
  broker_end(h, &b);
}
static void
every_message_is_accounted_for_when_the_broker_forgets_5(struct host *h) {
  every_message_is_accounted_for_when_the_broker_forgets(h, UVMQTT_VERSION_5);
}
static void
every_message_is_accounted_for_when_the_broker_forgets_311(struct host *h) {
  every_message_is_accounted_for_when_the_broker_forgets(h, UVMQTT_VERSION_311);
}
Test(restart, every_message_is_accounted_for_when_the_broker_forgets_5) {
  alone(every_message_is_accounted_for_when_the_broker_forgets_5);
}
Test(restart, every_message_is_accounted_for_when_the_broker_forgets_311) {
  alone(every_message_is_accounted_for_when_the_broker_forgets_311);
}
