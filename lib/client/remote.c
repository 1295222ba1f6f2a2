#include "client/remote.h"

#include "base/alloc.h"
#include "client/check.h"
#include "client/pump.h"
#include "client/relay.h"
#include "client/sized.h"
#include <string.h>

#define DEFAULT_MESSAGES 10000u
#define DEFAULT_BYTES (16u << 20)
#define BATCH 1024u /* handed over in one go; then the loop has a turn */

struct uvmqtt_remote_s {
  struct um_relay relay;
  unsigned refs;  /* under the relay's lock; the client's is one while open */
  uv_cond_t done; /* a completion somebody waits for has come */
  uvmqtt_t *m;    /* the loop's thread only, from here on */
  struct um_list in_client;
  struct um_handles handles;
  uv_async_t *async; /* any thread while the relay is open, locked */
  bool blocked;      /* by the client's full queue; see um_remote_go_on */
};

static struct um_errand *errand_at(struct um_list *link) {
  return um_list_of(link, struct um_errand, link);
}

static uvmqtt_remote_t *remote_at(struct um_list *link) {
  return um_list_of(link, uvmqtt_remote_t, in_client);
}

/* A life. */

static void free_remote(uvmqtt_remote_t *r) {
  um_relay_done(&r->relay);
  uv_cond_destroy(&r->done);
  um_free(r);
}

uvmqtt_remote_t *uvmqtt_remote_ref(uvmqtt_remote_t *r) {
  um_relay_lock(&r->relay);
  r->refs++;
  um_relay_unlock(&r->relay);
  return r;
}

void uvmqtt_remote_unref(uvmqtt_remote_t *r) {
  if (r == NULL)
    return;
  um_relay_lock(&r->relay);
  unsigned left = --r->refs;
  if (left == 1 && r->relay.open) /* the client's: it will look and let go */
    uv_async_send(r->async);
  um_relay_unlock(&r->relay);
  if (left == 0)
    free_remote(r);
}

static void on_handles_closed(void *arg) {
  uvmqtt_remote_t *r = arg;
  uvmqtt_t *m = r->m;
  uvmqtt_remote_unref(r);
  um_handles_release(&m->handles); /* may free m */
}

/* Nothing more is taken; what was taken is in nobody's hands any more. */
static void let_go(uvmqtt_remote_t *r) {
  um_list_remove(&r->in_client);
  um_handles_close(&r->handles, on_handles_closed);
}

static void let_go_if_alone(uvmqtt_remote_t *r) {
  struct um_relay *q = &r->relay;
  um_relay_lock(q);
  bool alone = q->open && r->refs == 1 && um_list_empty(&q->queue);
  if (alone)
    q->open = false;
  um_relay_unlock(q);
  if (alone)
    let_go(r);
}

/* The loop's side. */

/* Until the client closes or its queue is full. */
static void run_batch(uvmqtt_remote_t *r, struct um_list *batch,
                      struct um_list *ran) {
  while (!um_list_empty(batch) && !r->m->closing && !r->blocked) {
    struct um_errand *e = errand_at(batch->next);
    if (um_errand_run(e, r->m)) {
      r->blocked = r->m->remotes_wait = true;
      return;
    }
    um_list_remove(&e->link);
    um_list_push(ran, &e->link);
  }
}

static void hand_over(uvmqtt_remote_t *r) {
  struct um_list batch, ran;
  um_list_init(&batch);
  um_list_init(&ran);
  um_relay_take(&r->relay, BATCH, &batch);
  run_batch(r, &batch, &ran);
  if (um_relay_give_back(&r->relay, &batch, &ran) && !r->blocked)
    uv_async_send(r->async);
  let_go_if_alone(r);
}

static void on_async(uv_async_t *async) {
  uvmqtt_remote_t *r = async->data;
  uvmqtt_t *m = r->m;
  struct um_loop *l = m->loop;
  um_loop_enter(l);
  if (!m->closing && !r->blocked)
    hand_over(r);
  um_loop_exit(l);
}

void um_remote_go_on(uvmqtt_t *m) {
  m->remotes_wait = false;
  struct um_list *at = m->remotes.next;
  while (at != &m->remotes && !m->closing) {
    uvmqtt_remote_t *r = remote_at(at);
    at = at->next; /* r may leave the list, no other does */
    if (!r->blocked)
      continue;
    r->blocked = false;
    hand_over(r);
  }
}

