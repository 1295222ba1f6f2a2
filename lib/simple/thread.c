#include "simple/forever.h"
#include "simple/thread_name.h"
#include <signal.h>
#include <stdlib.h>

struct uvmqtt_thread_s {
  uv_thread_t thread;
  struct um_forever forever;
  uvmqtt_remote_t *remote;  /* the users' */
  uvmqtt_remote_t *control; /* ours: a full queue must not keep us from
                               stopping */
  /* until ready */
  const uvmqtt_options_t *options;
  uvmqtt_setup_cb setup;
  void *arg;
  uv_sem_t ready;
  int started;
  /* the thread only, until joined */
  uint32_t timeout;
  int left;
};

/* Starting. */

static int open_remote(uvmqtt_t *m, void *arg) {
  struct uvmqtt_thread_s *t = arg;
  int r = uvmqtt_remote_open(m, NULL, &t->remote);
  if (r == 0 && t->setup != NULL)
    r = t->setup(m, t->arg);
  return r;
}

static void run(void *arg) {
  struct uvmqtt_thread_s *t = arg;
  um_thread_name("uvmqtt");
  t->started = um_forever_open(&t->forever, t->options, open_remote, t, true);
  bool ok = t->started == 0;
  if (ok)
    t->control = uvmqtt_remote_ref(t->forever.remote);
  uv_sem_post(&t->ready);
  if (!ok)
    return;
  um_forever_run(&t->forever);
  um_forever_close(&t->forever);
}

/* Signals stay with the threads that want them. */
static int create(struct uvmqtt_thread_s *t) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int r = uv_thread_create(&t->thread, run, t);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return r;
}

static void free_thread(struct uvmqtt_thread_s *t) {
  uvmqtt_remote_unref(t->remote);
  uvmqtt_remote_unref(t->control);
  free(t);
}

static int start(struct uvmqtt_thread_s *t) {
  int r = uv_sem_init(&t->ready, 0);
  if (r)
    return r;
  r = create(t);
  if (r == 0) {
    uv_sem_wait(&t->ready);
    r = t->started;
    if (r)
      uv_thread_join(&t->thread);
  }
  uv_sem_destroy(&t->ready);
  return r;
}

int uvmqtt_thread_start(const uvmqtt_options_t *options, uvmqtt_setup_cb setup,
                        void *arg, uvmqtt_thread_t **ret) {
  if (options == NULL || ret == NULL)
    return UV_EINVAL;
  struct uvmqtt_thread_s *t = calloc(1, sizeof *t);
  if (t == NULL)
    return UV_ENOMEM;
  t->options = options;
  t->setup = setup;
  t->arg = arg;
  int r = start(t);
  if (r)
    free_thread(t);
  else
    *ret = t;
  return r;
}

uvmqtt_remote_t *uvmqtt_thread_remote(const uvmqtt_thread_t *t) {
  return t->remote;
}

/* Stopping. */

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct uvmqtt_thread_s *t = arg;
  t->left = result->status;
  uvmqtt_close(m, NULL, NULL);
}

static void leave(uvmqtt_t *m, void *arg) {
  struct uvmqtt_thread_s *t = arg;
  uvmqtt_disconnect_options_t o = {UVMQTT_DISCONNECT_OPTIONS_INIT,
                                   .timeout = t->timeout};
  if (m == NULL)
    return; /* the user closed it */
  int r = t->timeout == 0 ? UV_ETIMEDOUT : uvmqtt_disconnect(m, &o, on_left, t);
  if (r == 0)
    return;
  t->left = t->timeout == 0 ? 0 : r;
  uvmqtt_close(m, NULL, NULL);
}

int uvmqtt_thread_stop(uvmqtt_thread_t *t, uint32_t timeout) {
  if (t == NULL)
    return 0;
  uv_thread_t self = uv_thread_self();
  if (uv_thread_equal(&self, &t->thread))
    return UVMQTT_EDEADLOCK;
  t->timeout = timeout;
  uvmqtt_remote_call(t->control, leave, t, -1); /* or closed already */
  uv_thread_join(&t->thread);
  int left = t->left;
  free_thread(t);
  return left;
}
