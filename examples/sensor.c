/* A sensor: publishes a reading at fixed times, at QoS 1 and retained, and
 * leaves in good order when it has published COUNT of them or on Ctrl-C. While
 * there is no connection the readings wait; of those that wait only the newest
 * is worth sending.
 *
 *   sensor [URL [COUNT [INTERVAL]]]      default mqtt://127.0.0.1:1883, for
 *                                        ever, 1,000 ms
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

#define TOPIC "greenhouse/temperature"

struct sensor {
  uvmqtt_t *mqtt;
  uv_timer_t timer;
  uv_signal_t sigint;
  unsigned count, read, acknowledged;
  bool leaving;
};

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct sensor *s = arg;
  (void)result;
  printf("%u readings, %u acknowledged\n", s->read, s->acknowledged);
  uvmqtt_close(m, NULL, NULL);
}

/* DRAIN: what was published is acknowledged first. */
static void leave(struct sensor *s) {
  uvmqtt_disconnect_options_t drain = {UVMQTT_DISCONNECT_OPTIONS_INIT,
                                       .mode = UVMQTT_DISCONNECT_DRAIN};
  if (s->leaving)
    return;
  s->leaving = true;
  uv_close((uv_handle_t *)&s->timer, NULL);
  uv_close((uv_handle_t *)&s->sigint, NULL);
  if (uvmqtt_disconnect(s->mqtt, &drain, on_left, s))
    uvmqtt_close(s->mqtt, NULL, NULL);
}

static void on_acknowledged(uvmqtt_t *m, const uvmqtt_result_t *result,
                            void *arg) {
  struct sensor *s = arg;
  (void)m;
  s->acknowledged += result->status == 0;
  if (result->status != 0 && result->status != UVMQTT_EDROPPED)
    printf("not published: %s\n", uvmqtt_strerror(result->status));
}

static void on_time(uv_timer_t *timer) {
  struct sensor *s = timer->data;
  char text[32];
  int len = snprintf(text, sizeof text, "%.1f", 21.5 + 0.1 * (s->read % 10));
  uvmqtt_message_t reading = {
      .topic = TOPIC, .payload = {text, (size_t)len}, .qos = 1, .retain = true};
  s->read++;
  printf("%s %s\n", TOPIC, text);
  int r = uvmqtt_publish(s->mqtt, &reading, on_acknowledged, s, NULL);
  if (r)
    printf("refused: %s\n", uvmqtt_strerror(r));
  if (s->read == s->count)
    leave(s);
}

static void on_sigint(uv_signal_t *handle, int signal) {
  (void)signal;
  leave(handle->data);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  (void)m;
  if (d->error->code)
    printf("no connection: %s; next attempt in %d ms\n", d->error->hint,
           (int)d->retry_in);
}

int main(int argc, char **argv) {
  struct sensor s = {.count = argc > 2 ? (unsigned)atoi(argv[2]) : 0};
  uint64_t interval = argc > 3 ? (uint64_t)atoi(argv[3]) : 1000;
  uv_loop_t *loop = uv_default_loop();
  uvmqtt_options_t options = {
      UVMQTT_OPTIONS_INIT, .url = argc > 1 ? argv[1] : "mqtt://127.0.0.1:1883",
      .overflow = UVMQTT_OVERFLOW_LATEST_PER_TOPIC,
      .on_disconnect = on_disconnect};
  setvbuf(stdout, NULL, _IOLBF, 0);
  int r = uvmqtt_new(loop, &options, &s.mqtt);
  if (r == 0)
    r = uvmqtt_connect(s.mqtt);
  if (r) {
    fprintf(stderr, "%s: %s\n", options.url, uvmqtt_strerror(r));
    return 1;
  }
  uv_timer_init(loop, &s.timer);
  uv_signal_init(loop, &s.sigint);
  s.timer.data = s.sigint.data = &s;
  uv_timer_start(&s.timer, on_time, interval, interval);
  uv_signal_start(&s.sigint, on_sigint, SIGINT);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop);
}
