#include "client/loop.h"

#include "base/alloc.h"
#include "client/client.h"
#include "client/pump.h"
#include "client/remote.h"
#include "client/sized.h"
#include "client/stay.h"
#include "net/bootclock.h"
#include "net/tls.h"
#include <assert.h>

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t mutex;
static struct um_list loops; /* all of the process, under the mutex */

static void init_registry(void) {
  um_list_init(&loops);
  int r = uv_mutex_init(&mutex); /* needs no memory where we run */
  assert(r == 0);
  (void)r;
}

static struct uvmqtt_s *client_at(struct um_list *link) {
  return um_list_of(link, struct uvmqtt_s, in_loop);
}

/* Under the mutex. A loop whose last client is leaving is not in the list. */
static struct um_loop *find(const uv_loop_t *uv) {
  for (struct um_list *at = loops.next; at != &loops; at = at->next)
    if (um_list_of(at, struct um_loop, link)->uv == uv)
      return um_list_of(at, struct um_loop, link);
  return NULL;
}

static struct um_loop *make(uv_loop_t *uv) {
  struct um_loop *l = um_calloc(1, sizeof *l);
  uint8_t *buffer = um_malloc(UM_READ_BUFFER);
  if (l == NULL || buffer == NULL) {
    um_free(l);
    um_free(buffer);
    return NULL;
  }
  l->uv = uv;
  l->read_buffer = buffer;
  l->slept_clock = um_bootclock_slept;
  l->slept = l->slept_clock();
  l->looked = uv_now(uv);
  um_list_init(&l->clients);
  um_list_init(&l->dirty);
  um_list_init(&l->shared);
  um_turns_init(&l->turns, uv);
  um_handles_init(&l->handles, &l->turns, true, l);
  um_resolver_init(&l->resolver, &l->handles);
  um_budget_init(&l->budget);
  um_list_push(&loops, &l->link);
  return l;
}

bool um_loop_is_here(const struct um_loop *l) {
  uv_thread_t self = uv_thread_self();
  return uv_thread_equal(&self, &l->thread) != 0;
}

/* Under the mutex. */
static int join(uv_loop_t *uv, struct uvmqtt_s *m, struct um_loop **ret) {
  struct um_loop *l = find(uv);
  if (l != NULL && um_loop_is_elsewhere(l))
    return UVMQTT_ETHREAD;
  if (l == NULL)
    l = make(uv);
  if (l == NULL)
    return UV_ENOMEM;
  l->refs++;
  um_list_push(&l->clients, &m->in_loop);
  *ret = l;
  return 0;
}

int um_loop_join(uv_loop_t *uv, struct uvmqtt_s *m, struct um_loop **ret) {
  uv_once(&once, init_registry);
  uv_mutex_lock(&mutex);
  int r = join(uv, m, ret);
  uv_mutex_unlock(&mutex);
  return r;
}

uv_buf_t um_loop_scratch(struct um_loop *l) {
  if (l->scratch == NULL)
    l->scratch = um_malloc(UM_TLS_SCRATCH);
  return uv_buf_init((char *)l->scratch, UM_TLS_SCRATCH);
}

static void on_idle(void *arg) {
  struct um_loop *l = arg;
  void (*left)(struct uvmqtt_s *) = l->left;
  struct uvmqtt_s *last = l->last;
  um_list_remove(&l->shared); /* those of the last one */
  um_commons_done(&l->commons);
  um_free(l->read_buffer);
  um_free(l->scratch);
  um_free(l);
  left(last);
}

static void on_closed(void *arg) {
  struct um_loop *l = arg;
  um_turns_done(&l->turns, on_idle, l);
}

void um_loop_leave(struct um_loop *l, struct uvmqtt_s *m,
                   void (*left)(struct uvmqtt_s *m)) {
  uv_mutex_lock(&mutex);
  bool last = --l->refs == 0;
  um_list_remove(&m->in_loop);
  um_list_remove(&m->in_dirty);
  if (last)
    um_list_remove(&l->link);
  uv_mutex_unlock(&mutex);
  if (!last) {
    left(m);
    return;
  }
  l->left = left;
  l->last = m;
  um_resolver_close(&l->resolver);
  um_handles_close(&l->handles, on_closed);
}

