/* What a request completed with, against what happened to it. Part of the
 * judge. */
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
  if (r->kind == ASK_SUBSCRIBE)
    return !t->wildcard && strpbrk(filters[r->filter], "+#") != NULL;
  if (r->kind == ASK_UNSUBSCRIBE)
    return false;
  return r->qos > t->max_qos || (r->retain && !t->retain) ||
         (v311 && !w->climate.drop_properties &&
          (r->properties || r->interval != 0));
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

static bool publish_end_is_right(struct world *w, const struct request *r,
                                 const uvmqtt_result_t *result) {
  switch (result->status) {
  case 0:
    return good_end(r);
  case UVMQTT_EREASON:
    return r->answered && r->answer >= 0x80 && result->reason == r->answer;
  case UM_ECONNRESET:
    return r->qos == 0; /* in the out buffer it counts as sent */
  case UVMQTT_ESESSIONLOST:
    return r->qos != 0 && w->climate.lost == UVMQTT_LOST_FAIL;
  case UVMQTT_EEXPIRED:
    return expired(w, r);
  default:
    return false;
  }
}

static bool end_is_right(struct world *w, const struct request *r,
                         const uvmqtt_result_t *result) {
  switch (result->status) {
  case UVMQTT_ENOTSUP:
    return unsupported(w, r);
  case UVMQTT_ETOOBIG:
    return w->judge.terms.packet_max < r->size + 200;
  case UM_ECANCELED:
    return w->driver.closing;
  case UM_ENOMEM:
    return w->climate.alloc_failures != 0;
  case UVMQTT_EPROTOCOL:
  case UVMQTT_EMALFORMED:
    return w->climate.byzantine != HONEST;
  default:
    break;
  }
  if (r->kind == ASK_PUBLISH)
    return publish_end_is_right(w, r, result);
  return result->status == 0 ||
         (result->status == UVMQTT_EREASON && result->reason >= 0x80);
}

void judge_completion(struct world *w, uint32_t number,
                      const uvmqtt_result_t *result) {
  struct request *r = &w->ledger.requests[number];
  judge_catch_up(w);
  if (r->kind == ASK_PUBLISH && result->status != 0)
    judge_given_up(w, number);
  if (judge_blind(w) || end_is_right(w, r, result))
    return;
  bool lost = result->status == 0 && r->kind == ASK_PUBLISH && r->qos != 0;
  violation(w, lost ? "I1" : "I9",
            "request %llu of QoS %llu should not complete with -%llu", number,
            r->qos, (uint64_t)-result->status);
}
