#include "e2e/ledger.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ledger_open(struct ledger *l, const char *topic, unsigned n) {
  memset(l, 0, sizeof *l);
  l->topic = topic;
  l->n = n;
  for (int qos = 1; qos <= 2; qos++) {
    l->sent[qos] = calloc(n, sizeof(struct entry));
    for (unsigned i = 0; i < n; i++)
      l->sent[qos][i].ledger = l;
  }
}

void ledger_close(struct ledger *l) {
  free(l->sent[1]);
  free(l->sent[2]);
}

static void on_completed(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  struct entry *e = arg;
  (void)m;
  e->completed++;
  e->status = result->status;
  e->era = e->ledger->era;
  e->ledger->completed++;
}

static void publish(struct ledger *l, struct peer *p, uint8_t qos, unsigned i) {
  char text[32];
  uvmqtt_message_t m = {.topic = l->topic, .payload = {text, 0}, .qos = qos};
  m.payload.len = (size_t)snprintf(text, sizeof text, "%u %u", qos, i);
  int r = uvmqtt_publish(p->m, &m, on_completed, &l->sent[qos][i], NULL);
  cr_assert_eq(r, 0, "%s", uvmqtt_strerror(r));
}

void ledger_publish(struct ledger *l, struct peer *p) {
  for (unsigned i = 0; i < l->n; i++)
    for (uint8_t qos = 1; qos <= 2; qos++)
      publish(l, p, qos, i);
}

static void on_received(struct peer *p, const uvmqtt_message_t *m) {
  struct ledger *l = p->arg;
  char text[32] = "";
  unsigned qos, i;
  if (strcmp(m->topic, l->topic) != 0)
    return;
  cr_assert_lt(m->payload.len, sizeof text);
  memcpy(text, m->payload.data, m->payload.len);
  cr_assert_eq(sscanf(text, "%u %u", &qos, &i), 2);
  cr_assert(qos == m->qos && i < l->n);
  if (l->sent[qos][i].received++ == 0)
    l->arrived[qos]++;
}

void ledger_receive(struct ledger *l, struct peer *p) {
  p->inspect = on_received;
  p->arg = l;
}

void ledger_expect_completed(const struct ledger *l) {
  for (int qos = 1; qos <= 2; qos++)
    for (unsigned i = 0; i < l->n; i++) {
      const struct entry *e = &l->sent[qos][i];
      cr_assert_eq(e->completed, 1, "QoS %d number %u completed %u times", qos,
                   i, e->completed);
      cr_assert_eq(e->status, 0, "QoS %d number %u: %s", qos, i,
                   uvmqtt_strerror(e->status));
    }
}

void ledger_expect_received(const struct ledger *l) {
  for (unsigned i = 0; i < l->n; i++) {
    unsigned once = l->sent[1][i].received, exactly = l->sent[2][i].received;
    cr_assert_geq(once, 1, "%s: QoS 1 number %u is missing", l->topic, i);
    cr_assert_eq(exactly, 1, "%s: QoS 2 number %u came %u times", l->topic, i,
                 exactly);
  }
}
