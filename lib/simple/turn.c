/* The private loop: who turns it, how long, and what ends a wait. */
#include "simple/simple.h"

/* A paused client reads on at the end of a turn, the bytes come in the next
 * one. */
#define LAST_LOOK 2

static void turn(struct uvmqtt_simple_s *c, uv_run_mode mode) {
  c->turning = true;
  uv_run(&c->loop, mode);
  c->turning = false;
}

static void on_timer(uv_timer_t *timer) {
  struct uvmqtt_simple_s *c = timer->data;
  c->timed_out = true;
}

static void start_timer(struct uvmqtt_simple_s *c, int timeout_ms) {
  c->timed_out = timeout_ms == 0;
  c->timer.data = c;
  if (timeout_ms > 0)
    uv_timer_start(&c->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static bool is_over(const struct uvmqtt_simple_s *c) {
  return c->done || c->lost || c->gone;
}

static int verdict(const struct uvmqtt_simple_s *c) {
  if (c->done)
    return 0;
  if (c->lost)
    return c->lost;
  return c->gone ? UV_ECANCELED : UV_ETIMEDOUT;
}

static void read_on(struct uvmqtt_simple_s *c) {
  if (c->paused)
    uvmqtt_read_start(c->m);
  c->paused = false;
}

int um_simple_wait(struct uvmqtt_simple_s *c, int timeout_ms) {
  read_on(c);
  start_timer(c, timeout_ms);
  while (!is_over(c) && !c->timed_out)
    turn(c, UV_RUN_ONCE);
  uv_timer_stop(&c->timer);
  for (int i = 0; i < LAST_LOOK && !is_over(c); i++)
    turn(c, UV_RUN_NOWAIT);
  return verdict(c);
}

void um_simple_flush(struct uvmqtt_simple_s *c) {
  bool was_paused = c->paused;
  uvmqtt_read_stop(c->m);
  c->paused = true;
  turn(c, UV_RUN_NOWAIT);
  if (!was_paused)
    read_on(c);
}

int um_simple_finish_leaving(struct uvmqtt_simple_s *c) {
  while (c->leaving)
    turn(c, UV_RUN_ONCE);
  return c->left;
}

static void on_closed(void *arg) {
  struct uvmqtt_simple_s *c = arg;
  c->m = NULL;
}

void um_simple_drop(struct uvmqtt_simple_s *c) {
  if (c->m == NULL)
    return;
  uvmqtt_close(c->m, on_closed, c);
  while (c->m != NULL)
    turn(c, UV_RUN_ONCE);
  c->paused = false;
}

static void close_handle(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

/* A look-up that was given up may still hold the loop for a while. */
void um_simple_close_loop(struct uvmqtt_simple_s *c) {
  while (uv_loop_close(&c->loop) == UV_EBUSY) {
    uv_walk(&c->loop, close_handle, NULL);
    turn(c, UV_RUN_DEFAULT);
  }
}
