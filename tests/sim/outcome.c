/* What a request completed with, against what happened to it. Part of the
 * judge. */
#include "sim/memory.h"
#include "sim/world.h"

static bool broker_has_it(const struct request *r) {
  return r->routed != 0 || r->swallowed;
}

static bool good_end(const struct request *r) {
  switch (r->qos) {
  case 0:
    return r->written != 0;
  case 1:
    return r->answered && r->answer < 0x80 && broker_has_it(r);
  default:
    return r->received && broker_has_it(r);
  }
}

static bool unsupported(struct world *w, const struct request *r) {
  const struct terms *t = &w->judge.terms;
  bool v311 = w->judge.version == UM_V311;
  if (r->kind == ASK_REQUEST && v311) /* where to answer cannot be said */
    return true;
  if (r->kind == ASK_SUBSCRIBE)
    return !t->wildcard && strpbrk(filters[r->filter], "+#") != NULL;
  if (r->kind == ASK_UNSUBSCRIBE)
    return false;
  return r->qos > t->max_qos || (r->retain && !t->retain) ||
         (v311 && !w->climate.drop_properties &&
          (r->properties || r->interval != 0 || r->answers != 0));
}

bool judge_beyond(struct world *w, const struct request *r) {
  return unsupported(w, r) || w->judge.terms.packet_max < r->size + 200;
}

/* A clean CONNECT has given the session up, and be it that it never left or was
 * not answered: what was sent in it is as if it had never been. */
static bool given_up(const struct world *w) {
  const struct um_session *s = &w->driver.session;
  return s->state != UM_SESSION_UP && s->clean_sent;
}

static bool expired(struct world *w, const struct request *r) {
  return r->interval != 0 && (!r->in_session || given_up(w)) &&
         w->clock.now >= r->accepted + (uint64_t)r->interval * 1000;
}

/* By the policy only what was never sent. */
static bool may_drop(struct world *w, const struct request *r) {
  return w->climate.lost == UVMQTT_LOST_DROP ||
         (w->climate.overflow != UVMQTT_OVERFLOW_REFUSE &&
          (!r->in_session || given_up(w)));
}

/* The PUBLISH's end, or the SUBSCRIBE's, or the answer, which was checked. */
static bool request_end_is_right(struct world *w, const struct request *r,
                                 const uvmqtt_result_t *result) {
  switch (result->status) {
  case 0: /* on 3.1.1 it may be one to an earlier request */
    return r->written != 0 || w->judge.version == UM_V311;
  case UM_ECONNRESET:
    return r->qos == 0;
  case UVMQTT_EREASON:
  case UVMQTT_EFULL:
    return true;
  case UVMQTT_ECONFLICT:
    return w->judge.version == UM_V311;
  case UVMQTT_EDROPPED:
    return may_drop(w, r);
  case UVMQTT_ESESSIONLOST:
    return w->climate.lost == UVMQTT_LOST_FAIL;
  default:
    return false;
  }
}

/* A refusal by DISCONNECT, or the end of the connection, whatever it is. */
static bool reauth_end_is_right(struct world *w, const struct request *r,
                                const uvmqtt_result_t *result) {
  (void)r;
  return result->status != 0 || w->judge.authentic;
}

static bool subscribe_end_is_right(struct world *w, const struct request *r,
                                   const uvmqtt_result_t *result) {
  (void)w;
  (void)r;
  return result->status == 0 ||
         (result->status == UVMQTT_EREASON && result->reason >= 0x80);
}

static bool nothing_is_right(struct world *w, const struct request *r,
                             const uvmqtt_result_t *result) {
  (void)w;
  (void)r;
  return result->status == 0;
}

static bool publish_end_is_right(struct world *w, const struct request *r,
                                 const uvmqtt_result_t *result) {
  switch (result->status) {
  case 0:
    return good_end(r);
  case UVMQTT_EREASON:
    return r->answered && r->answer >= 0x80 && result->reason == r->answer;
  case UM_ECONNRESET:
    return r->qos == 0; /* in the out buffer it counts as sent */
  case UVMQTT_EDROPPED:
    return may_drop(w, r);
  case UVMQTT_ESESSIONLOST:
    return r->qos != 0 && w->climate.lost == UVMQTT_LOST_FAIL;
  case UVMQTT_EEXPIRED:
    return expired(w, r);
  default:
    return false;
  }
}

static bool (*const by_kind[])(struct world *, const struct request *,
                               const uvmqtt_result_t *) = {
    [ASK_PUBLISH] = publish_end_is_right,
    [ASK_SUBSCRIBE] = subscribe_end_is_right,
    [ASK_UNSUBSCRIBE] = subscribe_end_is_right,
    [ASK_REQUEST] = request_end_is_right,
    [ASK_REAUTH] = reauth_end_is_right,
    [ASK_NOTHING] = nothing_is_right,
};

static bool end_is_right(struct world *w, const struct request *r,
                         const uvmqtt_result_t *result) {
  if (r->kind == ASK_REAUTH)
    return reauth_end_is_right(w, r, result);
  switch (result->status) {
  case UVMQTT_ENOTSUP:
    return unsupported(w, r);
  case UVMQTT_ETOOBIG:
    return w->judge.terms.packet_max < r->size + 200;
  case UM_ECANCELED:
    return w->driver.closing || r->cancelled;
  case UM_ETIMEDOUT:
    if (r->timeout != 0)
      return w->clock.now >= r->accepted + r->timeout;
    break;
  case UVMQTT_ESTORE:
    return w->store.failed;
  case UM_ENOMEM:
    return w->climate.alloc_failures != 0;
  case UVMQTT_EPROTOCOL:
  case UVMQTT_EMALFORMED:
    return w->climate.byzantine != HONEST;
  default:
    break;
  }
  return by_kind[r->kind](w, r, result);
}

/* At QoS 0 it runs until the message is in the buffer before the kernel. */
static void check_in_time(struct world *w, uint32_t number) {
  const struct request *r = &w->ledger.requests[number];
  bool counts = r->timeout != 0 && (r->qos != 0 || r->kind == ASK_REQUEST) &&
                w->judge.slept < r->accepted && memory.failed == 0;
  if (counts && w->clock.now > r->accepted + r->timeout + 20)
    violation(w, "I18", "request %llu completes %llu ms after its time-out",
              number, w->clock.now - r->accepted - r->timeout, 0);
}

/* What was sent goes on though nobody waits for it. */
static bool goes_on(const struct request *r, int status) {
  return status == 0 || status == UM_ETIMEDOUT || status == UM_ECANCELED ||
         !is_message(r);
}

void judge_completion(struct world *w, uint32_t number,
                      const uvmqtt_result_t *result) {
  struct request *r = &w->ledger.requests[number];
  judge_catch_up(w);
  if (!goes_on(r, result->status))
    judge_given_up(w, number);
  if (judge_blind(w))
    return;
  check_in_time(w, number);
  if (end_is_right(w, r, result))
    return;
  bool lost = result->status == 0 && r->kind == ASK_PUBLISH && r->qos != 0;
  violation(w, lost ? "I1" : "I9",
            "request %llu of QoS %llu should not complete with -%llu", number,
            r->qos, (uint64_t)-result->status);
}
