#include "session/confirm.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/deliver.h"
#include "session/send.h"
#include "wire/reason.h"

/* A token is an entry's number, its lowest bit says in which of the lists. */
enum { QOS1, QOS2 };

static const uint8_t answers[] = {
    [QOS1] = UVMQTT_PUBACK, [QOS2] = UVMQTT_PUBREC};

static uint64_t hold(struct um_session *s, unsigned list, uint16_t id) {
  return um_acklist_push(&s->unacked[list], id, UM_MUTANT(54)) << 1 | list;
}

static int reserve(struct um_session *s, unsigned list) {
  if (s->unacked == NULL)
    s->unacked = um_calloc(2, sizeof *s->unacked);
  return s->unacked == NULL ? UM_ENOMEM : um_acklist_reserve(&s->unacked[list]);
}

int um_confirm_qos1(struct um_session *s, struct um_packet *p) {
  int r = reserve(s, QOS1);
  if (r)
    return r;
  um_deliver(s, p, hold(s, QOS1, p->id)); /* R14 */
  return 0;
}

/* Accepted on an earlier connection, which ended before the server knew: that
 * is told in its turn ([MQTT-4.6.0-3/both]). */
static int hold_resent(struct um_session *s, uint16_t id) {
  um_counters_add(&s->counters, UM_COUNTED_DUPLICATES);
  um_acklist_push(&s->unacked[QOS2], id, true);
  return um_confirm_flush(s);
}

int um_confirm_qos2(struct um_session *s, struct um_packet *p, uint16_t room) {
  if (reserve(s, QOS2))
    return UM_ENOMEM;
  switch (um_inbox_hold(&s->inbox, p->id, room)) {
  case UM_INBOX_NEW:
    um_deliver(s, p, hold(s, QOS2, p->id));
    return 0;
  case UM_INBOX_RESENT:
    return hold_resent(s, p->id);
  case UM_INBOX_DUPLICATE:
    um_counters_add(&s->counters, UM_COUNTED_DUPLICATES);
    return um_send_ack(s, UVMQTT_PUBREC, p->id, 0);
  case UM_INBOX_HELD: /* the one PUBREC will answer both */
    um_counters_add(&s->counters, UM_COUNTED_DUPLICATES);
    return 0;
  case UM_INBOX_OVER:
    return UVMQTT_EQUOTA;
  case UM_INBOX_NOMEM:
    break;
  }
  return UM_ENOMEM;
}

static int flush(struct um_session *s, unsigned list) {
  const struct um_ack *ack;
  while ((ack = um_acklist_due(&s->unacked[list])) != NULL) {
    int r = um_send_ack(s, answers[list], ack->id, ack->reason);
    if (r)
      return r;
    if (list == QOS2) /* [MQTT-4.3.3-9/5] */
      um_inbox_answered(&s->inbox, ack->id, ack->reason >= 0x80);
    um_acklist_pop(&s->unacked[list]);
  }
  return 0;
}

/* [MQTT-4.6.0-2/both], [MQTT-4.6.0-3/both] */
int um_confirm_flush(struct um_session *s) {
  if (s->unacked == NULL)
    return 0;
  int r = flush(s, QOS1);
  return r ? r : flush(s, QOS2);
}

/* 0x10, "no matching subscribers", is for servers only (3.4.2.1). */
static bool legal(uint8_t reason) {
  return reason == 0 || (reason >= 0x80 && um_reason_legal(UVMQTT_PUBREC, UM_V5,
                                                           UM_CLIENT, reason));
}

static int find(const struct um_session *s, uint64_t token,
                struct um_ack **ret) {
  if (s->unacked == NULL)
    return UM_ENOENT;
  int r = um_acklist_find(&s->unacked[token & 1], token >> 1, ret);
  if (r == 0 && s->state != UM_SESSION_UP)
    return UVMQTT_ESTALE; /* the connection is over but for the closing */
  return r;
}

void um_confirm_new_connection(struct um_session *s) {
  if (s->unacked == NULL)
    return;
  um_acklist_new_connection(&s->unacked[QOS1]);
  um_acklist_new_connection(&s->unacked[QOS2]);
}

void um_confirm_done(struct um_session *s) {
  if (s->unacked == NULL)
    return;
  um_acklist_done(&s->unacked[QOS1]);
  um_acklist_done(&s->unacked[QOS2]);
  um_free(s->unacked);
  s->unacked = NULL;
}

/* From here on a redelivery is a duplicate. */
static int accept_qos2(struct um_session *s, uint16_t id) {
  struct um_store_op record = {.kind = UM_STORE_PUT_IN_ID, .pid = id};
  if (um_journal_reserve(&s->journal, 1))
    return UM_ENOMEM;
  um_journal_put(&s->journal, &record); /* R11 */
  um_inbox_accept(&s->inbox, id);
  return 0;
}

int um_session_ack(struct um_session *s, uint64_t now, uint64_t token,
                   uint8_t reason) {
  struct um_ack *ack = NULL;
  int r = legal(reason) ? find(s, token, &ack) : UM_EINVAL;
  if (r)
    return r;
  if (reason >= 0x80 && s->version == UM_V311)
    return UVMQTT_ENOTSUP;
  s->now = now;
  if ((token & 1) == QOS2 && reason < 0x80)
    r = accept_qos2(s, ack->id);
  if (r)
    return r;
  if (UM_MUTANT(53)) /* does not wait for those before it */
    return um_send_ack(s, answers[token & 1], ack->id, reason);
  ack->reason = UM_MUTANT(55) ? 0 : reason;
  ack->settled = true;
  um_confirm_flush(s); /* no memory: drain tries again */
  um_journal_commit(&s->journal);
  return 0;
}
