/* A device whose state is known to everybody: "online" is published when it
 * connects, and "offline" when it leaves. When it vanishes the server publishes
 * "offline" in its name: that is its Will. All are retained, so who subscribes
 * later knows, too.
 *
 *   last_will [URL [TOPIC]]      default mqtt://127.0.0.1:1883,
 *                                device/state; Ctrl-C leaves, kill -9 vanishes
 */
#include <signal.h>
#include <stdio.h>
#include <uv.h>
#include <uvmqtt.h>

struct device {
  uvmqtt_t *mqtt;
  uv_signal_t sigint;
  uvmqtt_message_t online, offline;
};

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  struct device *d = uvmqtt_get_data(m);
  (void)connack;
  printf("online\n");
  uvmqtt_publish(m, &d->online, NULL, NULL, NULL);
}

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)result, (void)arg;
  uvmqtt_close(m, NULL, NULL);
}

/* A DISCONNECT makes the server forget the Will. */
static void on_sigint(uv_signal_t *handle, int signal) {
  struct device *d = handle->data;
  uvmqtt_disconnect_options_t drain = {UVMQTT_DISCONNECT_OPTIONS_INIT,
                                       .mode = UVMQTT_DISCONNECT_DRAIN};
  (void)signal;
  uv_close((uv_handle_t *)handle, NULL);
  uvmqtt_publish(d->mqtt, &d->offline, NULL, NULL, NULL);
  if (uvmqtt_disconnect(d->mqtt, &drain, on_left, NULL))
    uvmqtt_close(d->mqtt, NULL, NULL);
}

int main(int argc, char **argv) {
  const char *topic = argc > 2 ? argv[2] : "device/state";
  struct device d = {
      .online = {.topic = topic,
                 .payload = {"online", 6},
                 .qos = 1,
                 .retain = true},
      .offline = {
          .topic = topic, .payload = {"offline", 7}, .qos = 1, .retain = true}};
  uv_loop_t *loop = uv_default_loop();
  uvmqtt_options_t options = {
      UVMQTT_OPTIONS_INIT, .url = argc > 1 ? argv[1] : "mqtt://127.0.0.1:1883",
      .will = &d.offline, .on_connect = on_connect, .data = &d};
  setvbuf(stdout, NULL, _IOLBF, 0);
  int r = uvmqtt_new(loop, &options, &d.mqtt);
  if (r == 0)
    r = uvmqtt_connect(d.mqtt);
  if (r) {
    fprintf(stderr, "%s\n", uvmqtt_strerror(r));
    return 1;
  }
  uv_signal_init(loop, &d.sigint);
  d.sigint.data = &d;
  uv_signal_start(&d.sigint, on_sigint, SIGINT);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop);
}
