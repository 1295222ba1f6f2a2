/* What the client writes, packet by packet, before the network has a byte of
 * it. Part of the judge. */
#include "sim/memory.h"
#include "sim/world.h"
#include "wire/topic.h"

/* Acknowledgements. */

/* R3: nothing of the new session leaves while the old one is in the store. */
void judge_check_epoch(struct world *w) {
  const struct image *i = &w->store.durable;
  bool begins = !w->judge.present && w->judge.had_session;
  for (size_t k = 0; k < i->n_ins && begins && judge_has_store(w); k++)
    if (i->ins[k].epoch != i->epoch)
      violation(w, "I10", "R3: in-id %llu of the lost session is stored",
                i->ins[k].pid, 0, 0);
}

static void check_ack_stored(struct world *w, const struct um_packet *p,
                             bool known) {
  const struct row *row = store_row(w, p->id);
  if (!judge_has_store(w))
    return;
  judge_check_epoch(w);
  if (p->type == UVMQTT_PUBREL && known && judge_flight(w, p->id) != NULL &&
      (row == NULL || row->state != UM_OP_RELEASED))
    violation(w, "I10", "R8: PUBREL %llu before RELEASED is durable", p->id, 0,
              0);
  if (p->type == UVMQTT_PUBREC && judge_open(w, p->id) &&
      store_in(w, p->id) == NULL)
    violation(w, "I10", "R11: PUBREC %llu before the in-id is durable", p->id,
              0, 0);
  if (p->type == UVMQTT_PUBCOMP && store_in(w, p->id) != NULL)
    violation(w, "I10", "R13: PUBCOMP %llu while the in-id is stored", p->id, 0,
              0);
}

static void unhold(struct judge *j, uint16_t pid) {
  for (size_t i = 0; i < j->n_held; i++)
    if (j->held[i].pid == pid) {
      j->held[i] = j->held[--j->n_held];
      return;
    }
}

static const char *const owed_as[DEBTS] = {
    "PUBACK %llu is not owed, %llu is", "PUBREC %llu is not owed, %llu is",
    "PUBREL %llu is not owed, %llu is", "PUBCOMP %llu is not owed, %llu is"};

/* [MQTT-4.6.0-2/both] to [MQTT-4.6.0-4/both] */
static void wrote_ack(struct world *w, const struct um_packet *p,
                      enum debts which) {
  struct judge *j = &w->judge;
  struct queue *q = &j->owe[which];
  struct debt *d = queue_head(q);
  bool coded = j->version == UM_V5;
  if (d == NULL || d->pid != p->id) {
    violation(w, "I6", owed_as[which], p->id, d == NULL ? 0 : d->pid, 0);
    return;
  }
  if (!d->acked && which <= OWE_PUBREC)
    violation(w, "I4",
              "message %llu is acknowledged before the application did",
              d->number, 0, 0);
  if (j->callbacks_done < d->callback && !w->climate.manual_ack)
    violation(w, "I4", "message %llu is acknowledged before it was delivered",
              d->number, 0, 0);
  if (coded && p->reason != d->reason)
    violation(w, "I13", "acknowledgement %llu has reason %llu instead of %llu",
              p->id, p->reason, d->reason);
  check_ack_stored(w, p, d->reason == 0);
  if (which == OWE_PUBREC)
    unhold(j, p->id);
  q->first++;
}

/* Requests. */

static bool asked_for(struct world *w, uint8_t kind, unsigned filter) {
  for (size_t i = w->app.first_request; i < w->ledger.n_requests; i++) {
    const struct request *r = &w->ledger.requests[i];
    if (r->kind == kind && r->filter == filter &&
        (r->completed == 0 || r->cancelled || r->status == UVMQTT_ESTORE))
      return true;
  }
  return false;
}

static bool has_handler(struct world *w, unsigned filter) {
  for (unsigned i = 0; i < HANDLERS_MAX; i++)
    if (w->app.handlers[i].serial != 0 && w->app.handlers[i].filter == filter)
      return true;
  return false;
}

static void wrote_request(struct world *w, const struct um_packet *p) {
  struct judge *j = &w->judge;
  bool subscribe = p->type == UVMQTT_SUBSCRIBE;
  const char *first = subscribe ? p->u.subscribe.filters[0].filter
                                : p->u.unsubscribe.filters[0];
  note(w, "client: asks for filter %llu and %llu more", filter_index(first),
       subscribe ? p->u.subscribe.n - 1 : p->u.unsubscribe.n - 1, 0);
  if (judge_flight(w, p->id) != NULL)
    violation(w, "I8", "id %llu is in use", p->id, 0, 0);
  uint8_t kind = subscribe ? ASK_SUBSCRIBE : ASK_UNSUBSCRIBE;
  unsigned f = filter_index(first);
  bool own = !asked_for(w, kind, f);
  bool handled = f >= PLAIN_FILTERS && f < HANDLED_FILTERS;
  if (handled && !subscribe && own && has_handler(w, f) &&
      !asked_for(w, ASK_SUBSCRIBE, f)) /* else that one comes behind it */
    violation(w, "I17", "filter %llu is given up and has a handler", f, 0, 0);
  own = own && f < HANDLED_FILTERS && (subscribe || !handled);
  if (own && !j->restore_open)
    violation(w, "I17", "filter %llu is restored and was not lost",
              filter_index(first), 0, 0);
  judge_add_flight(w, p->id, kind, own ? RESTORE : 0)->here = true;
  for (size_t i = 0; subscribe && i < p->u.subscribe.n; i++) {
    const char *filter = p->u.subscribe.filters[i].filter;
    if ((!j->terms.wildcard && strpbrk(filter, "+#") != NULL) ||
        (!j->terms.shared && um_topic_is_shared(filter)))
      violation(w, "I13", "a filter is more than the server allows", 0, 0, 0);
  }
}

