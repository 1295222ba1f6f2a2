/* Three RabbitMQ nodes that are one broker, and a client that knows them all:
 * tests/run cluster. */
#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(cluster);

enum { NODES = 3, MESSAGES = 5000 };

static const struct site rabbitmq = {.name = "rabbitmq",
                                     .url_variable = "UVMQTT_CLUSTER_URL1",
                                     .version = UVMQTT_VERSION_311,
                                     .speaks = 4};

struct entry {
  struct tally *tally;
  unsigned received, completed;
  int status;
};

struct tally {
  struct entry entries[MESSAGES];
  unsigned completed, arrived;
};

static void on_done(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct entry *e = arg;
  (void)m;
  e->completed++;
  e->status = result->status;
  e->tally->completed++;
}

static void publish_all(struct tally *t, struct peer *p) {
  char text[16];
  for (unsigned i = 0; i < MESSAGES; i++) {
    uvmqtt_message_t message = {.topic = unique("cluster"), .qos = 1};
    snprintf(text, sizeof text, "%u", i);
    message.payload = (uvmqtt_bytes_t){text, strlen(text)};
    t->entries[i].tally = t;
    int r = uvmqtt_publish(p->m, &message, on_done, &t->entries[i], NULL);
    cr_assert_eq(r, 0, "%s", uvmqtt_strerror(r));
  }
}

static void receive(struct peer *p, const uvmqtt_message_t *message) {
  struct tally *t = p->arg;
  char text[16] = "";
  cr_assert_lt(message->payload.len, sizeof text);
  memcpy(text, message->payload.data, message->payload.len);
  unsigned long i = strtoul(text, NULL, 10);
  cr_assert_lt(i, MESSAGES);
  t->arrived += t->entries[i].received++ == 0;
}

static struct peer *member(struct host *h, const char *id) {
  const char *const others[] = {getenv("UVMQTT_CLUSTER_URL2"),
                                getenv("UVMQTT_CLUSTER_URL3")};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .servers = others,
                        .n_servers = 2,
                        .client_id = unique(id),
                        .session = UVMQTT_SESSION_RESUME,
                        .keep_alive = 5,
                        .reconnect_min = 10,
                        .reconnect_max = 500,
                        .connack_timeout = 5000,
                        .queue_messages = MESSAGES + 10};
  struct peer *p = peer_new(h, &rabbitmq, &o);
  peer_connect(p);
  return p;
}

static void kill_first(struct host *h) {
  struct program program;
  const char *const argv[] = {getenv("UVMQTT_CLUSTER_CTL"), "kill",
                              getenv("UVMQTT_CLUSTER_DIR"), "1", NULL};
  program_run(h, &program, argv);
}

static void expect_all(const struct tally *t) {
  for (unsigned i = 0; i < MESSAGES; i++) {
    const struct entry *e = &t->entries[i];
    cr_assert_eq(e->completed, 1);
    cr_assert_eq(e->status, 0);
    cr_assert_geq(e->received, 1, "number %u was acknowledged and lost", i);
  }
}

static void moves_on_and_loses_nothing(struct host *h, const struct site *s) {
  struct tally *t = calloc(1, sizeof *t);
  (void)s;
  struct peer *publisher = member(h, "publisher");
  struct peer *subscriber = member(h, "subscriber");
  subscriber->inspect = receive;
  subscriber->arg = t;
  peer_subscribe(subscriber, unique("cluster"), 1);
  publish_all(t, publisher);
  UNTIL(h, t->completed >= MESSAGES / 5);
  kill_first(h);
  UNTIL(h, publisher->disconnects > 0 && subscriber->disconnects > 0);
  cr_assert_lt(t->completed, MESSAGES, "the node was killed too late");
  UNTIL(h, publisher->online && subscriber->online);
  UNTIL(h, t->completed == MESSAGES);
  UNTIL(h, t->arrived == MESSAGES);
  expect_all(t);
  peer_close(publisher);
  peer_close(subscriber);
  free(t);
}

TEST_ON(cluster, moves_on_and_loses_nothing, rabbitmq)