static void cancel_queue(uvmqtt_remote_t *r) {
  struct um_list batch, none;
  um_list_init(&batch);
  um_list_init(&none);
  um_relay_shut(&r->relay);
  um_relay_take(&r->relay, SIZE_MAX, &batch);
  for (struct um_list *at = batch.next; at != &batch; at = at->next)
    um_errand_cancel(errand_at(at), r->m);
  um_relay_give_back(&r->relay, &none, &batch);
}

void um_remote_shut(uvmqtt_t *m) {
  while (!um_list_empty(&m->remotes)) {
    uvmqtt_remote_t *r = remote_at(m->remotes.next);
    cancel_queue(r);
    let_go(r);
  }
}

bool um_remote_owns(const uvmqtt_t *m, const uv_handle_t *h) {
  const struct um_list *at = m->remotes.next;
  for (; at != &m->remotes; at = at->next)
    if (um_handles_own(&remote_at((struct um_list *)at)->handles, h))
      return true;
  return false;
}

/* Opening. */

static int take_options(const uvmqtt_remote_options_t *from,
                        uvmqtt_remote_options_t *ret) {
  memset(ret, 0, sizeof *ret);
  int r = from == NULL ? 0 : um_sized_take(from, 0, ret, sizeof *ret);
  if (r)
    return r;
  if (ret->queue_messages == 0)
    ret->queue_messages = DEFAULT_MESSAGES;
  if (ret->queue_bytes == 0)
    ret->queue_bytes = DEFAULT_BYTES;
  return 0;
}

static int open_async(uvmqtt_remote_t *r) {
  uv_async_t *async = um_handle_alloc(sizeof *async);
  int status = async == NULL
                   ? UV_ENOMEM
                   : uv_async_init(r->handles.turns->loop, async, on_async);
  if (status) {
    um_handle_free(async);
    return status;
  }
  async->data = r;
  r->async = async;
  um_handles_add(&r->handles, async);
  return 0;
}

static int init_queue(uvmqtt_remote_t *r, const uvmqtt_remote_options_t *o) {
  int status = um_relay_init(&r->relay, o->queue_messages, o->queue_bytes);
  if (status)
    return status;
  status = uv_cond_init(&r->done);
  if (status)
    um_relay_done(&r->relay);
  return status;
}

static int new_remote(uvmqtt_t *m, const uvmqtt_remote_options_t *o,
                      uvmqtt_remote_t **ret) {
  uvmqtt_remote_t *r = um_calloc(1, sizeof *r);
  int status = r == NULL ? UV_ENOMEM : init_queue(r, o);
  if (status) {
    um_free(r);
    return status;
  }
  r->m = m;
  r->refs = 2; /* the client's and the caller's */
  um_list_init(&r->in_client);
  um_handles_init(&r->handles, &m->loop->turns, !o->keep_loop, r);
  status = open_async(r);
  if (status)
    free_remote(r);
  else
    *ret = r;
  return status;
}

int uvmqtt_remote_open(uvmqtt_t *m, const uvmqtt_remote_options_t *options,
                       uvmqtt_remote_t **ret) {
  uvmqtt_remote_options_t o;
  int r = um_usable(m);
  if (r == 0 && ret == NULL)
    r = UV_EINVAL;
  if (r == 0)
    r = take_options(options, &o);
  if (r == 0)
    r = um_pump_want(m);
  if (r == 0)
    r = new_remote(m, &o, ret);
  if (r)
    return r;
  um_list_push(&m->remotes, &(*ret)->in_client);
  um_handles_hold(&m->handles);
  return 0;
}

/* Any thread's side. */

/* Locked; e has everything in it. */
static int submit(uvmqtt_remote_t *r, struct um_errand *e, int64_t wait) {
  bool first;
  int status = um_relay_push(&r->relay, e, wait, &first);
  if (status == 0 && first)
    uv_async_send(r->async);
  return status;
}

static int submit_request(uvmqtt_remote_t *r, struct um_op *op, int64_t wait,
                          uvmqtt_request_cb cb, void *arg) {
  struct um_errand *e = op == NULL ? NULL : um_relay_errand(&r->relay);
  if (e == NULL) {
    um_op_free(&r->relay.pool, op);
    return UV_ENOMEM;
  }
  e->op = op;
  e->cb = cb;
  e->arg = arg;
  return submit(r, e, wait);
}

