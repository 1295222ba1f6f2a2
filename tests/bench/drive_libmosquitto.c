/* drive_libmosquitto: libmosquitto in an external libuv loop.
 *
 * uv_poll + loop_read/write/misc is the cheapest of its ways: mosquitto_loop
 * took 1.0 to 1.8 times the CPU, mosquitto_loop_start 1.5 to 3 times (2.0.11).
 * Publishes go out from the caller as long as the kernel takes them. Reading
 * goes on until the socket is empty: one mosquitto_loop_read for each event
 * costs an epoll_wait for each message, a third more.
 */
#include "driver.h"
#include "packet.h"

#include <errno.h>
#include <mosquitto.h>
#include <string.h>
#include <uv.h>

#define READS 100 /* before the loop gets its turn */

static struct driver d;
static struct mosquitto *m;
static uv_loop_t loop;
static uv_poll_t poll_handle;
static uv_timer_t misc;
static int online, finished, proof_id;
static uint64_t published, done;
static char payload[MESSAGE_PAYLOAD];

static void check(int r) {
  if (r != MOSQ_ERR_SUCCESS)
    driver_check(0, mosquitto_strerror(r));
}

static void publish(int qos, int *ret_id) {
  check(mosquitto_publish(m, ret_id, MESSAGE_TOPIC, sizeof(payload), payload,
                          qos, false));
}

static void finish(void) {
  driver_end(&d, done);
  finished = 1;
}

static void on_proof(struct mosquitto *self, void *arg, int id) {
  (void)self;
  (void)arg;
  if (id != proof_id)
    return;
  done = published;
  finish();
}

static void feed_pub0(void) {
  while (published < d.messages && !mosquitto_want_write(m)) {
    publish(0, NULL);
    published++;
  }
  if (published == d.messages && proof_id == 0) {
    mosquitto_publish_callback_set(m, on_proof);
    publish(1, &proof_id);
  }
}

static void on_acked(struct mosquitto *self, void *arg, int id) {
  (void)self;
  (void)arg;
  (void)id;
  if (++done == d.messages)
    finish();
}

/* Not from on_acked: a publish in a callback leaves EAGAIN of libmosquitto's
 * own socketpair in errno, and mosquitto_loop_read then stops after every
 * acknowledgement, which costs an epoll_wait each. */
static void feed_pub1(void) {
  mosquitto_publish_callback_set(m, on_acked);
  for (; published < d.messages && published - done < IN_FLIGHT; published++)
    publish(1, NULL);
}

static void feed_recv0(void) {
  static int asked;
  if (!asked++)
    check(mosquitto_subscribe(m, NULL, driver_filter(&d), 0));
}

static void (*const feed[])(void) = {
    [PUB0] = feed_pub0,
    [PUB1] = feed_pub1,
    [RECV0] = feed_recv0,
};

static void on_message(struct mosquitto *self, void *arg,
                       const struct mosquitto_message *message) {
  (void)self;
  (void)arg;
  if (message->payloadlen == MESSAGE_PAYLOAD)
    done++;
  else
    finish();
}

static void on_connect(struct mosquitto *self, void *arg, int code) {
  (void)self;
  (void)arg;
  driver_check(code == 0, "refused");
  online = 1;
  driver_begin();
}

/* loop_read says success for an empty socket, too, but leaves errno. */
static void read_all(void) {
  for (int i = 0; i < READS && !finished; i++) {
    errno = 0;
    check(mosquitto_loop_read(m, 1));
    if (errno == EAGAIN)
      return;
  }
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(void) {
  static int watched;
  int events = UV_READABLE | (mosquitto_want_write(m) ? UV_WRITABLE : 0);
  if (events != watched)
    uv_poll_start(&poll_handle, events, on_poll);
  watched = events;
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  (void)handle;
  driver_check(status == 0, "poll failed");
  if (events & UV_READABLE)
    read_all();
  if (events & UV_WRITABLE || mosquitto_want_write(m))
    check(mosquitto_loop_write(m, 1));
  if (finished) {
    uv_close((uv_handle_t *)&poll_handle, NULL);
    uv_close((uv_handle_t *)&misc, NULL);
    return;
  }
  if (online)
    feed[d.workload]();
  watch();
}

static void on_misc(uv_timer_t *timer) {
  (void)timer;
  check(mosquitto_loop_misc(m));
}

int main(int argc, char **argv) {
  driver_init(&d, "libmosquitto", argc, argv);
  memset(payload, 'x', sizeof(payload));
  mosquitto_lib_init();
  m = mosquitto_new("bench", true, NULL);
  driver_check(m != NULL, "mosquitto_new");
  mosquitto_max_inflight_messages_set(m, IN_FLIGHT);
  mosquitto_connect_callback_set(m, on_connect);
  mosquitto_message_callback_set(m, on_message);
  check(mosquitto_connect(m, "127.0.0.1", d.port, 60));
  uv_loop_init(&loop);
  uv_poll_init(&loop, &poll_handle, mosquitto_socket(m));
  uv_timer_init(&loop, &misc);
  uv_timer_start(&misc, on_misc, 1000, 1000);
  watch();
  uv_run(&loop, UV_RUN_DEFAULT);
  mosquitto_disconnect(m);
  mosquitto_destroy(m);
  mosquitto_lib_cleanup();
  return uv_loop_close(&loop) == 0 ? 0 : 1;
}