/* Each client once: what they mark anew while being served waits for the next
 * turn, so that a busy one cannot hold the loop. */
static void serve(struct um_loop *l) {
  struct um_list now;
  um_list_init(&now);
  um_list_splice(&now, &l->dirty);
  while (!um_list_empty(&now)) {
    struct uvmqtt_s *m = um_list_of(now.next, struct uvmqtt_s, in_dirty);
    um_list_remove(&m->in_dirty);
    um_pump_service(m);
  }
}

static void on_turn(void *arg) {
  struct um_loop *l = arg;
  l->turning = false;
  um_loop_enter(l);
  um_loop_exit(l);
}

static void ask_for_turn(struct um_loop *l) {
  if (l->turning || um_list_empty(&l->dirty))
    return;
  l->turning = true;
  um_handles_turn(&l->handles, on_turn);
}

void um_loop_enter(struct um_loop *l) {
  if (l->depth++ != 0)
    return;
  l->thread = uv_thread_self();
  um_stay_look(l);
}

void um_loop_exit(struct um_loop *l) {
  if (l->depth == 1)
    serve(l);
  if (--l->depth == 0)
    ask_for_turn(l);
}

void um_loop_mark(struct um_loop *l, struct uvmqtt_s *m) {
  if (um_list_empty(&m->in_dirty))
    um_list_push(&l->dirty, &m->in_dirty);
  if (l->depth == 0)
    ask_for_turn(l);
}

/* Whose turn it is looks for itself whether it can go. */
static void call_foremost(struct um_loop *l) {
  struct um_turn *t = um_budget_foremost(&l->budget);
  if (t != NULL)
    um_loop_mark(l, um_list_of(t, struct uvmqtt_s, turn));
}

bool um_loop_ask(struct um_loop *l, struct uvmqtt_s *m, uint64_t *ret_when) {
  uint64_t when = 0;
  bool go = um_budget_ask(&l->budget, &m->turn, uv_hrtime() / 1000, &when);
  *ret_when = when / 1000 + 1;
  if (go)
    call_foremost(l);
  return go;
}

void um_loop_done_asking(struct um_loop *l, struct uvmqtt_s *m) {
  if (um_list_empty(&m->turn.link))
    return;
  um_budget_leave(&l->budget, &m->turn);
  call_foremost(l);
}

int uvmqtt_loop_limits(uv_loop_t *loop, const uvmqtt_loop_limits_t *limits) {
  uvmqtt_loop_limits_t own;
  if (loop == NULL || limits == NULL ||
      um_sized_take(limits, 0, &own, sizeof own))
    return UV_EINVAL;
  uv_once(&once, init_registry);
  uv_mutex_lock(&mutex);
  struct um_loop *l = find(loop);
  uv_mutex_unlock(&mutex);
  if (l == NULL)
    return UV_ENOENT;
  if (um_loop_is_elsewhere(l))
    return UVMQTT_ETHREAD;
  um_budget_limit(&l->budget, own.handshakes, own.reconnects);
  call_foremost(l);
  return 0;
}

static bool owns(const struct uvmqtt_s *m, const uv_handle_t *h) {
  return um_handles_own(&m->handles, h) ||
         (m->stream != NULL && m->stream->ops->owns(m->stream, h)) ||
         um_remote_owns(m, h);
}

bool um_loop_owns(const uv_handle_t *h, struct uvmqtt_s **ret_client) {
  uv_once(&once, init_registry);
  uv_mutex_lock(&mutex);
  struct um_loop *l = find(h->loop);
  uv_mutex_unlock(&mutex);
  *ret_client = NULL;
  if (l == NULL)
    return false;
  for (struct um_list *at = l->clients.next; at != &l->clients; at = at->next)
    if (owns(client_at(at), h)) {
      *ret_client = client_at(at);
      return true;
    }
  return um_handles_own(&l->handles, h) || um_turns_own(&l->turns, h);
}
