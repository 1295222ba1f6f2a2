#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(handlers);

/* A handler that counts and writes down what came. */
struct ear {
  uvmqtt_handler_t *h;
  unsigned n;
  char log[256];
  struct ear *after; /* must have been called before this one */
};

static void on_handled(uvmqtt_t *m, const uvmqtt_message_t *message,
                       void *arg) {
  struct ear *e = arg;
  size_t used = strlen(e->log);
  (void)m;
  e->n++;
  if (e->after != NULL)
    cr_assert_geq(e->after->n, e->n);
  snprintf(e->log + used, sizeof e->log - used, "%.*s%s ",
           (int)message->payload.len, (const char *)message->payload.data,
           message->retain ? "!" : "");
}

static void handle(struct peer *p, struct ear *e, const char *filter,
                   uint8_t qos, uint32_t identifier) {
  struct outcome o = {0};
  uvmqtt_subscription_t s = {.filter = filter, .qos = qos};
  cr_assert_eq(
      uvmqtt_handle(p->m, &s, identifier, on_handled, e, outcome_cb, &o, &e->h),
      0);
  UNTIL(p->host, o.n > 0);
  cr_assert_eq(o.status, 0, "%s", uvmqtt_strerror(o.status));
}

static void unhandle(struct peer *p, struct ear *e) {
  struct outcome o = {0};
  cr_assert_eq(uvmqtt_unhandle(p->m, e->h, outcome_cb, &o), 0);
  UNTIL(p->host, o.n > 0);
  cr_assert_eq(o.status, 0, "%s", uvmqtt_strerror(o.status));
}

static void keep(struct peer *p, const char *topic, const char *text) {
  uvmqtt_message_t m = {.topic = topic,
                        .payload = {text, strlen(text)},
                        .qos = 1,
                        .retain = true};
  peer_send(p, &m);
}

static void each_gets_a_message_once_in_order(struct host *h,
                                              const struct site *s) {
  struct ear a = {0}, b = {.after = &a}, c = {0};
  struct peer *p = peer_online(h, s, "several");
  peer_subscribe(p, unique("sync"), 1);
  handle(p, &a, unique("t/+"), 1, 0);
  handle(p, &b, unique("t/+"), 2, 0);
  handle(p, &c, unique("u/#"), 0, 0);
  for (uint8_t qos = 0; qos <= 2; qos++)
    peer_publish(p, unique("t/x"), qos == 0 ? "0" : qos == 1 ? "1" : "2", qos);
  peer_publish(p, unique("u"), "u", 1);
  peer_sync(p);
  UNTIL(h, a.n == 3 && b.n == 3 && c.n == 1);
  cr_assert_eq(p->n_heard, 0); /* nothing is left for on_message */
  unhandle(p, &a);
  b.after = NULL;
  peer_publish(p, unique("t/x"), "3", 1);
  UNTIL(h, b.n == 4);
  unhandle(p, &b);
  peer_publish(p, unique("t/x"), "4", 1);
  peer_sync(p);
  cr_assert_eq(a.n, 3);
  cr_assert_eq(b.n, 4);
  cr_assert_eq(p->n_heard, 0);
  peer_leave(p);
  peer_close(p);
}
TEST_ON_ALL(handlers, each_gets_a_message_once_in_order)

static void
retained_messages_are_for_the_one_that_came_last(struct host *h,
                                                 const struct site *s) {
  struct ear a = {0}, b = {0}, c = {0};
  struct peer *p = peer_online(h, s, "retained");
  keep(p, unique("kept/1"), "one");
  keep(p, unique("kept/2"), "two");
  peer_subscribe(p, unique("sync"), 1);
  handle(p, &a, unique("kept/+"), 1, 0);
  UNTIL(h, a.n == 2);
  handle(p, &b, unique("kept/+"), 1, 0);
  UNTIL(h, b.n == 2);
  handle(p, &c, unique("kept/+"), 2, 0);
  UNTIL(h, c.n == 2);
  peer_publish(p, unique("kept/1"), "live", 1);
  peer_sync(p);
  UNTIL(h, a.n == 3 && b.n == 3 && c.n == 3);
  cr_assert_str_eq(strchr(a.log, '!') + 1 + 4, "! live ");
  cr_assert_eq(p->n_heard, 0);
  keep(p, unique("kept/1"), "");
  keep(p, unique("kept/2"), "");
  peer_leave(p);
  peer_close(p);
}
TEST_ON_ALL(handlers, retained_messages_are_for_the_one_that_came_last)

/* [MQTT-3.3.4-3/5]: whether the server sends one copy or several, each handler
 * gets its own. */
