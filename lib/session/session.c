#include "session/session.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/confirm.h"
#include "session/greet.h"
#include "session/later.h"
#include "session/pending.h"
#include "session/receive.h"
#include "session/send.h"
#include "session/withdraw.h"
#include "wire/reason.h"
#include <assert.h>
#include <string.h>

#define NO_PACKET_MAX SIZE_MAX /* the out buffer is bounded by what drains */

void um_session_init(struct um_session *s,
                     const struct um_session_config *config,
                     const struct um_identity *who,
                     const struct um_session_events *events, void *up,
                     struct um_commons *commons) {
  memset(s, 0, sizeof *s);
  s->config = config;
  s->who = who;
  s->events = events;
  s->up = up;
  um_greet_choose_version(s);
  s->next_id = 1;
  s->commons = commons;
  um_buf_init(&s->out, NO_PACKET_MAX, &commons->out);
  um_frame_init(&s->frame, s->version, config->maximum_packet_size);
  um_journal_init(&s->journal, events->commit, up, &s->out, NO_PACKET_MAX);
  s->outbox = um_outbox_none();
  um_inbox_init(&s->inbox);
  um_subs_init(&s->subs);
  um_list_init(&s->due);
}

void um_session_done(struct um_session *s) {
  um_auth_done(s);
  um_requester_done(s);
  um_outbox_close(&s->outbox);
  um_inbox_done(&s->inbox);
  um_confirm_done(s);
  um_chunk_done(s);
  um_receipts_done(&s->receipts);
  um_subs_done(&s->subs);
  um_filters_done(s->filters);
  um_journal_done(&s->journal);
  um_frame_done(&s->frame);
  um_later_drop(s);
  um_buf_done(&s->out);
  um_alias_in_close(&s->alias_in);
  um_alias_out_close(&s->alias_out);
  um_session_opening(s);
  um_counters_done(&s->counters);
  um_spoken_done(&s->spoken);
  um_free(s->response_information);
  um_free(s->assigned_id);
}

void um_session_opening(struct um_session *s) {
  um_free(s->ending.server_reference);
  um_free(s->ending.reason_string);
  memset(&s->ending, 0, sizeof s->ending);
}

void um_session_reached(struct um_session *s, uint64_t server) {
  assert(s->state == UM_SESSION_DOWN);
  s->server = server;
  um_greet_choose_version(s);
}

int um_session_need_outbox(struct um_session *s) {
  const struct um_session_config *c = s->config;
  bool none = s->outbox == um_outbox_none();
  int r = um_outbox_open(&s->outbox, c->overflow, c->queue_messages,
                         c->queue_bytes);
  if (none && r == 0)
    s->outbox->ids.last = s->last_pid;
  return r;
}

/* Nothing was sent for a Keep Alive: it costs little to begin anew. */
static void rest_outbox(struct um_session *s) {
  if (s->auth.request != NULL) /* it joins, and that must not fail */
    return;
  if (s->outbox != um_outbox_none())
    s->last_pid = s->outbox->ids.last;
  um_outbox_rest(&s->outbox);
}

const char *um_session_client_id(const struct um_session *s) {
  return s->assigned_id != NULL ? s->assigned_id : s->who->client_id;
}

static uint16_t topic_alias_maximum(const struct um_session *s) {
  return s->version == UM_V5 ? s->config->topic_alias_maximum : 0;
}

int um_session_up(struct um_session *s, uint64_t now) {
  assert(s->state == UM_SESSION_DOWN);
  s->now = now;
  s->heard = false;
  s->appended = s->taken = s->ping_end = 0;
  um_session_opening(s);
  um_alias_in_open(&s->alias_in, topic_alias_maximum(s));
  s->frame.version = s->version;
  um_frame_limit(&s->frame, s->config->maximum_packet_size);
  um_frame_parts_above(&s->frame, s->config->chunk_threshold);
  int r = um_greet_send(s);
  s->state = r ? UM_SESSION_FAILED : UM_SESSION_GREETING;
  s->ending.code = r;
  um_journal_commit(&s->journal);
  return r;
}

static void drop_bytes(struct um_session *s) {
  if (!UM_MUTANT(43)) /* CVE-2021-22945: left over from the last one */
    um_buf_consume(&s->out, s->out.len);
  um_buf_release(&s->out);
  um_journal_drop(&s->journal);
  um_frame_reset(&s->frame);
  um_later_drop(s);
  s->appended = s->taken = s->ping_end = 0;
}

