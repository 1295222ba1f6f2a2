/* CONNECT, AUTH and DISCONNECT that the client writes. Part of the judge. */
#include "sim/world.h"

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
  bool may_fall = k->version == UVMQTT_VERSION_ANY &&
                  w->judge.fell_back[link_target(&w->driver)];
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
  bool v5 = c->version == UM_V5, open = link_knows_secrets(&w->driver);
  bool auth =
      uvmqtt_property_find(p->properties, p->n_properties,
                           UVMQTT_PROPERTY_AUTHENTICATION_METHOD) != NULL;
  if (c->keep_alive != k->keep_alive ||
      (c->username != NULL) != (open && k->credentials) ||
      c->has_password != (open && k->credentials) ||
      (c->will != NULL) != (open && k->will) || auth != (open && k->auth) ||
      strcmp(c->client_id, expected_id(w)) != 0)
    violation(w, "I13", "CONNECT does not say what the options say", 0, 0, 0);
  if (v5 && (judge_number_of(p, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL, 0) !=
                 expiry ||
             judge_number_of(p, UVMQTT_PROPERTY_RECEIVE_MAXIMUM, 65535) !=
                 k->receive_maximum ||
             judge_number_of(p, UVMQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM, 0) !=
                 k->alias_in ||
             judge_number_of(p, UVMQTT_PROPERTY_MAXIMUM_PACKET_SIZE, 0) !=
                 k->packet_max))
    violation(w, "I13", "CONNECT's properties are not the options", 0, 0, 0);
}

/* R1, R2. */
static void check_connect_stored(struct world *w, const char *client_id) {
  const struct image *i = &w->store.durable;
  if (!judge_has_store(w))
    return;
  if (w->store.failed)
    violation(w, "I10", "D03: CONNECT after the store has failed", 0, 0, 0);
  if (!i->may_exist)
    violation(w, "I10", "R2: CONNECT before META is durable", 0, 0, 0);
  if (strcmp(i->client_id, client_id) != 0)
    violation(w, "I10", "R2: CONNECT as another client than is stored", 0, 0,
              0);
  if (w->judge.clean && i->n_ins != 0)
    violation(w, "I10", "R1: a clean CONNECT with %llu in-ids stored", i->n_ins,
              0, 0);
  for (size_t k = 0; k < i->n_rows && w->judge.clean; k++)
    if (i->rows[k].state != UM_OP_QUEUED)
      violation(w, "I10",
                "R1: a clean CONNECT with request %llu stored as sent",
                i->rows[k].seq, 0, 0);
}

void judge_wrote_connect(struct world *w, const struct um_packet *p) {
  struct judge *j = &w->judge;
  if (j->said_connect)
    violation(w, "I13", "a second CONNECT", 0, 0, 0);
  j->said_connect = true;
  j->version = p->u.connect.version;
  j->clean = p->u.connect.clean_start;
  j->auth = w->climate.auth ? AUTH_SERVER : AUTH_NOBODY;
  check_version(w, j->version);
  check_connect_values(w, p);
  if (j->clean != must_be_clean(w))
    violation(w, "I13", "CONNECT with clean %llu", j->clean, 0, 0);
  j->connected_once = true;
  check_connect_stored(w, p->u.connect.client_id);
  if (j->clean)
    judge_end_session(w); /* the client gives it up */
}

/* AUTH: only in turn. [MQTT-4.12.0-3/5], [MQTT-4.12.1-1/5] */
void judge_wrote_auth(struct world *w, const struct um_packet *p) {
  struct judge *j = &w->judge;
  bool answer = p->reason == UVMQTT_REASON_CONTINUE_AUTHENTICATION;
  bool begins = p->reason == UVMQTT_REASON_RE_AUTHENTICATE;
  bool due = answer ? j->auth == AUTH_CLIENT
                    : begins && j->welcome && j->auth == AUTH_NOBODY;
  if (!due || !w->climate.auth)
    violation(w, "I13", "AUTH %llu out of turn %llu", p->reason, j->auth, 0);
  j->auth = AUTH_SERVER;
}

/* DISCONNECT. */

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
  case UVMQTT_EAUTH:
    return 0x8C;
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

static bool waits(const struct request *r) {
  bool at_server = r->kind == ASK_SUBSCRIBE || r->kind == ASK_UNSUBSCRIBE ||
                   r->kind == ASK_REQUEST ||
                   (r->kind == ASK_PUBLISH && r->qos != 0);
  return at_server && r->completed == 0 && !r->no_callback;
}

static void check_drained(struct world *w) {
  const struct leave *l = &w->driver.leave;
  if (!l->asked || l->mode != UVMQTT_DISCONNECT_DRAIN || l->status != 0 ||
      w->judge.rejecting)
    return;
  for (size_t i = w->app.first_request; i < w->ledger.n_requests; i++)
    if (waits(&w->ledger.requests[i]) &&
        w->ledger.requests[i].accepted < w->app.left_at)
      violation(w, "I9", "DISCONNECT, and request %llu is not complete", i, 0,
                0);
}

void judge_wrote_disconnect(struct world *w, const struct um_packet *p) {
  struct judge *j = &w->judge;
  j->said_disconnect = true;
  check_last_word(w, p);
  check_drained(w);
  if (w->driver.leave.asked && !j->rejecting && p->reason == 0) {
    bool keep = w->climate.mode == UVMQTT_SESSION_KEEP;
    uint32_t said =
        judge_number_of(p, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL, UINT32_MAX);
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
