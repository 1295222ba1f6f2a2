#include "simple/forever.h"

#include <stddef.h>

static void close_client(uvmqtt_t *m, void *arg) {
  struct um_forever *f = arg;
  uv_close((uv_handle_t *)&f->awake, NULL);
  if (m == NULL)
    return; /* closed by the user meanwhile */
  f->error = uvmqtt_last_error(m)->code;
  uvmqtt_close(m, NULL, NULL);
}

static void stay_awake(uv_idle_t *idle) {
  (void)idle;
}

/* An offline client keeps no loop alive, and a loop that is not alive takes no
 * calls. */
static void call_close(struct um_forever *f) {
  if (f->remote == NULL ||
      uvmqtt_remote_call(f->remote, close_client, f, 0) != 0)
    return;
  uv_idle_init(&f->loop, &f->awake);
  uv_idle_start(&f->awake, stay_awake);
  while (!uv_is_closing((uv_handle_t *)&f->awake))
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void close_handle(uv_handle_t *h, void *arg) {
  int *left = arg;
  ++*left;
  if (!uv_is_closing(h))
    uv_close(h, NULL);
}

static int close_loop(uv_loop_t *loop) {
  int left = 0;
  uv_run(loop, UV_RUN_DEFAULT);
  uv_walk(loop, close_handle, &left);
  uv_run(loop, UV_RUN_DEFAULT);
  int r = uv_loop_close(loop);
  return left > 0 ? UV_EBUSY : r;
}

static int start(struct um_forever *f, uvmqtt_t *m, uvmqtt_setup_cb setup,
                 void *arg, bool keep) {
  uvmqtt_remote_options_t o = {UVMQTT_REMOTE_OPTIONS_INIT, .keep_loop = keep};
  int r = uvmqtt_remote_open(m, &o, &f->remote);
  if (r) {
    uvmqtt_close(m, NULL, NULL);
    return r;
  }
  if (setup != NULL)
    r = setup(m, arg);
  if (r == 0)
    r = uvmqtt_connect(m);
  return r;
}

int um_forever_open(struct um_forever *f, const uvmqtt_options_t *options,
                    uvmqtt_setup_cb setup, void *arg, bool keep) {
  uvmqtt_t *m;
  f->remote = NULL;
  f->error = 0;
  int r = uv_loop_init(&f->loop);
  if (r)
    return r;
  r = uvmqtt_new(&f->loop, options, &m);
  if (r == 0)
    r = start(f, m, setup, arg, keep);
  if (r)
    um_forever_close(f);
  return r;
}

void um_forever_run(struct um_forever *f) {
  uv_run(&f->loop, UV_RUN_DEFAULT);
}

int um_forever_close(struct um_forever *f) {
  call_close(f);
  uvmqtt_remote_unref(f->remote);
  f->remote = NULL;
  int r = close_loop(&f->loop);
  return r ? r : f->error;
}

int uvmqtt_loop_forever(const uvmqtt_options_t *options, uvmqtt_setup_cb setup,
                        void *arg) {
  struct um_forever f;
  int r = um_forever_open(&f, options, setup, arg, false);
  if (r)
    return r;
  um_forever_run(&f);
  return um_forever_close(&f);
}
