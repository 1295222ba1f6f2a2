/* What the client writes, packet by packet, before the network has a byte of
 * it. Part of the judge. */
#include "sim/memory.h"
#include "sim/world.h"
#include "wire/topic.h"

#define MAX_CONNECT_PROPERTIES 3u

static uint32_t number_of(const struct um_packet *p, uvmqtt_property_id_t id,
                          uint32_t otherwise) {
  const uvmqtt_property_t *found =
      uvmqtt_property_find(p->properties, p->n_properties, id);
  return found == NULL ? otherwise : found->value.num;
}

static bool has_store(struct world *w) {
  return w->climate.storing != STORE_NONE;
}

/* CONNECT. */

static bool must_be_clean(struct world *w) {
  const struct climate *k = &w->climate;
  struct judge *j = &w->judge;
  if (j->must_clean || k->mode == UVMQTT_SESSION_CLEAN)
    return true;
  return j->version == UM_V5 && k->mode == UVMQTT_SESSION_KEEP &&
         !j->had_session; /* until a server has accepted us */
}

static const char *expected_id(struct world *w) {
  struct judge *j = &w->judge;
  bool assigned = w->climate.client_id[0] == '\0' && j->version == UM_V5;
  return assigned ? j->assigned : w->climate.client_id;
}

static void check_version(struct world *w, uint8_t version) {
  const struct climate *k = &w->climate;
  bool may_fall = k->version == UVMQTT_VERSION_ANY && w->judge.fell_back;
  uint8_t expected =
      k->version == UVMQTT_VERSION_311 || may_fall ? UM_V311 : UM_V5;
  if (version != expected)
    violation(w, "I13", "CONNECT of version %llu instead of %llu", version,
              expected, 0);
}

static void check_connect_values(struct world *w, const struct um_packet *p) {
  const struct climate *k = &w->climate;
  const struct um_connect *c = &p->u.connect;
  uint32_t expiry = k->mode == UVMQTT_SESSION_CLEAN ? 0 : k->session_expiry;
  bool v5 = c->version == UM_V5;
  if (c->keep_alive != k->keep_alive ||
      (c->username != NULL) != k->credentials ||
      c->has_password != k->credentials || (c->will != NULL) != k->will ||
      strcmp(c->client_id, expected_id(w)) != 0)
    violation(w, "I13", "CONNECT does not say what the options say", 0, 0, 0);
  if (v5 &&
      (number_of(p, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL, 0) != expiry ||
       number_of(p, UVMQTT_PROPERTY_RECEIVE_MAXIMUM, 65535) !=
           k->receive_maximum ||
       number_of(p, UVMQTT_PROPERTY_MAXIMUM_PACKET_SIZE, 0) != k->packet_max))
    violation(w, "I13", "CONNECT's properties are not the options", 0, 0, 0);
}

/* R1, R2. */
static void check_connect_stored(struct world *w) {
  const struct image *i = &w->store.durable;
  if (!has_store(w))
    return;
  if (!i->may_exist)
    violation(w, "I10", "R2: CONNECT before META is durable", 0, 0, 0);
  if (w->judge.clean && i->n_ins != 0)
    violation(w, "I10", "R1: a clean CONNECT with %llu in-ids stored", i->n_ins,
              0, 0);
  for (size_t k = 0; k < i->n_rows && w->judge.clean; k++)
    if (i->rows[k].state != UM_OP_QUEUED)
      violation(w, "I10",
                "R1: a clean CONNECT with request %llu stored as sent",
                i->rows[k].seq, 0, 0);
}

static void wrote_connect(struct world *w, const struct um_packet *p) {
  struct judge *j = &w->judge;
  if (j->said_connect)
    violation(w, "I13", "a second CONNECT", 0, 0, 0);
  j->said_connect = true;
  j->version = p->u.connect.version;
  j->clean = p->u.connect.clean_start;
  check_version(w, j->version);
  check_connect_values(w, p);
  if (j->clean != must_be_clean(w))
    violation(w, "I13", "CONNECT with clean %llu", j->clean, 0, 0);
  j->connected_once = true;
  check_connect_stored(w);
  if (j->clean)
    judge_end_session(w); /* the client gives it up */
}

/* PUBLISH. */

static void check_content(struct world *w, const struct um_packet *p,
                          uint32_t number) {
  const struct um_publish *m = &p->u.publish;
  const struct request *r = &w->ledger.requests[number];
  bool properties = r->properties && w->judge.version == UM_V5;
  if (strcmp(m->topic, topics[r->topic]) != 0 || m->qos != r->qos ||
      m->retain != r->retain || m->payload.len != r->size ||
      !properties_intact(p->properties, p->n_properties, number, properties))
    violation(w, "I13", "request %llu was damaged on its way out", number, 0,
              0);
  if (m->qos > w->judge.terms.max_qos || (m->retain && !w->judge.terms.retain))
    violation(w, "I13", "request %llu is more than the server allows", number,
              0, 0);
  if (r->life != w->driver.life)
    violation(w, "I9", "request %llu of a closed client was sent", number, 0,
              0);
}