/* Those whose bytes the kernel has keep their good end. */
static void end_receipts(struct um_session *s, int status) {
  if (s->receipts_ended == 0) { /* else of an earlier end, not settled yet */
    s->receipts_status = status;
    s->receipts_taken = s->taken;
  }
  s->receipts_ended = s->receipts.n;
}

void um_session_down(struct um_session *s, uint64_t now, int code) {
  bool closed_by_peer = code == UM_EOF || code == UM_ECONNRESET;
  s->now = now;
  if (s->state == UM_SESSION_GREETING && !s->heard && closed_by_peer)
    um_greet_silent_end(s);
  um_auth_down(s, code);
  s->state = UM_SESSION_DOWN;
  s->halted = false;
  um_journal_new_connection(&s->journal);
  end_receipts(s, UM_ECONNRESET);
  um_chunk_cut(s);
  drop_bytes(s);
  um_keepalive_stop(&s->keepalive);
  um_alias_in_close(&s->alias_in);
  if (!UM_MUTANT(52))
    um_alias_out_close(&s->alias_out);
  um_inbox_new_connection(&s->inbox);
  um_confirm_new_connection(s);
  um_outbox_link_down(s->outbox);
  um_journal_commit(&s->journal);
}

/* A whole packet, the header of a large message, or a part of one. */
static int take(struct um_session *s, int kind, struct um_span frame) {
  int r =
      kind == UM_FRAME_PART ? um_chunk_part(s, frame) : um_receive(s, frame);
  return r == 0 && s->journal.failed ? um_journal_error(&s->journal) : r;
}

static bool listening(const struct um_session *s) {
  return !s->halted &&
         (s->state == UM_SESSION_GREETING || s->state == UM_SESSION_UP);
}

static bool receiving(const struct um_session *s) {
  bool paused = s->paused && s->state == UM_SESSION_UP && !UM_MUTANT(70);
  return listening(s) && !s->journal.failed && !paused;
}

/* Codes below EREFUSED in the table are the peer's violations. */
static bool is_violation(int err) {
  return (err <= UVMQTT_EMALFORMED && err > UVMQTT_EREFUSED) ||
         err == UVMQTT_EAUTH;
}

/* The connection is over for a reason. A violation is answered in 5.0; in 3.1.1
 * a DISCONNECT would cancel our own Will ([MQTT-4.8.0-1/311]). */
static int fail(struct um_session *s, int err) {
  /* [MQTT-3.2.2-16/5] leaves out the identifier: a protocol error, too */
  int answer = err == UVMQTT_ENOCLIENTID ? UVMQTT_EPROTOCOL : err;
  struct um_packet p = {.type = UVMQTT_DISCONNECT,
                        .reason = um_reason_of_violation(answer)};
  um_journal_drop(&s->journal);
  if (err == UVMQTT_ESTORE) /* nor what waits for the kernel: it is told over */
    um_buf_consume(&s->out, s->out.len);
  bool may = s->version == UM_V5 || UM_MUTANT(10); /* cancels the Will */
  if (is_violation(answer) && may)                 /* [MQTT-4.13.2-1/5] */
    um_send(s, &p);
  s->state = UM_SESSION_FAILED;
  s->ending.code = err;
  um_keepalive_stop(&s->keepalive);
  return err;
}

/* *ret_left: how much of the end was not looked at. */
static int parse(struct um_session *s, uint8_t *data, size_t len,
                 size_t *ret_left) {
  struct um_span frame;
  int r = 0;
  um_frame_push(&s->frame, data, len);
  while ((r == 0 || UM_MUTANT(41)) && receiving(s) &&
         (r = um_frame_next(&s->frame, &frame)) > 0)
    r = take(s, r, frame);
  if (r == 0 && receiving(s))
    r = um_receive_beginning(s);
  *ret_left = s->frame.chunk_len;
  um_frame_push(&s->frame, NULL, 0);
  return r;
}

static int parse_or_keep(struct um_session *s, uint8_t *data, size_t len) {
  size_t left = len;
  int r = 0;
  if (receiving(s) && !um_later_any(s))
    r = parse(s, data, len, &left);
  if (r || left == 0 || !listening(s))
    return r;
  return um_later_keep(s, data + len - left, left);
}

static int conclude(struct um_session *s, int r) {
  if (r < 0)
    fail(s, r);
  um_journal_commit(&s->journal);
  return r;
}

