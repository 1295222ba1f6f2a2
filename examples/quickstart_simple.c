/* The job of quickstart.c without a loop: subscribe, publish one message at
 * each QoS, take back what comes with wait_msg and check_msg, leave.
 *
 *   quickstart_simple [HOST [PORT]]          default 127.0.0.1 1883
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt/simple.h>

#define MESSAGES 3u
#define PATIENCE 10000 /* ms */

struct app {
  uvmqtt_simple_t *mqtt;
  char topic[64];
  unsigned published, received;
};

/* Prints what was done and how it went; 1 when it went well. */
static int step(const struct app *app, const char *what, int r) {
  const uvmqtt_error_t *error = uvmqtt_simple_last_error(app->mqtt);
  if (r >= 0)
    printf("%s\n", what);
  else
    printf("not %s: %s%s%s\n", what, uvmqtt_strerror(r),
           *error->hint ? ", " : "", error->hint);
  return r >= 0;
}

/* Comes inside the calls below, never between them. */
static void on_message(const char *topic, uvmqtt_bytes_t payload, void *arg) {
  struct app *app = arg;
  printf("received from %s: \"%.*s\"\n", topic, (int)payload.len,
         (const char *)payload.data);
  app->received++;
}

static int publish(struct app *app, uint8_t qos) {
  static const char *const texts[] = {"at most once", "at least once",
                                      "exactly once"};
  char what[32];
  uvmqtt_bytes_t payload = {texts[qos], strlen(texts[qos])};
  snprintf(what, sizeof what, "published at QoS %u", qos);
  int r = uvmqtt_simple_publish(app->mqtt, app->topic, payload, false, qos);
  app->published += r == 0;
  return step(app, what, r);
}

/* What came while we published was delivered there already. */
static int take_messages(struct app *app) {
  int r = 1;
  while (app->received < MESSAGES && r > 0)
    r = uvmqtt_simple_wait_msg(app->mqtt, PATIENCE);
  if (app->received < MESSAGES)
    return step(app, "all messages came back", r == 0 ? UV_ETIMEDOUT : r);
  r = uvmqtt_simple_check_msg(app->mqtt); /* does not wait */
  return step(app, r == 1 ? "one more than expected" : "no more messages", r);
}

static int run(struct app *app) {
  int r = uvmqtt_simple_connect(app->mqtt, true, PATIENCE);
  if (!step(app, "connected with MQTT 3.1.1", r))
    return 0;
  uvmqtt_simple_set_callback(app->mqtt, on_message, app);
  r = uvmqtt_simple_subscribe(app->mqtt, app->topic, 2);
  if (!step(app, "subscribed", r))
    return 0;
  for (uint8_t qos = 0; qos <= 2; qos++)
    if (!publish(app, qos))
      return 0;
  if (!take_messages(app))
    return 0;
  return step(app, "disconnected", uvmqtt_simple_disconnect(app->mqtt));
}

int main(int argc, char **argv) {
  struct app app = {0};
  uvmqtt_simple_options_t options = {
      UVMQTT_SIMPLE_OPTIONS_INIT,
      .server = argc > 1 ? argv[1] : "127.0.0.1",
      .port = (uint16_t)(argc > 2 ? atoi(argv[2]) : 0),
      .keepalive = 60,
  };
  setvbuf(stdout, NULL, _IOLBF, 0);
  int r = uvmqtt_simple_new(&options, &app.mqtt);
  if (r) {
    fprintf(stderr, "%s: %s\n", options.server, uvmqtt_strerror(r));
    return 1;
  }
  snprintf(app.topic, sizeof app.topic, "uvmqtt/quickstart_simple/%d",
           uv_os_getpid());
  int done = run(&app);
  uvmqtt_simple_free(app.mqtt);
  printf("%u published, %u received: %s\n", app.published, app.received,
         done && app.received == MESSAGES ? "done" : "failed");
  return done && app.received == MESSAGES ? 0 : 1;
}