int uvmqtt_remote_publish(uvmqtt_remote_t *r, const uvmqtt_message_t *message,
                          int64_t wait, uvmqtt_request_cb cb, void *arg) {
  int status = r == NULL ? UV_EINVAL : um_check_publish(message);
  if (status)
    return status;
  um_relay_lock(&r->relay);
  status =
      submit_request(r, um_op_publish(&r->relay.pool, message), wait, cb, arg);
  um_relay_unlock(&r->relay);
  return status;
}

int uvmqtt_remote_subscribe(uvmqtt_remote_t *r,
                            const uvmqtt_subscription_t *filters, size_t n,
                            const uvmqtt_property_t *properties,
                            size_t n_properties, int64_t wait,
                            uvmqtt_request_cb cb, void *arg) {
  int status =
      r == NULL ? UV_EINVAL
                : um_check_subscriptions(filters, n, properties, n_properties);
  if (status)
    return status;
  um_relay_lock(&r->relay);
  status = submit_request(
      r, um_op_subscribe(&r->relay.pool, filters, n, properties, n_properties),
      wait, cb, arg);
  um_relay_unlock(&r->relay);
  return status;
}

int uvmqtt_remote_unsubscribe(uvmqtt_remote_t *r, const char *const *filters,
                              size_t n, const uvmqtt_property_t *properties,
                              size_t n_properties, int64_t wait,
                              uvmqtt_request_cb cb, void *arg) {
  int status = r == NULL
                   ? UV_EINVAL
                   : um_check_filters(filters, n, properties, n_properties);
  if (status)
    return status;
  um_relay_lock(&r->relay);
  status = submit_request(
      r,
      um_op_unsubscribe(&r->relay.pool, filters, n, properties, n_properties),
      wait, cb, arg);
  um_relay_unlock(&r->relay);
  return status;
}

int uvmqtt_remote_call(uvmqtt_remote_t *r, uvmqtt_remote_fn fn, void *arg,
                       int64_t wait) {
  if (r == NULL || fn == NULL)
    return UV_EINVAL;
  um_relay_lock(&r->relay);
  struct um_errand *e = um_relay_errand(&r->relay);
  int status = UV_ENOMEM;
  if (e != NULL) {
    e->fn = fn;
    e->arg = arg;
    status = submit(r, e, wait);
  }
  um_relay_unlock(&r->relay);
  return status;
}

/* Waiting for a completion. */

struct waiter {
  uvmqtt_remote_t *r; /* a reference: who waits may give up, and unref */
  unsigned refs;      /* who waits, and who completes */
  bool done;
  int status;
  uint8_t reason;
};

static void drop_waiter(struct waiter *w) {
  if (--w->refs == 0)
    um_free(w);
}

static void on_done(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct waiter *w = arg;
  uvmqtt_remote_t *r = w->r;
  (void)m;
  um_relay_lock(&r->relay);
  w->done = true;
  w->status = result->status;
  w->reason = result->reason;
  uv_cond_broadcast(&r->done);
  drop_waiter(w);
  um_relay_unlock(&r->relay);
  uvmqtt_remote_unref(r);
}

static int await(struct waiter *w, uint64_t deadline, uint8_t *ret_reason) {
  uvmqtt_remote_t *r = w->r;
  um_relay_lock(&r->relay);
  while (!w->done && um_relay_sleep(&r->relay, &r->done, deadline))
    ;
  int status = w->done ? w->status : UV_ETIMEDOUT;
  if (w->done && ret_reason != NULL)
    *ret_reason = w->reason;
  drop_waiter(w);
  um_relay_unlock(&r->relay);
  return status;
}

int uvmqtt_remote_publish_wait(uvmqtt_remote_t *r,
                               const uvmqtt_message_t *message, int64_t timeout,
                               uint8_t *ret_reason) {
  if (r == NULL)
    return UV_EINVAL;
  if (um_relay_is_consumer(&r->relay))
    return UVMQTT_EDEADLOCK;
  uint64_t deadline = um_relay_deadline(timeout);
  struct waiter *w = um_malloc(sizeof *w);
  if (w == NULL)
    return UV_ENOMEM;
  *w = (struct waiter){.r = uvmqtt_remote_ref(r), .refs = 2};
  int status = uvmqtt_remote_publish(r, message, timeout, on_done, w);
  if (status) {
    um_free(w);
    uvmqtt_remote_unref(r);
    return status;
  }
  return await(w, deadline, ret_reason);
}