/* [MQTT-3.3.2-6/5]. Bytes that wait for the store or the kernel were made
 * earlier, with more of the interval left. */
static void check_expiry(struct world *w, const struct um_packet *p,
                         uint32_t number, bool again) {
  const struct request *r = &w->ledger.requests[number];
  uint64_t now = w->clock.now;
  uint32_t said = number_of(p, UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0);
  if (r->interval == 0)
    return;
  uint64_t end = r->accepted + (uint64_t)r->interval * 1000;
  uint64_t left = end > now ? (end - now + 999) / 1000 : 1;
  bool prompt =
      w->climate.storing != STORE_LATE && w->judge.last_busy < r->accepted;
  if (prompt && !again && now >= end)
    violation(w, "I18", "request %llu was sent %llu ms after it expired",
              number, now - end, 0);
  if (w->judge.version != UM_V5)
    return;
  if (said > r->interval || said == 0 || (prompt && said != left))
    violation(w, "I18", "request %llu says %llu s, %llu are left", number, said,
              left);
}

static void check_first_order(struct world *w, uint32_t number) {
  const struct request *r = &w->ledger.requests[number];
  uint32_t *newest = &w->judge.newest[r->topic][r->qos];
  if (number + 1 <= *newest)
    violation(w, "I6", "request %llu was sent after %llu", number, *newest - 1,
              0);
  *newest = number + 1;
}

/* Without a callback nobody hears that a message was given up, and with one it
 * may be a little later. */
static bool unsent(struct world *w) {
  const struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++) {
    const struct flight *f = &j->flights[i];
    if (f->kind != ASK_PUBLISH || f->released || f->here)
      continue;
    const struct request *r = &w->ledger.requests[f->number];
    if (!r->no_callback && !judge_beyond(w, r))
      return true;
  }
  return false;
}

static struct flight *first_time(struct world *w, const struct um_packet *p,
                                 uint32_t number) {
  struct request *r = &w->ledger.requests[number];
  struct judge *j = &w->judge;
  /* what waited for the kernel or the store when the connection ended counts
   * as sent */
  bool maybe_again = j->parted != 0 && r->accepted <= j->parted;
  if (p->u.publish.dup && !maybe_again)
    violation(w, "I13", "request %llu has DUP the first time", number, 0, 0);
  if (r->in_session)
    violation(w, "I8", "request %llu changed its id to %llu", number, p->id, 0);
  if (unsent(w))
    violation(w, "I6", "request %llu was sent before what must go again",
              number, 0, 0);
  check_first_order(w, number);
  r->in_session = true;
  return judge_add_flight(w, p->id, ASK_PUBLISH, number);
}

static void another_time(struct world *w, const struct um_packet *p,
                         struct flight *f, uint32_t number) {
  struct judge *j = &w->judge;
  if (f->kind != ASK_PUBLISH || f->number != number)
    violation(w, "I8", "id %llu of %llu is taken for %llu", p->id, f->number,
              number);
  else if (f->here)
    violation(w, "I13", "request %llu was sent twice on a connection", number,
              0, 0);
  else if (f->released)
    violation(w, "I2", "request %llu was sent again after PUBREC", number, 0,
              0);
  else if (!p->u.publish.dup)
    violation(w, "I13", "request %llu was sent again without DUP", number, 0,
              0);
  else if (f->order < j->resent)
    violation(w, "I6", "request %llu was sent again out of order", number, 0,
              0);
  j->resent = f->order;
}

/* R3, R4, R6. */
static void check_publish_stored(struct world *w, uint16_t pid,
                                 uint32_t number) {
  const struct row *row = store_row(w, pid);
  if (!has_store(w))
    return;
  if (row == NULL || row->message != number || row->state != UM_OP_SENT)
    violation(w, "I10", "R6: request %llu leaves as %llu before its row",
              number, pid, 0);
  if (w->climate.client_id[0] == '\0' && w->judge.version == UM_V5 &&
      strcmp(w->store.durable.client_id, w->judge.assigned) != 0)
    violation(w, "I10", "R4: request %llu leaves before the assigned id",
              number, 0, 0);
}

static void count(struct world *w, struct flight *f) {
  struct judge *j = &w->judge;
  f->here = f->counted = true;
  if (++j->unacked > j->terms.receive_maximum)
    violation(w, "I7", "%llu messages without an answer, %llu are allowed",
              j->unacked, j->terms.receive_maximum, 0);
}

