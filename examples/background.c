/* A program with a main loop of its own, and the client in a thread beside it,
 * as paho's loop_start. The main loop counts and publishes; what comes in is
 * handed over to it under a mutex.
 *
 *   background [URL [COUNT]]      default mqtt://127.0.0.1:1883, 3
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>
#include <uvmqtt/thread.h>

#define TOPIC "background/count"

static uv_mutex_t mutex;
static uv_cond_t arrived;
static int last = -1; /* under the mutex */

/* In the client's thread. */
static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  char text[16] = "";
  (void)m;
  if (message->payload.len < sizeof text)
    memcpy(text, message->payload.data, message->payload.len);
  uv_mutex_lock(&mutex);
  last = atoi(text);
  uv_cond_signal(&arrived);
  uv_mutex_unlock(&mutex);
}

static int subscribe(uvmqtt_t *m, void *arg) {
  uvmqtt_subscription_t filter = {.filter = TOPIC, .qos = 1};
  (void)arg;
  return uvmqtt_subscribe(m, &filter, 1, NULL, 0, NULL, NULL, NULL);
}

/* In the main thread from here on. */
static int publish(uvmqtt_remote_t *client, int n) {
  char text[16];
  int len = snprintf(text, sizeof text, "%d", n);
  uvmqtt_message_t message = {
      .topic = TOPIC, .payload = {text, (size_t)len}, .qos = 1};
  return uvmqtt_remote_publish_wait(client, &message, 10000, NULL);
}

static int wait_for(int n) {
  int r = 0;
  uv_mutex_lock(&mutex);
  while (last != n && r == 0)
    r = uv_cond_timedwait(&arrived, &mutex, 10000000000u);
  uv_mutex_unlock(&mutex);
  return r;
}

static int count(uvmqtt_remote_t *client, int n) {
  for (int i = 0; i < n; i++) {
    int r = publish(client, i);
    if (r == 0)
      r = wait_for(i);
    if (r)
      return r;
    printf("%d went out and came back\n", i);
  }
  return 0;
}

int main(int argc, char **argv) {
  uvmqtt_options_t options = {
      UVMQTT_OPTIONS_INIT, .url = argc > 1 ? argv[1] : "mqtt://127.0.0.1:1883",
      .on_message = on_message};
  uvmqtt_thread_t *thread;
  uv_mutex_init(&mutex);
  uv_cond_init(&arrived);
  int r = uvmqtt_thread_start(&options, subscribe, NULL, &thread);
  if (r) {
    fprintf(stderr, "%s: %s\n", options.url, uvmqtt_strerror(r));
    return 1;
  }
  r = count(uvmqtt_thread_remote(thread), argc > 2 ? atoi(argv[2]) : 3);
  if (r)
    fprintf(stderr, "%s\n", uvmqtt_strerror(r));
  uvmqtt_thread_stop(thread, 5000);
  printf("stopped\n");
  uv_cond_destroy(&arrived);
  uv_mutex_destroy(&mutex);
  return r != 0;
}
