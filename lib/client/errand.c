#include "client/errand.h"

#include "client/client.h"

uint64_t um_errand_clock(void) {
  return uv_hrtime() / 1000000;
}

size_t um_errand_size(const struct um_errand *e) {
  return sizeof *e + (e->op == NULL ? 0 : e->op->charge);
}

static int publish(struct um_errand *e, uvmqtt_t *m) {
  uvmqtt_message_t *message = &e->op->u.message;
  uint64_t waited = um_errand_clock() - e->made;
  if (message->timeout != 0) {
    if (waited >= message->timeout)
      return UV_ETIMEDOUT;
    message->timeout -= (uint32_t)waited;
    e->made += waited;
  }
  return uvmqtt_publish(m, message, e->cb, e->arg, NULL);
}

static int subscribe(struct um_errand *e, uvmqtt_t *m) {
  const struct um_subscribe *s = &e->op->u.subscribe;
  return uvmqtt_subscribe(m, s->filters, s->n, e->op->properties,
                          e->op->n_properties, e->cb, e->arg, NULL);
}

static int unsubscribe(struct um_errand *e, uvmqtt_t *m) {
  const struct um_unsubscribe *u = &e->op->u.unsubscribe;
  return uvmqtt_unsubscribe(m, u->filters, u->n, e->op->properties,
                            e->op->n_properties, e->cb, e->arg, NULL);
}

static void complete(const struct um_errand *e, uvmqtt_t *m, int status) {
  uvmqtt_result_t result = {.status = status};
  if (e->cb != NULL)
    e->cb(m, &result, e->arg);
}

/* A full queue that holds nothing will never have more room. */
static bool may_have_room_later(const uvmqtt_t *m) {
  return uvmqtt_get_pending(m, NULL, 0) > 0;
}

int um_errand_run(struct um_errand *e, uvmqtt_t *m) {
  static int (*const makers[])(struct um_errand *, uvmqtt_t *) = {
      [UM_OP_PUBLISH] = publish,
      [UM_OP_SUBSCRIBE] = subscribe,
      [UM_OP_UNSUBSCRIBE] = unsubscribe,
  };
  if (e->op == NULL) {
    e->fn(m, e->arg);
    return 0;
  }
  int r = makers[e->op->kind](e, m);
  if (r == UVMQTT_EFULL && may_have_room_later(m))
    return r;
  if (r)
    complete(e, m, r);
  return 0;
}

void um_errand_cancel(const struct um_errand *e, uvmqtt_t *m) {
  if (e->op == NULL)
    e->fn(NULL, e->arg);
  else
    complete(e, m, UV_ECANCELED);
}