static void wrote_publish(struct world *w, const struct um_packet *p) {
  const struct um_publish *m = &p->u.publish;
  uint32_t number = payload_read(m->payload.data, m->payload.len, 'A');
  if (number >= w->ledger.n_requests) {
    violation(w, "I13", "a payload is sent that nobody gave", 0, 0, 0);
    return;
  }
  struct flight *f = m->qos == 0 ? NULL : judge_flight(w, p->id);
  check_content(w, p, number);
  check_expiry(w, p, number, m->dup);
  if (w->ledger.requests[number].written++ != 0 && m->qos == 0)
    violation(w, "I5", "request %llu of QoS 0 was sent again", number, 0, 0);
  if (m->qos == 0) {
    check_first_order(w, number);
    return;
  }
  if (f == NULL)
    f = first_time(w, p, number);
  else
    another_time(w, p, f, number);
  count(w, f);
  check_publish_stored(w, p->id, number);
}

/* Acknowledgements. */

/* R3: nothing of the new session leaves while the old one is in the store. */
static void check_epoch(struct world *w) {
  const struct image *i = &w->store.durable;
  bool begins = !w->judge.present && w->judge.had_session;
  for (size_t k = 0; k < i->n_ins && begins && has_store(w); k++)
    if (i->ins[k].epoch != i->epoch)
      violation(w, "I10", "R3: in-id %llu of the lost session is stored",
                i->ins[k].pid, 0, 0);
}

static void check_ack_stored(struct world *w, const struct um_packet *p,
                             bool known) {
  const struct row *row = store_row(w, p->id);
  if (!has_store(w))
    return;
  check_epoch(w);
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
  if (j->callbacks_done < d->callback)
    violation(w, "I4", "message %llu is acknowledged before it was delivered",
              d->number, 0, 0);
  if (coded && p->reason != d->reason)
    violation(w, "I13", "acknowledgement %llu has reason %llu instead of %llu",
              p->id, p->reason, d->reason);
  check_ack_stored(w, p, d->reason == 0);
  q->first++;
}

/* Requests. */

static bool asked_for(struct world *w, uint8_t kind, unsigned filter) {
  for (size_t i = w->app.first_request; i < w->ledger.n_requests; i++) {
    const struct request *r = &w->ledger.requests[i];
    if (r->kind == kind && r->filter == filter && r->completed == 0)
      return true;
  }
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
  bool own = !asked_for(w, kind, filter_index(first));
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

static void wrote_disconnect(struct world *w, const struct um_packet *p) {
  struct judge *j = &w->judge;
  j->said_disconnect = true;
  if (w->driver.leave.asked && !j->rejecting && p->reason == 0) {
    bool keep = w->climate.mode == UVMQTT_SESSION_KEEP;
    uint32_t said =
        number_of(p, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL, UINT32_MAX);
    if (j->version == UM_V5 && said != (keep ? 0 : UINT32_MAX))
      violation(w, "I13", "DISCONNECT says Session Expiry %llu", said, 0, 0);
    return;
  }
  if (j->version == UM_V311)
    violation(w, "I13", "DISCONNECT after an error cancels the Will", 0, 0, 0);
  else if (!j->rejecting)
    violation(w, "I13", "DISCONNECT %llu that nobody asked for", p->reason, 0,
              0);
}

static uint8_t word_for(int code) {
  switch (code) {
  case UVMQTT_EMALFORMED:
    return 0x81;
  case UVMQTT_EPROTOCOL:
    return 0x82;
  case UVMQTT_EQUOTA:
    return 0x93;
  case UVMQTT_ETOPICALIAS:
    return 0x94;
  case UVMQTT_ETOOBIG:
    return 0x95;
  default:
    return 0;
  }
}

static void check_last_word(struct world *w, const struct um_packet *p) {
  const struct conn *c = net_find(w, w->judge.conn);
  if (!w->judge.rejecting || c == NULL || p->type != UVMQTT_DISCONNECT)
    return;
  if (p->reason != word_for(c->peer.expected))
    violation(w, "I13", "DISCONNECT says %llu instead of %llu", p->reason,
              word_for(c->peer.expected), 0);
}

static void wrote(struct world *w, const struct um_packet *p) {
  switch (p->type) {
  case UVMQTT_CONNECT:
    wrote_connect(w, p);
    break;
  case UVMQTT_PUBLISH:
    wrote_publish(w, p);
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
  case UVMQTT_DISCONNECT:
    wrote_disconnect(w, p);
    check_last_word(w, p);
    break;
  }
}

static void check_moment(struct world *w, uint8_t type, size_t len) {
  const struct judge *j = &w->judge;
  if (j->said_disconnect)
    violation(w, "I13", "a packet of type %llu after DISCONNECT", type, 0, 0);
  else if (!j->said_connect && type != UVMQTT_CONNECT)
    violation(w, "I13", "a packet of type %llu before CONNECT", type, 0, 0);
  else if (j->said_connect && !j->welcome && type != UVMQTT_DISCONNECT)
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
