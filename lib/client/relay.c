#include "client/relay.h"

#include "base/alloc.h"
#include <assert.h>
#include <string.h>

#define SPARE_MAX 256u
#define AGES (INT64_MAX / 2000000) /* ms; more do not fit and are for ever */

static struct um_errand *errand_at(struct um_list *link) {
  return um_list_of(link, struct um_errand, link);
}

int um_relay_init(struct um_relay *q, size_t max_errands, uint64_t max_bytes) {
  memset(q, 0, sizeof *q);
  q->consumer = uv_thread_self();
  q->max_errands = max_errands;
  q->max_bytes = max_bytes;
  q->open = true;
  um_list_init(&q->queue);
  um_list_init(&q->spare);
  um_op_pool_init(&q->pool);
  int r = uv_mutex_init(&q->mutex);
  if (r)
    return r;
  r = uv_cond_init(&q->room);
  if (r)
    uv_mutex_destroy(&q->mutex);
  return r;
}

void um_relay_done(struct um_relay *q) {
  assert(um_list_empty(&q->queue));
  while (!um_list_empty(&q->spare)) {
    struct um_errand *e = errand_at(q->spare.next);
    um_list_remove(&e->link);
    um_free(e);
  }
  um_op_pool_done(&q->pool);
  uv_cond_destroy(&q->room);
  uv_mutex_destroy(&q->mutex);
}

/* Errands. */

static struct um_errand *take_spare(struct um_relay *q) {
  struct um_errand *e = errand_at(q->spare.next);
  um_list_remove(&e->link);
  q->n_spare--;
  return e;
}

struct um_errand *um_relay_errand(struct um_relay *q) {
  struct um_errand *e =
      um_list_empty(&q->spare) ? um_malloc(sizeof *e) : take_spare(q);
  if (e == NULL)
    return NULL;
  *e = (struct um_errand){.made = um_errand_clock()};
  um_list_init(&e->link);
  return e;
}

void um_relay_recycle(struct um_relay *q, struct um_errand *e) {
  if (e == NULL)
    return;
  um_op_free(&q->pool, e->op);
  if (q->n_spare == SPARE_MAX) {
    um_free(e);
    return;
  }
  um_list_push(&q->spare, &e->link);
  q->n_spare++;
}

/* In. */

static bool has_room(const struct um_relay *q, size_t size) {
  return q->n == 0 ||
         (q->n < q->max_errands && q->bytes + size <= q->max_bytes);
}

bool um_relay_is_consumer(const struct um_relay *q) {
  uv_thread_t self = uv_thread_self();
  return uv_thread_equal(&self, &q->consumer) != 0;
}

uint64_t um_relay_deadline(int64_t ms) {
  return ms < 0 || ms > AGES ? 0 : uv_hrtime() + (uint64_t)ms * 1000000;
}

bool um_relay_sleep(struct um_relay *q, uv_cond_t *cond, uint64_t deadline) {
  uint64_t now = uv_hrtime();
  if (deadline == 0) {
    uv_cond_wait(cond, &q->mutex);
    return true;
  }
  return now < deadline &&
         uv_cond_timedwait(cond, &q->mutex, deadline - now) == 0;
}

static int wait_for_room(struct um_relay *q, size_t size, int64_t wait) {
  uint64_t deadline = um_relay_deadline(wait);
  bool in_time = true;
  while (q->open && !has_room(q, size)) {
    if (wait == 0 || !in_time)
      return UVMQTT_EFULL;
    if (um_relay_is_consumer(q))
      return UVMQTT_EDEADLOCK;
    in_time = um_relay_sleep(q, &q->room, deadline);
  }
  return q->open ? 0 : UV_ECANCELED;
}

int um_relay_push(struct um_relay *q, struct um_errand *e, int64_t wait,
                  bool *ret_first) {
  int r = wait_for_room(q, um_errand_size(e), wait);
  if (r) {
    um_relay_recycle(q, e);
    return r;
  }
  *ret_first = um_list_empty(&q->queue);
  um_list_push(&q->queue, &e->link);
  q->n++;
  q->bytes += um_errand_size(e);
  return 0;
}

/* Out. */

void um_relay_take(struct um_relay *q, size_t max, struct um_list *ret) {
  um_relay_lock(q);
  for (; max > 0 && !um_list_empty(&q->queue); max--) {
    struct um_errand *e = errand_at(q->queue.next);
    um_list_remove(&e->link);
    um_list_push(ret, &e->link);
  }
  um_relay_unlock(q);
}

static void put_back(struct um_relay *q, struct um_list *rest) {
  while (!um_list_empty(rest)) {
    struct um_errand *e = errand_at(rest->prev);
    um_list_remove(&e->link);
    um_list_push_front(&q->queue, &e->link);
  }
}

static void finish(struct um_relay *q, struct um_errand *e) {
  um_list_remove(&e->link);
  q->n--;
  q->bytes -= um_errand_size(e);
  um_relay_recycle(q, e);
}

bool um_relay_give_back(struct um_relay *q, struct um_list *rest,
                        struct um_list *done) {
  um_relay_lock(q);
  put_back(q, rest);
  while (!um_list_empty(done))
    finish(q, errand_at(done->next));
  uv_cond_broadcast(&q->room);
  bool more = !um_list_empty(&q->queue);
  um_relay_unlock(q);
  return more;
}

void um_relay_shut(struct um_relay *q) {
  um_relay_lock(q);
  q->open = false;
  uv_cond_broadcast(&q->room);
  um_relay_unlock(q);
}
