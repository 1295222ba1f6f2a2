#include "e2e/host.h"

#include "support/planted.h"
#include <criterion/criterion.h>
#include <string.h>

#define PATIENCE 40000 /* ms, more than anything here takes */

static void on_late(uv_timer_t *timer) {
  struct host *h = timer->data;
  h->late = true;
}

void host_open(struct host *h) {
  memset(h, 0, sizeof *h);
  cr_assert_eq(uv_loop_init(&h->loop), 0);
  uv_timer_init(&h->loop, &h->guard);
  h->guard.data = h;
}

void host_close(struct host *h) {
  uv_close((uv_handle_t *)&h->guard, NULL);
  uv_run(&h->loop, UV_RUN_DEFAULT);
  cr_assert_eq(uv_loop_close(&h->loop), 0, "something is left on the loop");
}

void host_arm(struct host *h) {
  uv_update_time(&h->loop);
  uv_timer_start(&h->guard, on_late, PATIENCE, 0);
}

void host_turn(struct host *h, const char *awaited, const char *file,
               int line) {
  uv_run(&h->loop, UV_RUN_ONCE);
  if (h->late && h->explain != NULL)
    h->explain(h);
  cr_assert_not(h->late, "%s:%d: waited in vain until %s", file, line, awaited);
}

static void on_passed(uv_timer_t *timer) {
  *(bool *)timer->data = true;
}

static void on_timer_closed(uv_handle_t *handle) {
  handle->data = NULL;
}

void host_pass(struct host *h, uint64_t ms) {
  uv_timer_t timer;
  bool passed = false;
  uv_timer_init(&h->loop, &timer);
  timer.data = &passed;
  uv_update_time(&h->loop);
  uv_timer_start(&timer, on_passed, ms, 0);
  UNTIL(h, passed);
  uv_close((uv_handle_t *)&timer, on_timer_closed);
  UNTIL(h, timer.data == NULL);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct program *p = handle->data;
  p->open--;
}

static void on_exit(uv_process_t *process, int64_t status, int signal) {
  struct program *p = process->data;
  p->status = signal ? 128 + signal : status;
  uv_close((uv_handle_t *)process, on_handle_closed);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
  struct program *p = handle->data;
  (void)suggested;
  if (p->len > sizeof p->text / 2) /* the end is what tells */
    p->len = 0;
  ret->base = p->text + p->len;
  ret->len = sizeof p->text - 1 - p->len;
}

static void on_text(uv_stream_t *out, ssize_t n, const uv_buf_t *buf) {
  struct program *p = out->data;
  (void)buf;
  if (n < 0) {
    uv_close((uv_handle_t *)out, on_handle_closed);
    return;
  }
  p->len += (size_t)n;
  p->text[p->len] = '\0';
  planted_look("what a program printed", p->text);
}

void program_start(struct host *h, struct program *p, const char *const *argv) {
  uv_stdio_container_t stdio[] = {
      {.flags = UV_IGNORE},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
       .data.stream = (uv_stream_t *)&p->out},
      {.flags = UV_INHERIT_FD, .data.fd = 2},
  };
  uv_process_options_t options = {.file = argv[0],
                                  .args = (char **)argv,
                                  .exit_cb = on_exit,
                                  .stdio = stdio,
                                  .stdio_count = 3};
  memset(p, 0, sizeof *p);
  uv_pipe_init(&h->loop, &p->out, 0);
  p->open = 2;
  p->process.data = p->out.data = p;
  int r = uv_spawn(&h->loop, &p->process, &options);
  cr_assert_eq(r, 0, "%s: %s", argv[0], uv_strerror(r));
  uv_read_start((uv_stream_t *)&p->out, give_room, on_text);
}

bool program_ended(const struct program *p) {
  return p->open == 0;
}

void program_run(struct host *h, struct program *p, const char *const *argv) {
  program_start(h, p, argv);
  UNTIL(h, program_ended(p));
  cr_assert_eq(p->status, 0, "%s ended with %d:\n%s", argv[0], (int)p->status,
               p->text);
}