int um_session_feed(struct um_session *s, uint64_t now, uint8_t *data,
                    size_t len) {
  s->now = now;
  if (!listening(s))
    return 0;
  if (!s->heard)
    um_greet_heard(s);
  s->heard = true;
  um_keepalive_received(&s->keepalive, now);
  return conclude(s, parse_or_keep(s, data, len));
}

/* Pausing. */

void um_session_pause(struct um_session *s, uint64_t now) {
  s->paused = true;
  um_keepalive_deaf(&s->keepalive, now, true);
}

void um_session_resume(struct um_session *s, uint64_t now) {
  s->paused = false;
  um_keepalive_deaf(&s->keepalive, now, false);
}

bool um_session_paused(const struct um_session *s) {
  return s->state == UM_SESSION_UP && (s->paused || um_later_any(s));
}

int um_session_read_on(struct um_session *s, uint64_t now) {
  size_t left;
  s->now = now;
  if (!um_later_any(s) || !receiving(s))
    return 0;
  int r = parse(s, um_buf_head(s->later), s->later->len, &left);
  um_buf_consume(s->later, s->later->len - left);
  if (left == 0)
    um_buf_release(s->later);
  return conclude(s, r);
}

int um_session_drain(struct um_session *s, uint64_t now) {
  s->now = now;
  int r = s->state == UM_SESSION_UP ? um_confirm_flush(s) : 0;
  um_send_waiting(s);
  um_journal_commit(&s->journal);
  bool connected = s->state == UM_SESSION_GREETING || s->state == UM_SESSION_UP;
  bool over = connected && (r || s->journal.failed);
  return over ? fail(s, um_journal_error(&s->journal)) : 0;
}

void um_session_written(struct um_session *s, size_t n) {
  bool ahead = s->taken < s->ping_end;
  s->taken += n;
  assert(s->taken <= s->appended);
  if (ahead && n != 0)
    um_keepalive_busy(&s->keepalive, s->now);
}

void um_session_wrote(struct um_session *s, uint64_t now, size_t n) {
  s->now = now;
  um_session_written(s, n);
}

int um_session_tick(struct um_session *s, uint64_t now) {
  s->now = now;
  um_withdraw_due(s);
  um_journal_commit(&s->journal);
  um_requester_tick(s);
  switch (um_keepalive_tick(&s->keepalive, now)) {
  case UM_KEEPALIVE_PING:
    rest_outbox(s);
    return um_session_ping(s, now);
  case UM_KEEPALIVE_DEAD:
    return fail(s, UVMQTT_EKEEPALIVE);
  case UM_KEEPALIVE_NONE:
    break;
  }
  return 0;
}

uint64_t um_session_deadline(const struct um_session *s) {
  uint64_t a = um_keepalive_deadline(&s->keepalive);
  uint64_t b = um_timeouts_deadline(&s->outbox->timeouts);
  uint64_t c = um_requester_deadline(s);
  if (c < b)
    b = c;
  return a < b ? a : b;
}

void um_session_stored(struct um_session *s, uint64_t batch, int status) {
  size_t before = s->out.len;
  if (status)
    um_journal_break(&s->journal);
  else
    um_journal_stored(&s->journal, batch);
  if (s->out.len == before)
    return;
  s->appended += s->out.len - before;
  um_keepalive_sent(&s->keepalive, s->now);
}

void um_session_halt(struct um_session *s) {
  s->halted = true;
}

bool um_session_flushed(const struct um_session *s) {
  bool waiting = s->state == UM_SESSION_UP &&
                 um_outbox_next(s->outbox, s->limits.receive_maximum) != NULL;
  return !waiting && um_send_backlog(s) == 0;
}

/* What is detached nobody waits for. */
bool um_session_drained(const struct um_session *s) {
  if (UM_MUTANT(67)) /* leaves at once, whatever is held */
    return true;
  return s->outbox->n_waiting == 0 && um_requester_left(s) == 0 &&
         s->outbox->n_inflight == s->outbox->n_detached;
}

size_t um_session_left(const struct um_session *s) {
  return um_pending_count(s->outbox) + um_requester_left(s);
}

void um_session_cancel_all(struct um_session *s, int status) {
  um_auth_join(s);
  um_requester_cancel_all(s, status);
  um_outbox_cancel_all(s->outbox, status);
  um_due_cancel(s, status);
  end_receipts(s, status);
  s->halted = false;
}
