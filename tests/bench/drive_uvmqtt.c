/* drive_uvmqtt: the library as its users get it: all options at their
 * defaults (so MQTT 5.0, one byte more per message than the other drivers). */
#include "driver.h"
#include "packet.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt/client.h>

/* QoS 0: the last message of a burst carries a callback, and that makes the
 * next burst. So at most BURSTS * BURST are outstanding (the queue holds
 * 10,000) and the queue never runs dry. */
#define BURST 1000
#define BURSTS 4

static struct driver d;
static uint64_t published, done;
static char payload[MESSAGE_PAYLOAD];

/* Looks the text up on failure only: it would be half of what is measured. */
static void check(int r) {
  if (r)
    driver_check(0, uvmqtt_strerror(r));
}

static void publish(uvmqtt_t *m, uint8_t qos, uvmqtt_request_cb cb) {
  const uvmqtt_message_t message = {
      .topic = MESSAGE_TOPIC,
      .payload = {payload, sizeof(payload)},
      .qos = qos,
  };
  int r = uvmqtt_publish(m, &message, cb, NULL, NULL);
  check(r);
}

static void on_disconnected(uvmqtt_t *m, const uvmqtt_result_t *result,
                            void *arg) {
  (void)result;
  (void)arg;
  uvmqtt_close(m, NULL, NULL);
}

static void finish(uvmqtt_t *m) {
  driver_end(&d, done);
  uvmqtt_disconnect(m, NULL, on_disconnected, NULL);
}

static void on_proof(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)arg;
  check(result->status);
  done = published;
  finish(m);
}

static void on_burst(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg);

static void burst(uvmqtt_t *m) {
  if (published == d.messages)
    return;
  uint64_t left = d.messages - published;
  uint64_t n = left < BURST ? left : BURST;
  for (uint64_t i = 1; i < n; i++)
    publish(m, 0, NULL);
  publish(m, 0, on_burst);
  published += n;
  if (published == d.messages)
    publish(m, 1, on_proof);
}

static void on_burst(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)arg;
  check(result->status);
  burst(m);
}

static void start_pub0(uvmqtt_t *m) {
  for (int i = 0; i < BURSTS; i++)
    burst(m);
}

static void on_acked(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)arg;
  check(result->status);
  if (published < d.messages) {
    published++;
    publish(m, 1, on_acked);
  }
  if (++done == d.messages)
    finish(m);
}

static void start_pub1(uvmqtt_t *m) {
  for (; published < d.messages && published < IN_FLIGHT; published++)
    publish(m, 1, on_acked);
}

static void on_granted(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m;
  (void)arg;
  check(result->status);
}

static void start_recv0(uvmqtt_t *m) {
  const uvmqtt_subscription_t all = {.filter = driver_filter(&d)};
  int r = uvmqtt_subscribe(m, &all, 1, NULL, 0, on_granted, NULL, NULL);
  check(r);
}

static void (*const start[])(uvmqtt_t *m) = {
    [PUB0] = start_pub0,
    [PUB1] = start_pub1,
    [RECV0] = start_recv0,
};

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  if (message->payload.len == MESSAGE_PAYLOAD)
    done++;
  else
    finish(m);
}

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  (void)connack;
  driver_begin();
  start[d.workload](m);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *disconnect) {
  (void)m;
  driver_check(disconnect->error->code == 0, disconnect->error->hint);
}

int main(int argc, char **argv) {
  uv_loop_t loop;
  uvmqtt_t *m;
  char url[64];
  driver_init(&d, "uvmqtt", argc, argv);
  memset(payload, 'x', sizeof(payload));
  snprintf(url, sizeof(url), "mqtt://127.0.0.1:%d", d.port);
  const uvmqtt_options_t options = {
      UVMQTT_OPTIONS_INIT, .url = url, .on_connect = on_connect,
      .on_message = on_message, .on_disconnect = on_disconnect};
  uv_loop_init(&loop);
  int r = uvmqtt_new(&loop, &options, &m);
  check(r);
  r = uvmqtt_connect(m);
  check(r);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) == 0 ? 0 : 1;
}