static void wrote(struct world *w, const struct um_packet *p) {
  switch (p->type) {
  case UVMQTT_CONNECT:
    judge_wrote_connect(w, p);
    break;
  case UVMQTT_PUBLISH:
    judge_wrote_publish(w, p);
    break;
  case UVMQTT_PUBACK:
    wrote_ack(w, p, OWE_PUBACK);
    break;
  case UVMQTT_PUBREC:
    wrote_ack(w, p, OWE_PUBREC);
    break;
  case UVMQTT_PUBREL:
    wrote_ack(w, p, OWE_PUBREL);
    break;
  case UVMQTT_PUBCOMP:
    wrote_ack(w, p, OWE_PUBCOMP);
    break;
  case UVMQTT_SUBSCRIBE:
  case UVMQTT_UNSUBSCRIBE:
    wrote_request(w, p);
    break;
  case UVMQTT_PINGREQ:
    if (!w->judge.pinging)
      w->judge.pinged = w->clock.now;
    w->judge.pinging = true;
    break;
  case UVMQTT_AUTH:
    judge_wrote_auth(w, p);
    break;
  case UVMQTT_DISCONNECT:
    judge_wrote_disconnect(w, p);
    break;
  }
}

static void check_moment(struct world *w, uint8_t type, size_t len) {
  const struct judge *j = &w->judge;
  if (j->said_disconnect)
    violation(w, "I13", "a packet of type %llu after DISCONNECT", type, 0, 0);
  else if (!j->said_connect && type != UVMQTT_CONNECT)
    violation(w, "I13", "a packet of type %llu before CONNECT", type, 0, 0);
  else if (j->said_connect && !j->welcome && type != UVMQTT_DISCONNECT &&
           type != UVMQTT_AUTH)
    violation(w, "I13", "a packet of type %llu before CONNACK", type, 0, 0);
  if (j->welcome && len > j->terms.packet_max)
    violation(w, "I13", "a packet of %llu bytes, %llu are allowed", len,
              j->terms.packet_max, 0);
}

/* 0: it is not whole. */
static size_t extent(const uint8_t *data, size_t len, size_t *ret_body) {
  size_t at = 1, left = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    if (at >= len)
      return 0;
    left |= (size_t)(data[at] & 127) << shift;
    if (!(data[at++] & 128))
      break;
  }
  *ret_body = at;
  return at + left <= len ? at + left : 0;
}

static void scrutinize(struct world *w, uint8_t *data, size_t len,
                       size_t body) {
  struct um_packet p;
  struct judge *j = &w->judge;
  uint8_t type = data[0] >> 4;
  check_moment(w, type, len);
  j->scratch.version = type == UVMQTT_CONNECT ? UM_V5 : j->version;
  struct memory before = memory_aside();
  int r = um_decode((struct um_span){data, len, body}, &j->scratch, &p);
  memory_back(before);
  if (r) {
    violation(w, "I13", "the client wrote a bad packet of type %llu: -%llu",
              type, (uint64_t)-r, 0);
    return;
  }
  note(w, "client: writes type %llu pid %llu reason/qos %llu", type, p.id,
       type == UVMQTT_PUBLISH ? p.u.publish.qos : p.reason);
  wrote(w, &p);
}

/* Decoding changes the bytes: on a copy. */
void judge_write(struct world *w, const uint8_t *data, size_t len) {
  struct judge *j = &w->judge;
  struct conn *c = net_find(w, j->conn);
  size_t body, n;
  note_bytes(w, data, len);
  if (c == NULL || judge_blind(w))
    return;
  judge_catch_up(w);
  uint8_t *copy = malloc(len);
  if (copy == NULL)
    abort();
  memcpy(copy, data, len);
  for (size_t at = 0; at < len && !w->violated; at += n) {
    n = extent(copy + at, len - at, &body);
    if (n == 0) {
      violation(w, "I13", "a packet was cut", 0, 0, 0);
      break;
    }
    scrutinize(w, copy + at, n, body);
  }
  free(copy);
  j->last_tx = w->clock.now;
}
