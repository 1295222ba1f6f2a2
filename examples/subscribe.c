/* A subscriber: prints what comes, until COUNT messages came or Ctrl-C. Each
 * filter has a callback of its own.
 *
 *   subscribe [URL [COUNT [FILTER]]]      default mqtt://127.0.0.1:1883, for
 *                                         ever, greenhouse/#
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include <uvmqtt.h>

struct subscriber {
  uvmqtt_t *mqtt;
  uv_signal_t sigint;
  unsigned count, received;
  bool leaving;
};

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)result, (void)arg;
  uvmqtt_close(m, NULL, NULL);
}

static void leave(struct subscriber *s) {
  if (s->leaving)
    return;
  s->leaving = true;
  uv_close((uv_handle_t *)&s->sigint, NULL);
  if (uvmqtt_disconnect(s->mqtt, NULL, on_left, NULL))
    uvmqtt_close(s->mqtt, NULL, NULL);
}

static void on_reading(uvmqtt_t *m, const uvmqtt_message_t *message,
                       void *arg) {
  struct subscriber *s = arg;
  (void)m;
  printf("%s %.*s%s\n", message->topic, (int)message->payload.len,
         (const char *)message->payload.data,
         message->retain ? " (retained)" : "");
  if (++s->received == s->count)
    leave(s);
}

static void on_subscribed(uvmqtt_t *m, const uvmqtt_result_t *result,
                          void *arg) {
  (void)m;
  if (result->status == 0) {
    printf("subscribed\n");
    return;
  }
  printf("not subscribed: %s\n", uvmqtt_strerror(result->status));
  leave(arg);
}

static void on_sigint(uv_signal_t *handle, int signal) {
  (void)signal;
  leave(handle->data);
}

/* The subscription may be asked for before there is a connection, and comes
 * back by itself when the server lost it. */
int main(int argc, char **argv) {
  struct subscriber s = {.count = argc > 2 ? (unsigned)atoi(argv[2]) : 0};
  uv_loop_t *loop = uv_default_loop();
  uvmqtt_options_t options = {
      UVMQTT_OPTIONS_INIT, .url = argc > 1 ? argv[1] : "mqtt://127.0.0.1:1883"};
  uvmqtt_subscription_t filter = {.filter = argc > 3 ? argv[3] : "greenhouse/#",
                                  .qos = 1};
  setvbuf(stdout, NULL, _IOLBF, 0);
  int r = uvmqtt_new(loop, &options, &s.mqtt);
  if (r == 0)
    r = uvmqtt_handle(s.mqtt, &filter, 0, on_reading, &s, on_subscribed, &s,
                      NULL);
  if (r == 0)
    r = uvmqtt_connect(s.mqtt);
  if (r) {
    fprintf(stderr, "%s\n", uvmqtt_strerror(r));
    return 1;
  }
  uv_signal_init(loop, &s.sigint);
  s.sigint.data = &s;
  uv_signal_start(&s.sigint, on_sigint, SIGINT);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop);
}
