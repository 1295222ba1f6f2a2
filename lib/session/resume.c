#include "session/resume.h"

#include "base/err.h"
#include "base/mutant.h"
#include "session/handlers.h"
#include "session/withdraw.h"

static struct um_op *op_of(const struct um_list *link) {
  return um_list_of(link, struct um_op, link);
}

/* Makes the SUBSCRIBE requests, in place of those of an earlier time that were
 * not answered. Stays due until it worked. */
static int restore(struct um_session *s) {
  struct um_list ops;
  um_list_init(&ops);
  if (!s->restore_due)
    return 0;
  if (um_session_need_outbox(s))
    return UM_ENOMEM;
  um_outbox_drop_restores(s->outbox);
  um_handlers_restoring(s);
  int r = um_subs_restore(&s->subs, s->version, s->limits.maximum_packet_size,
                          &s->outbox->pool, &ops);
  um_outbox_add_first(s->outbox, &ops);
  s->restore_due = r != 0;
  return r;
}

int um_resume_present(struct um_session *s) {
  um_outbox_resume(s->outbox); /* [MQTT-4.4.0-1/both] */
  if (UM_MUTANT(31)) /* subscribes at each connection, as many programs do */
    s->restore_due = s->subs.n != 0;
  return restore(s);
}

/* What becomes of one in-flight message, for the store: R3. */
static void note(struct um_session *s, const struct um_list *list, bool gone) {
  for (const struct um_list *l = list->next; l != list; l = l->next) {
    struct um_store_op record = {.kind = gone || op_of(l)->detached
                                             ? UM_STORE_DEL_OUT
                                             : UM_STORE_SET_OUT,
                                 .seq = op_of(l)->id,
                                 .state = UM_OP_QUEUED};
    um_journal_put(&s->journal, &record);
  }
}

/* LOST_DROP: what was not sent goes, too, but not what waits for the first
 * session of all, nor what was asked for after a CONNECT that ended the old
 * one. */
static size_t drop_queued(struct um_session *s) {
  bool ended_before = s->state == UM_SESSION_GREETING && s->clean_sent;
  if (UM_MUTANT(73) || s->config->lost != UVMQTT_LOST_DROP ||
      !s->have_session || ended_before)
    return 0;
  for (size_t i = 0; i < UM_LANES; i++) {
    const struct um_list *lane = &s->outbox->queued[i];
    for (const struct um_list *l = lane->next; l != lane; l = l->next)
      um_withdraw_note(s, op_of(l));
  }
  return um_outbox_drop_queued(s->outbox);
}

static int status_of_lost(const struct um_session *s) {
  static const int status[] = {[UVMQTT_LOST_REPUBLISH] = 0,
                               [UVMQTT_LOST_FAIL] = UVMQTT_ESESSIONLOST,
                               [UVMQTT_LOST_DROP] = UVMQTT_EDROPPED};
  return status[s->config->lost];
}

static void note_new_epoch(struct um_session *s, bool fail) {
  struct um_store_op record = {.kind = UM_STORE_NEW_EPOCH};
  um_journal_put(&s->journal, &record);
  note(s, &s->outbox->released, true);
  note(s, &s->outbox->rereleases, true);
  note(s, &s->outbox->sent, fail);
  note(s, &s->outbox->resends, fail);
}

/* [MQTT-3.1.2-4/5], [MQTT-3.1.2-6/311], [MQTT-3.2.2-5/5] */
void um_resume_forget(struct um_session *s) {
  int status = status_of_lost(s);
  bool held =
      s->outbox->n_inflight != s->outbox->n_detached || s->inbox.n_open != 0;
  note_new_epoch(s, status != 0);
  s->lost_messages += (uint32_t)um_outbox_session_lost(s->outbox, status);
  bool dropped = drop_queued(s) != 0;
  s->forgotten = s->forgotten || held || dropped;
  if (!UM_MUTANT(6)) /* swallows messages of the next session */
    um_inbox_clear(&s->inbox);
  s->lenient = false;
}

int um_resume_lost(struct um_session *s) {
  if (s->have_session)
    um_resume_forget(s);
  s->restore_due = s->subs.n != 0 && !UM_MUTANT(32);
  s->forgotten = s->forgotten || s->restore_due;
  return restore(s);
}

void um_resume_report(struct um_session *s) {
  if (!s->forgotten)
    return;
  uvmqtt_notice_t notice = {.kind = UVMQTT_NOTICE_SESSION_LOST,
                            .n_messages = s->lost_messages,
                            .n_subscriptions = s->subs.n};
  s->forgotten = false;
  s->lost_messages = 0;
  s->events->notice(s->up, &notice);
}
