/* uvmqtt_remote_...: a client for other threads. */
#include "client/rig.h"

#include "base/alloc.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>
#include <uvmqtt/remote.h>

SUITE(remote);

static struct rig r;
static uvmqtt_remote_t *remote;
static uv_thread_t loop_thread;

/* What completions said, in their order; the argument is the number. */
#define DONE_MAX 4096
static struct {
  unsigned number;
  int status;
  uint8_t reason;
} done[DONE_MAX];
static unsigned n_done;
static unsigned close_at; /* in this completion the client is closed */

static void *number(size_t n) {
  return (void *)(uintptr_t)n;
}

static void on_done(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  uv_thread_t self = uv_thread_self();
  cr_assert(uv_thread_equal(&self, &loop_thread));
  cr_assert_not(r.g.closed, "a completion after close");
  cr_assert_eq(m, r.g.m);
  cr_assert_lt(n_done, DONE_MAX);
  done[n_done].number = (unsigned)(uintptr_t)arg;
  done[n_done].status = result->status;
  done[n_done++].reason = result->reason;
  if (n_done == close_at)
    guest_close(&r.g);
}

static int publish(size_t n, uint8_t qos, int64_t wait) {
  uvmqtt_message_t m = {.topic = "t", .payload = {&n, 4}, .qos = qos};
  return uvmqtt_remote_publish(remote, &m, wait, on_done, number(n));
}

static void all_done_in_order(unsigned n, int status) {
  cr_assert_eq(n_done, n);
  for (unsigned i = 0; i < n; i++) {
    cr_assert_eq(done[i].number, i);
    cr_assert_eq(done[i].status, status, "%u: %s", i,
                 uvmqtt_err_name(done[i].status));
  }
}

static void open_remote(const uvmqtt_remote_options_t *o) {
  loop_thread = uv_thread_self();
  n_done = close_at = 0;
  cr_assert_eq(uvmqtt_remote_open(r.g.m, o, &remote), 0);
}

static void begin(const uvmqtt_options_t *options,
                  const uvmqtt_remote_options_t *o) {
  rig_open(&r);
  r.crowded = true;
  r.b.polite = true;
  guest_open(&r, &r.g, options);
  open_remote(o);
}

static void go_online(void) {
  cr_assert_eq(guest_connect(&r.g), 0);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_ONLINE);
}

static void end(void) {
  uvmqtt_remote_unref(remote);
  rig_close(&r);
}

/* In another thread, while the loop turns. */
static void (*job)(void);
static int result;

static void run_job(void *finished) {
  job();
  if (finished != NULL)
    uv_async_send(finished);
}

/* Without the loop, which may stand still or turn. */
static uv_thread_t begin_job(void (*fn)(void)) {
  uv_thread_t thread;
  job = fn;
  cr_assert_eq(uv_thread_create(&thread, run_job, NULL), 0);
  return thread;
}

static bool job_ended;

static void on_finished(uv_async_t *a) {
  job_ended = true;
  uv_close((uv_handle_t *)a, NULL);
}

static void elsewhere(void (*fn)(void)) {
  uv_thread_t thread;
  uv_async_t finished;
  job = fn;
  job_ended = false;
  cr_assert_eq(uv_async_init(&r.loop, &finished, on_finished), 0);
  cr_assert_eq(uv_thread_create(&thread, run_job, &finished), 0);
  UNTIL(&r, job_ended);
  uv_thread_join(&thread);
  rig_rest(&r, 1); /* the handle is gone */
}

static void publish_hundred(void) {
  for (size_t i = 0; i < 100 && result == 0; i++)
    result = publish(i, (uint8_t)(i % 3), 0);
}

Test(remote, requests_of_another_thread_are_made_in_order) {
  begin(NULL, NULL);
  go_online();
  result = 0;
  elsewhere(publish_hundred);
  cr_assert_eq(result, 0);
  UNTIL(&r, n_done == 100);
  cr_assert_eq(r.b.heard[UVMQTT_PUBLISH], 100);
  for (unsigned i = 0; i < 100; i++)
    cr_assert_eq(done[i].status, 0);
  end();
}

