/* What reaches the application. Part of the judge. */
#include "sim/world.h"

/* Is its acknowledgement made already, before the callback? */
static bool acknowledged_early(struct world *w, const struct debt *d) {
  const struct um_buf *out = &w->driver.session.out;
  const uint8_t *p = out->len == 0 ? NULL : um_buf_head(out);
  for (size_t i = 0; i + 4 <= out->len; i++)
    if ((p[i] == 0x40 || p[i] == 0x50) && (p[i + 1] == 2 || p[i + 1] == 3) &&
        (p[i + 2] << 8 | p[i + 3]) == d->pid &&
        i + 4 + p[i + 1] - 2u == out->len)
      return true;
  return false;
}

static void take(struct world *w, const struct inbound *in,
                 const struct debt *due) {
  if (in->qos == 2 && !w->climate.manual_ack)
    judge_add_open(w, due->pid, due->number);
  w->judge.due.first++;
}

/* With it a QoS 2 message is taken: from now on it is a duplicate. */
void judge_acked(struct world *w, uint32_t number, uint8_t qos,
                 uint8_t reason) {
  struct queue *q = &w->judge.owe[qos == 1 ? OWE_PUBACK : OWE_PUBREC];
  size_t i = q->first;
  judge_catch_up(w);
  while (i < q->n && (q->items[i].number != number || q->items[i].acked))
    i++;
  if (i == q->n || judge_blind(w))
    return;
  q->items[i].acked = true;
  q->items[i].reason = reason;
  if (qos == 2 && reason < 0x80) {
    judge_add_open(w, q->items[i].pid, number);
    w->ledger.inbound[number].accepted = true;
  }
}

void judge_message(struct world *w, const uvmqtt_message_t *m) {
  struct judge *j = &w->judge;
  judge_catch_up(w);
  if (!judge_judging(w, net_find(w, j->conn)))
    return;
  uint32_t number = payload_read(m->payload.data, m->payload.len, 'B');
  if (number >= w->ledger.n_inbound) {
    violation(w, "I3", "a payload was delivered that nobody sent", 0, 0, 0);
    return;
  }
  struct inbound *in = &w->ledger.inbound[number];
  struct debt *next = queue_head(&j->due);
  note(w, "app: message %llu of QoS %llu", number, m->qos, 0);
  if (in->planted)
    violation(w, "I13", "a message from behind a bad packet was delivered", 0,
              0, 0);
  else if (next == NULL || next->number != number)
    violation(w, in->qos == 2 ? "I3" : "I6",
              "message %llu was delivered, due was %llu", number,
              next == NULL ? 0 : next->number, 0);
  else if (in->qos != 0 && in->life != w->driver.life &&
           !w->climate.manual_ack && acknowledged_early(w, next))
    violation(w, "I4", "message %llu is acknowledged before its callback",
              number, 0, 0);
  else
    take(w, in, next);
  bool v5 = j->version == UM_V5;
  if (strcmp(m->topic, topics[in->topic]) != 0 || m->qos != in->qos ||
      m->retain != in->retain || m->payload.len != in->size ||
      !properties_intact(m->properties, m->n_properties, number,
                         v5 && in->properties))
    violation(w, "I3", "message %llu was damaged", number, 0, 0);
  if (in->life != w->driver.life) {
    in->in_life = 0;
    in->accepted = false;
  }
  in->life = w->driver.life;
  in->in_life++;
  in->delivered++;
  if (in->qos == 0 && in->delivered > 1)
    violation(w, "I5", "message %llu of QoS 0 was delivered %llu times", number,
              in->delivered, 0);
  bool again = w->climate.manual_ack && !in->accepted;
  if (in->qos == 2 && in->in_life > 1 && !again)
    violation(w, "I3", "message %llu of QoS 2 was delivered %llu times", number,
              in->in_life, 0);
}

void judge_message_done(struct world *w) {
  w->judge.callbacks_done++;
}