static void identifiers_keep_overlapping_filters_apart(struct host *h,
                                                       const struct site *s) {
  struct ear a = {0}, b = {0};
  struct peer *p = peer_online(h, s, "overlap");
  peer_subscribe(p, unique("sync"), 1);
  handle(p, &a, unique("o/#"), 1, 1);
  handle(p, &b, unique("o/x"), 1, 2);
  peer_publish(p, unique("o/x"), "both", 1);
  peer_publish(p, unique("o/y"), "one", 1);
  peer_sync(p);
  cr_assert_str_eq(a.log, "both one ");
  cr_assert_str_eq(b.log, "both ");
  peer_leave(p);
  peer_close(p);
}
TEST_ON_5(handlers, identifiers_keep_overlapping_filters_apart)

/* Requests. */

struct service {
  struct peer *p;
  char reply_topic[128]; /* 3.1.1: known to both */
};

static void on_request(uvmqtt_t *m, const uvmqtt_message_t *request,
                       void *arg) {
  struct service *v = arg;
  char text[64];
  int len = snprintf(text, sizeof text, "re: %.*s", (int)request->payload.len,
                     (const char *)request->payload.data);
  uvmqtt_message_t answer = {
      .topic = v->reply_topic, .payload = {text, (size_t)len}, .qos = 1};
  int r = v->reply_topic[0] == '\0'
              ? uvmqtt_respond(m, request, &answer, NULL, NULL, NULL)
              : uvmqtt_publish(m, &answer, NULL, NULL, NULL);
  cr_assert_eq(r, 0, "%s", uvmqtt_strerror(r));
}

struct answer {
  unsigned n;
  int status;
  char text[64];
};

static void on_reply(uvmqtt_t *m, int status, const uvmqtt_message_t *reply,
                     void *arg) {
  struct answer *a = arg;
  (void)m;
  a->n++;
  a->status = status;
  if (reply != NULL)
    snprintf(a->text, sizeof a->text, "%.*s", (int)reply->payload.len,
             (const char *)reply->payload.data);
}

static struct peer *start_service(struct host *h, const struct site *s,
                                  struct service *v) {
  struct outcome o = {0};
  uvmqtt_subscription_t sub = {.filter = unique("service"), .qos = 1};
  v->p = peer_online(h, s, "service");
  cr_assert_eq(
      uvmqtt_handle(v->p->m, &sub, 0, on_request, v, outcome_cb, &o, NULL), 0);
  UNTIL(h, o.n > 0);
  cr_assert_eq(o.status, 0);
  return v->p;
}

static void ask(struct peer *p, const char *topic, const char *reply_topic,
                const char *text, uint32_t timeout, struct answer *a) {
  uvmqtt_message_t m = {
      .topic = topic, .payload = {text, strlen(text)}, .qos = 1};
  int r = uvmqtt_request(p->m, &m, reply_topic, timeout, on_reply, a, NULL);
  cr_assert_eq(r, 0, "%s", uvmqtt_strerror(r));
}

static void a_request_is_answered(struct host *h, const struct site *s) {
  struct service v = {0};
  struct answer a[10] = {{0}}, none = {0};
  bool v311 = s->speaks == 4;
  const char *reply_topic = v311 ? unique("answers") : NULL;
  if (v311)
    snprintf(v.reply_topic, sizeof v.reply_topic, "%s", reply_topic);
  start_service(h, s, &v);
  struct peer *p = peer_online(h, s, "asker");
  for (unsigned i = 0; i < 10; i++) {
    char text[] = {(char)('0' + i), '\0'};
    ask(p, unique("service"), reply_topic, text, 5000, &a[i]);
    if (v311) /* one at a time */
      UNTIL(h, a[i].n == 1);
  }
  for (unsigned i = 0; i < 10; i++) {
    char expected[] = {'r', 'e', ':', ' ', (char)('0' + i), '\0'};
    UNTIL(h, a[i].n > 0);
    cr_assert_eq(a[i].status, 0, "%s", uvmqtt_strerror(a[i].status));
    cr_assert_str_eq(a[i].text, expected);
    cr_assert_eq(a[i].n, 1);
  }
  ask(p, unique("nobody"), v311 ? unique("silence") : NULL, "?", 100, &none);
  UNTIL(h, none.n == 1);
  cr_assert_eq(none.status, UV_ETIMEDOUT);
  cr_assert_eq(p->n_heard, 0);
  peer_close(p);
  peer_close(v.p);
}
TEST_ON_ALL(handlers, a_request_is_answered)