Test(remote, values_are_checked_at_the_call) {
  begin(NULL, NULL);
  uvmqtt_message_t m = {.topic = "a/#"};
  uvmqtt_subscription_t s = {.filter = "a#"};
  const char *filters[] = {""};
  cr_expect_eq(uvmqtt_remote_publish(remote, &m, 0, on_done, NULL),
               UVMQTT_ETOPIC);
  cr_expect_eq(uvmqtt_remote_publish(remote, NULL, 0, on_done, NULL),
               UV_EINVAL);
  cr_expect_eq(publish(0, 3, 0), UVMQTT_EQOS);
  cr_expect_eq(uvmqtt_remote_subscribe(remote, &s, 1, NULL, 0, 0, on_done, 0),
               UVMQTT_EFILTER);
  cr_expect_eq(
      uvmqtt_remote_subscribe(remote, NULL, 0, NULL, 0, 0, on_done, NULL),
      UV_EINVAL);
  cr_expect_eq(
      uvmqtt_remote_unsubscribe(remote, filters, 1, NULL, 0, 0, on_done, NULL),
      UVMQTT_EFILTER);
  cr_expect_eq(uvmqtt_remote_call(remote, NULL, NULL, 0), UV_EINVAL);
  m.topic = "t";
  cr_expect_eq(uvmqtt_remote_publish(NULL, &m, 0, on_done, NULL), UV_EINVAL);
  struct {
    uvmqtt_remote_options_t known;
    char more[8];
  } longer = {{.size = sizeof longer}, {0}};
  uvmqtt_remote_options_t none = {.size = 0};
  uvmqtt_remote_t *other;
  longer.more[7] = 1;
  cr_expect_eq(uvmqtt_remote_open(r.g.m, &longer.known, &other), UV_EINVAL);
  cr_expect_eq(uvmqtt_remote_open(r.g.m, &none, &other), UV_EINVAL);
  longer.more[7] = 0;
  cr_assert_eq(uvmqtt_remote_open(r.g.m, &longer.known, &other), 0);
  uvmqtt_remote_unref(other);
  cr_expect_eq(uvmqtt_remote_open(r.g.m, NULL, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_remote_open(NULL, NULL, &other), UV_EINVAL);
  rig_rest(&r, 2);
  cr_expect_eq(n_done, 0);
  end();
}

static void wait_for_room(void) {
  result = publish(3, 1, 20);
}

static void wait_for_ever(void) {
  result = publish(3, 1, -1);
}

Test(remote, a_full_queue_refuses_waits_or_says_that_it_would_wait_for_itself) {
  uvmqtt_remote_options_t o = {UVMQTT_REMOTE_OPTIONS_INIT, .queue_messages = 3};
  begin(NULL, &o);
  for (size_t i = 0; i < 3; i++)
    cr_assert_eq(publish(i, 1, 0), 0);
  cr_expect_eq(publish(9, 1, 0), UVMQTT_EFULL);
  cr_expect_eq(publish(9, 1, 10), UVMQTT_EDEADLOCK);
  cr_expect_eq(publish(9, 1, -1), UVMQTT_EDEADLOCK);
  uv_thread_t thread = begin_job(wait_for_room);
  uv_thread_join(&thread); /* nobody took anything meanwhile */
  cr_expect_eq(result, UVMQTT_EFULL);
  go_online();
  elsewhere(wait_for_ever);
  cr_expect_eq(result, 0);
  UNTIL(&r, n_done == 4);
  all_done_in_order(4, 0);
  end();
}

Test(remote, bytes_are_bounded_too_but_an_empty_queue_takes_anything) {
  uvmqtt_remote_options_t o = {UVMQTT_REMOTE_OPTIONS_INIT, .queue_bytes = 1};
  begin(NULL, &o);
  cr_expect_eq(publish(0, 1, 0), 0);
  cr_expect_eq(publish(9, 1, 0), UVMQTT_EFULL);
  go_online();
  UNTIL(&r, n_done == 1);
  all_done_in_order(1, 0);
  end();
}

/* What the client cannot take waits with the remote, and nothing is lost. */
Test(remote, requests_wait_while_the_clients_own_queue_is_full) {
  uvmqtt_options_t options = {UVMQTT_OPTIONS_INIT, .queue_messages = 2};
  uvmqtt_remote_options_t o = {UVMQTT_REMOTE_OPTIONS_INIT, .queue_messages = 5};
  begin(&options, &o);
  for (size_t i = 0; i < 5; i++)
    cr_assert_eq(publish(i, 2, 0), 0);
  rig_rest(&r, 2);
  cr_assert_eq(uvmqtt_get_pending(r.g.m, NULL, 0), 2);
  cr_assert_eq(publish(5, 2, 0), 0);
  cr_assert_eq(publish(6, 2, 0), 0);
  cr_assert_eq(publish(9, 2, 0), UVMQTT_EFULL);
  go_online();
  UNTIL(&r, n_done == 7);
  all_done_in_order(7, 0);
  end();
}

Test(remote, what_can_never_fit_completes_with_full) {
  uvmqtt_options_t options = {UVMQTT_OPTIONS_INIT, .queue_bytes = 100};
  begin(&options, NULL);
  cr_assert_eq(publish(0, 1, 0), 0);
  UNTIL(&r, n_done == 1);
  all_done_in_order(1, UVMQTT_EFULL);
  end();
}

static unsigned calls, calls_without;

static void on_call(uvmqtt_t *m, void *arg) {
  uv_thread_t self = uv_thread_self();
  cr_assert(uv_thread_equal(&self, &loop_thread));
  cr_assert_eq(arg, &calls);
  calls++;
  calls_without += m == NULL;
}

static void call_once(void) {
  result = uvmqtt_remote_call(remote, on_call, &calls, 0);
}

Test(remote, a_function_is_called_on_the_loops_thread) {
  begin(NULL, NULL);
  calls = calls_without = 0;
  elsewhere(call_once);
  cr_assert_eq(result, 0);
  UNTIL(&r, calls == 1);
  cr_assert_eq(calls_without, 0);
  end();
}

Test(remote, close_cancels_what_waits_before_its_callback) {
  begin(NULL, NULL);
  calls = calls_without = 0;
  for (size_t i = 0; i < 10; i++)
    cr_assert_eq(publish(i, 1, 0), 0);
  cr_assert_eq(uvmqtt_remote_call(remote, on_call, &calls, 0), 0);
  guest_close(&r.g);
  cr_assert_eq(publish(10, 1, 0), 0);
  UNTIL(&r, r.g.closed);
  all_done_in_order(11, UV_ECANCELED);
  cr_assert_eq(calls_without, 1);
  cr_assert_eq(publish(0, 1, 0), UV_ECANCELED);
  cr_assert_eq(publish(0, 1, -1), UV_ECANCELED);
  cr_assert_eq(uvmqtt_remote_call(remote, on_call, &calls, 0), UV_ECANCELED);
  end();
}

Test(remote, close_in_a_completion_cancels_the_rest) {
  uvmqtt_options_t options = {UVMQTT_OPTIONS_INIT, .queue_bytes = 100};
  begin(&options, NULL);
  close_at = 1;
  for (size_t i = 0; i < 5; i++)
    cr_assert_eq(publish(i, 1, 0), 0);
  UNTIL(&r, r.g.closed);
  cr_assert_eq(n_done, 5);
  cr_assert_eq(done[0].status, UVMQTT_EFULL);
  for (unsigned i = 1; i < 5; i++)
    cr_assert_eq(done[i].status, UV_ECANCELED);
  end();
}

/* Whoever waits for room is woken. */
static void close_and_push(void) {
  result = publish(1, 1, -1);
}

Test(remote, close_wakes_those_who_wait_for_room) {
  uvmqtt_options_t options = {UVMQTT_OPTIONS_INIT, .queue_messages = 1};
  uvmqtt_remote_options_t o = {UVMQTT_REMOTE_OPTIONS_INIT, .queue_messages = 1};
  begin(&options, &o);
  cr_assert_eq(publish(0, 1, 0), 0);
  rig_rest(&r, 2); /* with the client now */
  cr_assert_eq(publish(0, 1, 0), 0);
  uv_thread_t thread = begin_job(close_and_push);
  rig_rest(&r, 20);
  guest_close(&r.g);
  UNTIL(&r, r.g.closed);
  uv_thread_join(&thread);
  cr_assert_eq(result, UV_ECANCELED);
  cr_assert_eq(n_done, 2);
  end();
}

Test(remote, what_was_accepted_is_done_after_the_last_reference) {
  begin(NULL, NULL);
  go_online();
  cr_assert_eq(uvmqtt_remote_ref(remote), remote);
  cr_assert_eq(publish(0, 1, 0), 0);
  uvmqtt_remote_unref(remote);
  uvmqtt_remote_unref(remote);
  remote = NULL;
  UNTIL(&r, n_done == 1);
  all_done_in_order(1, 0);
  uvmqtt_remote_unref(NULL);
  end();
}

Test(remote, keeps_the_loop_alive_only_when_asked_to) {
  for (int keep = 0; keep < 2; keep++) {
    uvmqtt_remote_options_t o = {UVMQTT_REMOTE_OPTIONS_INIT,
                                 .keep_loop = keep != 0};
    rig_open(&r);
    r.crowded = true;
    guest_open(&r, &r.g, NULL);
    broker_close(&r.b); /* its listener would */
    uv_run(&r.loop, UV_RUN_NOWAIT);
    open_remote(&o);
    uv_run(&r.loop, UV_RUN_NOWAIT);
    uv_run(&r.loop, UV_RUN_NOWAIT);
    uv_unref((uv_handle_t *)&r.guard);
    cr_assert_eq(uv_loop_alive(&r.loop) != 0, keep != 0);
    uv_ref((uv_handle_t *)&r.guard);
    broker_open(&r.b, &r.loop);
    end();
  }
}

/* publish_wait. */

static uint8_t reason;

static void publish_and_wait(void) {
  uvmqtt_message_t m = {.topic = "t", .qos = 1};
  reason = 0xFF;
  result = uvmqtt_remote_publish_wait(remote, &m, 5000, &reason);
}

static void publish_and_wait_briefly(void) {
  uvmqtt_message_t m = {.topic = "t", .qos = 1};
  result = uvmqtt_remote_publish_wait(remote, &m, 5, NULL);
}

Test(remote, publish_wait_returns_what_the_completion_says) {
  begin(NULL, NULL);
  go_online();
  elsewhere(publish_and_wait);
  cr_assert_eq(result, 0);
  cr_assert_eq(reason, 0);
  end();
}

Test(remote, publish_wait_has_a_bound_and_the_message_goes_on) {
  begin(NULL, NULL);
  elsewhere(publish_and_wait_briefly);
  cr_assert_eq(result, UV_ETIMEDOUT);
  cr_assert_eq(uvmqtt_get_pending(r.g.m, NULL, 0), 1);
  go_online();
  UNTIL(&r, uvmqtt_get_pending(r.g.m, NULL, 0) == 0);
  end();
}

/* Who waits in vain lets go of the remote; the completion still looks for him
 * there. */
Test(remote, publish_wait_may_complete_after_the_last_reference) {
  begin(NULL, NULL);
  elsewhere(publish_and_wait_briefly);
  cr_assert_eq(result, UV_ETIMEDOUT);
  uvmqtt_remote_unref(remote);
  remote = NULL;
  rig_rest(&r, 10);
  go_online();
  UNTIL(&r, uvmqtt_get_pending(r.g.m, NULL, 0) == 0);
  end();
}

Test(remote, publish_wait_may_be_cancelled_after_the_last_reference) {
  begin(NULL, NULL);
  elsewhere(publish_and_wait_briefly);
  cr_assert_eq(result, UV_ETIMEDOUT);
  uvmqtt_remote_unref(remote);
  remote = NULL;
  rig_rest(&r, 10);
  guest_close(&r.g);
  UNTIL(&r, r.g.closed);
  end();
}

static void publish_and_wait_longest(void) {
  uvmqtt_message_t m = {.topic = "t", .qos = 1};
  result = uvmqtt_remote_publish_wait(remote, &m, INT64_MAX, NULL);
}

Test(remote, the_longest_wait_is_not_the_shortest) {
  begin(NULL, NULL);
  go_online();
  elsewhere(publish_and_wait_longest);
  cr_assert_eq(result, 0);
  end();
}

Test(remote, publish_wait_is_refused_where_it_would_wait_for_itself) {
  uvmqtt_message_t m = {.topic = "t"};
  begin(NULL, NULL);
  cr_assert_eq(uvmqtt_remote_publish_wait(remote, &m, -1, NULL),
               UVMQTT_EDEADLOCK);
  cr_assert_eq(uvmqtt_remote_publish_wait(NULL, &m, -1, NULL), UV_EINVAL);
  end();
}

static void publish_wait_wrongly(void) {
  uvmqtt_message_t m = {.topic = "+"};
  result = uvmqtt_remote_publish_wait(remote, &m, -1, NULL);
}

Test(remote, publish_wait_says_what_is_wrong) {
  begin(NULL, NULL);
  elsewhere(publish_wait_wrongly);
  cr_assert_eq(result, UVMQTT_ETOPIC);
  end();
}

Test(remote, publish_wait_ends_when_the_client_closes) {
  begin(NULL, NULL);
  uv_thread_t thread = begin_job(publish_and_wait);
  UNTIL(&r, uvmqtt_get_pending(r.g.m, NULL, 0) == 1);
  guest_close(&r.g);
  UNTIL(&r, r.g.closed);
  uv_thread_join(&thread);
  cr_assert_eq(result, UV_ECANCELED);
  end();
}

Test(remote, subscribes_and_unsubscribes) {
  uvmqtt_subscription_t s = {.filter = "a/+", .qos = 1};
  const char *filters[] = {"a/+"};
  begin(NULL, NULL);
  go_online();
  cr_assert_eq(
      uvmqtt_remote_subscribe(remote, &s, 1, NULL, 0, 0, on_done, number(0)),
      0);
  cr_assert_eq(uvmqtt_remote_unsubscribe(remote, filters, 1, NULL, 0, 0,
                                         on_done, number(1)),
               0);
  UNTIL(&r, n_done == 2);
  all_done_in_order(2, 0);
  end();
}

/* The queue counts for the time-out. */
Test(remote, a_message_times_out_in_the_queue) {
  uvmqtt_message_t m = {.topic = "t", .qos = 1, .timeout = 1};
  begin(NULL, NULL);
  go_online();
  cr_assert_eq(uvmqtt_remote_publish(remote, &m, 0, on_done, number(0)), 0);
  for (uint64_t until = rig_clock() + 3; rig_clock() < until;)
    ; /* the loop is kept from turning */
  UNTIL(&r, n_done == 1);
  all_done_in_order(1, UV_ETIMEDOUT);
  cr_assert_eq(r.b.heard[UVMQTT_PUBLISH], 0);
  end();
}

/* The host. */

static void walk(uv_handle_t *h, void *arg) {
  unsigned *ours = arg;
  *ours += h->type == UV_ASYNC && uvmqtt_walk_close(h) == 1;
}

Test(remote, its_handle_is_known_to_walk_close) {
  unsigned ours = 0;
  begin(NULL, NULL);
  uv_walk(&r.loop, walk, &ours);
  cr_assert_eq(ours, 1);
  r.g.closing = true;
  uv_run(&r.loop, UV_RUN_NOWAIT);
  cr_assert_eq(publish(0, 0, 0), UV_ECANCELED);
  uvmqtt_remote_unref(remote);
  r.g.closed = true;
  r.g.m = NULL;
  rig_close(&r);
}

static void close_async(uv_handle_t *h, void *arg) {
  (void)arg;
  if (h->type == UV_ASYNC && h != (uv_handle_t *)&r.loop.wq_async &&
      !uv_is_closing(h))
    uv_close(h, NULL);
}

Test(remote, survives_a_host_that_closes_its_handle) {
  begin(NULL, NULL);
  uv_walk(&r.loop, close_async, NULL);
  rig_rest(&r, 2);
  cr_assert_eq(publish(0, 1, 0), 0);
  rig_rest(&r, 2);
  cr_assert_eq(n_done, 0);
  guest_close(&r.g);
  UNTIL(&r, r.g.closed);
  all_done_in_order(1, UV_ECANCELED);
  end();
}

Test(remote, each_failing_allocation_is_reported) {
  rig_open(&r);
  r.crowded = true;
  r.b.polite = true;
  guest_open(&r, &r.g, NULL);
  cr_assert_eq(guest_publish(&r.g, "t", "x", 0), 0); /* what the client needs */
  loop_thread = uv_thread_self();
  int status = UV_ENOMEM;
  for (unsigned i = 1; status == UV_ENOMEM; i++) {
    um_alloc_fail_at(i, false);
    status = uvmqtt_remote_open(r.g.m, NULL, &remote);
    um_alloc_fail_at(0, false);
    cr_assert(status == 0 || status == UV_ENOMEM);
  }
  status = UV_ENOMEM;
  for (unsigned i = 1; status == UV_ENOMEM; i++) {
    um_alloc_fail_at(i, false);
    status = publish(0, 1, 0);
    um_alloc_fail_at(0, false);
    cr_assert(status == 0 || status == UV_ENOMEM);
    cr_assert(i > 1 || status == UV_ENOMEM);
  }
  go_online();
  UNTIL(&r, n_done == 1);
  end();
}
