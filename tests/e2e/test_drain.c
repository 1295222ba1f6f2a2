/* The queue against real brokers: what waits goes out lane by lane, and a
 * client that drains leaves nothing behind. */
#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(drain);

#define MANY 300

struct left {
  unsigned n;
  int status;
  size_t n_left;
};

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct left *l = arg;
  (void)m;
  l->n++;
  l->status = result->status;
  l->n_left = result->n_left;
}

static unsigned completed, failed;

static void on_completed(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  (void)m, (void)arg;
  completed++;
  failed += result->status != 0;
}

static void publish_numbered(struct peer *p, unsigned i, uint8_t qos) {
  char text[16];
  uvmqtt_message_t m = {.topic = unique("drain"),
                        .payload = {text, (size_t)sprintf(text, "%u", i)},
                        .qos = qos,
                        .timeout = 60000};
  cr_assert_eq(uvmqtt_publish(p->m, &m, on_completed, NULL, NULL), 0);
}

static void drain(struct host *h, struct peer *p) {
  struct left l = {0};
  uvmqtt_disconnect_options_t o = {UVMQTT_DISCONNECT_OPTIONS_INIT,
                                   .mode = UVMQTT_DISCONNECT_DRAIN,
                                   .timeout = 20000};
  cr_assert_eq(uvmqtt_disconnect(p->m, &o, on_left, &l), 0);
  UNTIL(h, l.n == 1);
  cr_assert_eq(l.status, 0, "%s", uvmqtt_err_name(l.status));
  cr_assert_eq(l.n_left, 0);
}

static void leaves_when_the_last_message_is_acknowledged(struct host *h,
                                                         const struct site *s) {
  struct peer *reader = peer_online(h, s, "reader");
  struct peer *p = peer_online(h, s, "writer");
  peer_subscribe(reader, unique("drain"), 2);
  for (unsigned i = 0; i < MANY; i++)
    publish_numbered(p, i, (uint8_t)(1 + i % 2));
  drain(h, p);
  cr_assert_eq(completed, MANY);
  cr_assert_eq(failed, 0);
  cr_assert_eq(uvmqtt_get_pending(p->m, NULL, 0), 0);
  UNTIL(h, reader->n_heard >= MANY);
  cr_assert_eq(reader->n_heard, MANY);
  peer_close(p);
  peer_leave(reader);
  peer_close(reader);
}
TEST_ON_ALL(drain, leaves_when_the_last_message_is_acknowledged)

/* Only the latest of each topic was kept while the client was away. */
static void only_the_latest_goes_out_after_an_absence(struct host *h,
                                                      const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("absent"),
                        .overflow = UVMQTT_OVERFLOW_LATEST_PER_TOPIC};
  struct peer *reader = peer_online(h, s, "reader");
  peer_subscribe(reader, unique("drain"), 1);
  struct peer *p = peer_new(h, s, &o);
  for (unsigned i = 0; i <= 20; i++)
    publish_numbered(p, i, 1);
  peer_connect(p);
  drain(h, p);
  cr_assert_eq(completed, 21);
  cr_assert_eq(failed, 20);
  peer_hears(reader, 0, unique("drain"), "20");
  cr_assert_eq(reader->n_heard, 1);
  peer_close(p);
  peer_leave(reader);
  peer_close(reader);
}
TEST_ON_ALL(drain, only_the_latest_goes_out_after_an_absence)
