/* A libuv program with a timer and a signal handle of its own that also speaks
 * MQTT: it subscribes, publishes one message at each QoS, prints what comes
 * back, and leaves when all has arrived, or on Ctrl-C.
 *
 *   quickstart [URL]          default mqtt://127.0.0.1:1883
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

#define MESSAGES 3
#define TICK 100     /* ms */
#define PATIENCE 100 /* ticks, then we give up */

struct app {
  uvmqtt_t *mqtt;
  uv_timer_t timer;
  uv_signal_t sigint;
  char topic[64];
  unsigned ticks, acknowledged, received;
  int status; /* of the program */
};

static void on_closed(void *arg) {
  struct app *app = arg;
  uv_close((uv_handle_t *)&app->timer, NULL);
  uv_close((uv_handle_t *)&app->sigint, NULL);
}

static void on_disconnected(uvmqtt_t *m, const uvmqtt_result_t *result,
                            void *arg) {
  printf("disconnected: %s\n", uvmqtt_strerror(result->status));
  uvmqtt_close(m, on_closed, arg);
}

static void leave(struct app *app, int status) {
  app->status = status;
  if (uvmqtt_disconnect(app->mqtt, NULL, on_disconnected, app))
    uvmqtt_close(app->mqtt, on_closed, app);
}

static void leave_when_done(struct app *app) {
  if (app->acknowledged == MESSAGES && app->received == MESSAGES)
    leave(app, 0);
}

static void on_published(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  struct app *app = uvmqtt_get_data(m);
  const char *name = arg;
  if (result->status) {
    printf("%s failed: %s\n", name, uvmqtt_strerror(result->status));
    leave(app, 1);
    return;
  }
  printf("%s delivered to the server\n", name);
  app->acknowledged++;
  leave_when_done(app);
}

static void publish(struct app *app, uint8_t qos) {
  static char *const names[] = {"QoS 0", "QoS 1", "QoS 2"};
  static const char *const texts[] = {"at most once", "at least once",
                                      "exactly once"};
  uvmqtt_message_t message = {.topic = app->topic,
                              .payload = {texts[qos], strlen(texts[qos])},
                              .qos = qos};
  int r = uvmqtt_publish(app->mqtt, &message, on_published, names[qos], NULL);
  if (r)
    printf("%s refused: %s\n", names[qos], uvmqtt_strerror(r));
}

static void on_subscribed(uvmqtt_t *m, const uvmqtt_result_t *result,
                          void *arg) {
  struct app *app = arg;
  (void)m;
  if (result->status) {
    printf("subscribe failed: %s\n", uvmqtt_reason_string(result->reason));
    leave(app, 1);
    return;
  }
  printf("subscribed to %s, granted QoS %u\n", app->topic, result->reasons[0]);
  for (uint8_t qos = 0; qos <= 2; qos++)
    publish(app, qos);
}

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  struct app *app = uvmqtt_get_data(m);
  printf("connected with MQTT %s as %s\n",
         connack->version == 5 ? "5.0" : "3.1.1", connack->client_id);
  snprintf(app->topic, sizeof app->topic, "uvmqtt/quickstart/%.32s",
           connack->client_id);
  uvmqtt_subscription_t filter = {.filter = app->topic, .qos = 2};
  uvmqtt_subscribe(m, &filter, 1, NULL, 0, on_subscribed, app, NULL);
}

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  struct app *app = uvmqtt_get_data(m);
  printf("received at QoS %u: \"%.*s\"\n", message->qos,
         (int)message->payload.len, (const char *)message->payload.data);
  app->received++;
  leave_when_done(app);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  (void)m;
  if (d->error->code == 0)
    return; /* we asked for it */
  printf("no connection to %s: %s (%s)\n", d->error->address,
         uvmqtt_strerror(d->error->code), d->error->hint);
  if (d->retry_in != UVMQTT_OFF)
    printf("trying again in %.1f s\n", (double)d->retry_in / 1000);
}

static void on_notice(uvmqtt_t *m, const uvmqtt_notice_t *notice) {
  (void)m;
  printf("note: %s\n", notice->text);
}

/* The program's own work goes on beside MQTT. */
static void on_tick(uv_timer_t *timer) {
  struct app *app = timer->data;
  if (++app->ticks < PATIENCE)
    return;
  printf("giving up: %u of %u messages came back\n", app->received, MESSAGES);
  uv_timer_stop(timer);
  leave(app, 1);
}

static void on_sigint(uv_signal_t *handle, int number) {
  struct app *app = handle->data;
  (void)number;
  printf("interrupted\n");
  leave(app, 1);
}

int main(int argc, char **argv) {
  struct app app = {.status = 1};
  uv_loop_t *loop = uv_default_loop();
  uvmqtt_options_t options = {
      UVMQTT_OPTIONS_INIT,
      .url = argc > 1 ? argv[1] : "mqtt://127.0.0.1:1883",
      .on_connect = on_connect,
      .on_message = on_message,
      .on_disconnect = on_disconnect,
      .on_notice = on_notice,
      .data = &app,
  };
  setvbuf(stdout, NULL, _IOLBF, 0);
  int r = uvmqtt_new(loop, &options, &app.mqtt);
  if (r == 0)
    r = uvmqtt_connect(app.mqtt);
  if (r) {
    fprintf(stderr, "%s: %s\n", options.url, uvmqtt_strerror(r));
    return 1;
  }
  app.timer.data = app.sigint.data = &app;
  uv_timer_init(loop, &app.timer);
  uv_timer_start(&app.timer, on_tick, TICK, TICK);
  uv_signal_init(loop, &app.sigint);
  uv_signal_start(&app.sigint, on_sigint, SIGINT);
  uv_run(loop, UV_RUN_DEFAULT);
  r = uv_loop_close(loop);
  printf("%u published, %u received, loop closed: %s\n", app.acknowledged,
         app.received, r == 0 ? "clean" : uv_strerror(r));
  return r == 0 ? app.status : 1;
}
