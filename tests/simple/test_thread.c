/* uvmqtt_loop_forever and uvmqtt_thread_...: programs without a loop. */
#include "support/broker.h"
#include "support/suite.h"
#include <signal.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>
#include <uvmqtt/thread.h>

SUITE(thread);

static struct broker_thread broker;
static unsigned connects, messages, completions, cancelled;
static uv_thread_t runner;
static sigset_t mask;

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  (void)m;
  (void)connack;
  connects++;
  runner = uv_thread_self();
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
}

static uvmqtt_options_t options(void) {
  connects = messages = completions = cancelled = 0;
  return (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, .url = broker.b.url,
                            .on_connect = on_connect,
                            .reconnect_max = UVMQTT_OFF};
}

static void on_published(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  (void)m;
  (void)arg;
  completions++;
  cancelled += result->status == UV_ECANCELED;
}

static void disconnect_then(uvmqtt_t *m, const uvmqtt_result_t *result,
                            void *arg) {
  on_published(m, result, arg);
  cr_assert_eq(uvmqtt_disconnect(m, NULL, NULL, NULL), 0);
}

static int publish_and_leave(uvmqtt_t *m, void *arg) {
  uvmqtt_message_t message = {.topic = "t", .qos = 1};
  cr_assert_eq(arg, &messages);
  return uvmqtt_publish(m, &message, disconnect_then, NULL, NULL);
}

Test(thread, loop_forever_ends_after_disconnect) {
  broker_start(&broker);
  uvmqtt_options_t o = options();
  cr_assert_eq(uvmqtt_loop_forever(&o, publish_and_leave, &messages), 0);
  cr_assert_eq(connects, 1);
  cr_assert_eq(completions, 1);
  cr_assert_eq(cancelled, 0);
  broker_stop(&broker);
}

static void close_then(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  on_published(m, result, arg);
  uvmqtt_close(m, NULL, NULL);
}

static int publish_and_close(uvmqtt_t *m, void *arg) {
  uvmqtt_message_t message = {.topic = "t", .qos = 1};
  (void)arg;
  return uvmqtt_publish(m, &message, close_then, NULL, NULL);
}

Test(thread, loop_forever_ends_when_a_callback_closes_the_client) {
  broker_start(&broker);
  uvmqtt_options_t o = options();
  cr_assert_eq(uvmqtt_loop_forever(&o, publish_and_close, NULL), 0);
  cr_assert_eq(completions, 1);
  broker_stop(&broker);
}

static int refuse(uvmqtt_t *m, void *arg) {
  (void)m;
  return *(int *)arg;
}

Test(thread, loop_forever_says_why_it_could_not_begin) {
  uvmqtt_options_t o = options();
  int status = -4711;
  o.url = "mqtt://127.0.0.1:1";
  cr_expect_eq(uvmqtt_loop_forever(&o, refuse, &status), -4711);
  cr_expect_eq(uvmqtt_loop_forever(&o, NULL, NULL), UV_ECONNREFUSED);
  o.url = "nothing";
  cr_expect_eq(uvmqtt_loop_forever(&o, NULL, NULL), UVMQTT_EURL);
  cr_expect_eq(uvmqtt_loop_forever(NULL, NULL, NULL), UV_EINVAL);
}

static uv_timer_t forgotten;

static void on_forgotten(uv_timer_t *t) {
  uv_timer_stop(t);
}

static int forget_a_handle(uvmqtt_t *m, void *arg) {
  (void)arg;
  uv_timer_init(uvmqtt_get_loop(m), &forgotten);
  return uv_timer_start(&forgotten, on_forgotten, 1, 0);
}

Test(thread, loop_forever_closes_what_was_forgotten_and_says_so) {
  uvmqtt_options_t o = options();
  o.url = "mqtt://127.0.0.1:1";
  cr_assert_eq(uvmqtt_loop_forever(&o, forget_a_handle, NULL), UV_EBUSY);
}

/* A thread of its own. */

Test(thread, runs_beside_us_and_stops) {
  uvmqtt_thread_t *t;
  broker_start(&broker);
  uvmqtt_options_t o = options();
  cr_assert_eq(uvmqtt_thread_start(&o, NULL, NULL, &t), 0);
  uvmqtt_remote_t *r = uvmqtt_thread_remote(t);
  uvmqtt_message_t message = {.topic = "t", .qos = 2};
  for (int i = 0; i < 100; i++)
    cr_assert_eq(uvmqtt_remote_publish(r, &message, -1, on_published, NULL), 0);
  cr_assert_eq(uvmqtt_remote_publish_wait(r, &message, 5000, NULL), 0);
  cr_assert_eq(uvmqtt_thread_stop(t, 5000), 0);
  cr_assert_eq(completions, 100);
  cr_assert_eq(cancelled, 0);
  uv_thread_t self = uv_thread_self();
  cr_assert_not(uv_thread_equal(&self, &runner));
  cr_assert(sigismember(&mask, SIGTERM) == 1, "signals are blocked there");
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  cr_assert(sigismember(&mask, SIGTERM) == 0, "and not here");
  broker_stop(&broker);
  cr_assert_eq(broker.b.heard[UVMQTT_DISCONNECT], 1);
}

Test(thread, start_says_why_it_could_not_begin) {
  uvmqtt_thread_t *t;
  uvmqtt_options_t o = options();
  int status = -4711;
  o.url = "mqtt://127.0.0.1:1";
  cr_expect_eq(uvmqtt_thread_start(&o, refuse, &status, &t), -4711);
  cr_expect_eq(uvmqtt_thread_start(NULL, NULL, NULL, &t), UV_EINVAL);
  cr_expect_eq(uvmqtt_thread_start(&o, NULL, NULL, NULL), UV_EINVAL);
  o.url = "nothing";
  cr_expect_eq(uvmqtt_thread_start(&o, NULL, NULL, &t), UVMQTT_EURL);
  cr_expect_eq(uvmqtt_thread_stop(NULL, 0), 0);
}

/* What could not be sent completes before stop returns, though the queues of
 * both the client and the remote are full. */
Test(thread, stop_does_not_wait_for_a_full_queue) {
  uvmqtt_thread_t *t;
  uvmqtt_options_t o = options();
  uvmqtt_message_t message = {.topic = "t", .qos = 1};
  unsigned accepted = 0;
  o.url = "mqtt://127.0.0.1:1";
  o.queue_messages = 2;
  o.reconnect_max = 60000;
  cr_assert_eq(uvmqtt_thread_start(&o, NULL, NULL, &t), 0);
  uvmqtt_remote_t *r = uvmqtt_remote_ref(uvmqtt_thread_remote(t));
  while (uvmqtt_remote_publish(r, &message, 20, on_published, NULL) == 0)
    accepted++;
  uvmqtt_thread_stop(t, 1000);
  cr_assert_eq(completions, accepted);
  cr_assert_eq(cancelled, accepted);
  cr_assert_eq(uvmqtt_remote_publish(r, &message, -1, NULL, NULL),
               UV_ECANCELED);
  uvmqtt_remote_unref(r);
}

Test(thread, stop_at_once_cancels) {
  uvmqtt_thread_t *t;
  uvmqtt_options_t o = options();
  uvmqtt_message_t message = {.topic = "t", .qos = 1};
  o.url = "mqtt://127.0.0.1:1";
  o.reconnect_max = 60000;
  cr_assert_eq(uvmqtt_thread_start(&o, NULL, NULL, &t), 0);
  cr_assert_eq(uvmqtt_remote_publish(uvmqtt_thread_remote(t), &message, 0,
                                     on_published, NULL),
               0);
  cr_assert_eq(uvmqtt_thread_stop(t, 0), 0);
  cr_assert_eq(cancelled, 1);
}

static uv_sem_t said;

static void close_it(uvmqtt_t *m, void *arg) {
  (void)arg;
  uvmqtt_close(m, NULL, NULL);
  uv_sem_post(&said);
}

Test(thread, stop_after_the_client_was_closed_there) {
  uvmqtt_thread_t *t;
  broker_start(&broker);
  uvmqtt_options_t o = options();
  cr_assert_eq(uv_sem_init(&said, 0), 0);
  cr_assert_eq(uvmqtt_thread_start(&o, NULL, NULL, &t), 0);
  cr_assert_eq(uvmqtt_remote_call(uvmqtt_thread_remote(t), close_it, NULL, 0),
               0);
  uv_sem_wait(&said);
  cr_assert_eq(uvmqtt_thread_stop(t, 5000), 0);
  uv_sem_destroy(&said);
  broker_stop(&broker);
}

static int verdict;

static void stop_it(uvmqtt_t *m, void *arg) {
  (void)m;
  verdict = uvmqtt_thread_stop(arg, 1000);
  uv_sem_post(&said);
}

Test(thread, cannot_stop_itself) {
  uvmqtt_thread_t *t;
  broker_start(&broker);
  uvmqtt_options_t o = options();
  cr_assert_eq(uv_sem_init(&said, 0), 0);
  cr_assert_eq(uvmqtt_thread_start(&o, NULL, NULL, &t), 0);
  cr_assert_eq(uvmqtt_remote_call(uvmqtt_thread_remote(t), stop_it, t, 0), 0);
  uv_sem_wait(&said);
  cr_assert_eq(verdict, UVMQTT_EDEADLOCK);
  cr_assert_eq(uvmqtt_thread_stop(t, 5000), 0);
  uv_sem_destroy(&said);
  broker_stop(&broker);
}
