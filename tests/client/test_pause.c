/* uvmqtt_read_stop and uvmqtt_read_start, with a server made of a plain libuv
 * stream on the same loop. MQTT 3.1.1. */
#include "support/suite.h"
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

SUITE(pause);

/* QoS 1, one letter each */
#define MESSAGE(n) "\x32\x05\x00\x01" n "\x00\x01"

struct rig {
  uv_loop_t loop;
  uv_tcp_t server, peer;
  uint16_t port;
  uvmqtt_t *m;
  uvmqtt_options_t options;
  uint8_t got[256]; /* by the server, CONNECT first */
  size_t n_got;
  char messages[64];
  bool pausing;
  bool online;
  int ended; /* on_disconnect said */
  bool left;
};

/* The server: answers CONNECT, ends when DISCONNECT comes. */

static void send_bytes(struct rig *rig, const void *bytes, size_t len) {
  uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
  cr_assert(uv_try_write((uv_stream_t *)&rig->peer, &buf, 1) == (int)len);
}

#define SEND(rig, text) send_bytes(rig, text, sizeof(text) - 1)

static void end_peer(struct rig *rig) {
  if (!uv_is_closing((uv_handle_t *)&rig->peer))
    uv_close((uv_handle_t *)&rig->peer, NULL);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *ret) {
  struct rig *rig = h->data;
  (void)size;
  *ret = uv_buf_init((char *)rig->got + rig->n_got,
                     (unsigned)(sizeof rig->got - rig->n_got));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  struct rig *rig = s->data;
  if (n <= 0) {
    end_peer(rig);
    return;
  }
  rig->n_got += (size_t)n;
  if (buf->base[0] == 0x10)
    SEND(rig, "\x20\x02\x00\x00");
  if (rig->n_got >= 2 && rig->got[rig->n_got - 2] == 0xE0)
    end_peer(rig);
}

static void on_accept(uv_stream_t *server, int status) {
  struct rig *rig = server->data;
  cr_assert(status == 0);
  uv_tcp_init(&rig->loop, &rig->peer);
  rig->peer.data = rig;
  cr_assert(uv_accept(server, (uv_stream_t *)&rig->peer) == 0);
  uv_read_start((uv_stream_t *)&rig->peer, on_alloc, on_read);
}

static void listen_somewhere(struct rig *rig) {
  struct sockaddr_in a;
  int len = sizeof a;
  uv_ip4_addr("127.0.0.1", 0, &a);
  uv_tcp_init(&rig->loop, &rig->server);
  rig->server.data = rig;
  cr_assert(uv_tcp_bind(&rig->server, (struct sockaddr *)&a, 0) == 0);
  cr_assert(uv_listen((uv_stream_t *)&rig->server, 1, on_accept) == 0);
  uv_tcp_getsockname(&rig->server, (struct sockaddr *)&a, &len);
  rig->port = ntohs(a.sin_port);
}

/* The client. */

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  struct rig *rig = uvmqtt_get_data(m);
  (void)connack;
  rig->online = true;
}

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  struct rig *rig = uvmqtt_get_data(m);
  strncat(rig->messages, message->topic, 1);
  if (rig->pausing)
    cr_assert(uvmqtt_read_stop(m) == 0);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  struct rig *rig = uvmqtt_get_data(m);
  rig->online = false;
  rig->ended = d->error->code;
}

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct rig *rig = arg;
  (void)m;
  cr_assert(result->status == 0);
  rig->left = true;
}

static void on_timer(uv_timer_t *timer) {
  (void)timer;
}

/* Turns the loop for so long, or until *flag. */
static void turn(struct rig *rig, unsigned ms, const bool *flag) {
  uv_timer_t timer;
  uint64_t end = uv_hrtime() / 1000000 + ms;
  uv_timer_init(&rig->loop, &timer);
  uv_timer_start(&timer, on_timer, 1, 1);
  while (uv_hrtime() / 1000000 < end && (flag == NULL || !*flag))
    uv_run(&rig->loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&rig->loop, UV_RUN_NOWAIT);
}

static void rig_open(struct rig *rig, int64_t keep_alive) {
  char url[64];
  memset(rig, 0, sizeof *rig);
  cr_assert(uv_loop_init(&rig->loop) == 0);
  listen_somewhere(rig);
  snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", rig->port);
  rig->options = (uvmqtt_options_t){UVMQTT_OPTIONS_INIT,
                                    .url = url,
                                    .client_id = "c",
                                    .version = UVMQTT_VERSION_311,
                                    .keep_alive = keep_alive,
                                    .reconnect_max = UVMQTT_OFF,
                                    .on_connect = on_connect,
                                    .on_message = on_message,
                                    .on_disconnect = on_disconnect,
                                    .data = rig};
  cr_assert(uvmqtt_new(&rig->loop, &rig->options, &rig->m) == 0);
}

static void rig_connect(struct rig *rig) {
  cr_assert(uvmqtt_connect(rig->m) == 0);
  turn(rig, 5000, &rig->online);
  cr_assert(rig->online);
  rig->n_got = 0;
}

static void rig_done(struct rig *rig) {
  uvmqtt_close(rig->m, NULL, NULL);
  uv_close((uv_handle_t *)&rig->server, NULL);
  uv_run(&rig->loop, UV_RUN_DEFAULT);
  cr_assert(uv_loop_close(&rig->loop) == 0);
}

Test(pause, inside_on_message_holds_the_rest_of_the_segment) {
  struct rig rig;
  rig_open(&rig, UVMQTT_OFF);
  rig_connect(&rig);
  rig.pausing = true;
  SEND(&rig, MESSAGE("1") MESSAGE("2") MESSAGE("3"));
  turn(&rig, 50, NULL);
  cr_assert_str_eq(rig.messages, "1");
  cr_assert(rig.n_got == 4, "one PUBACK");
  cr_assert(uvmqtt_read_start(rig.m) == 0);
  cr_assert_str_eq(rig.messages, "1"); /* not inside the call */
  rig.pausing = false;
  turn(&rig, 50, NULL);
  cr_assert_str_eq(rig.messages, "123");
  cr_assert(rig.n_got == 12);
  rig_done(&rig);
}

Test(pause, leaves_the_bytes_with_the_kernel) {
  struct rig rig;
  uvmqtt_stats_t before = {.size = sizeof before}, after = before;
  rig_open(&rig, UVMQTT_OFF);
  rig_connect(&rig);
  cr_assert(uvmqtt_read_stop(rig.m) == 0);
  cr_assert(uvmqtt_read_stop(rig.m) == 0);
  uvmqtt_get_stats(rig.m, &before);
  SEND(&rig, MESSAGE("1"));
  turn(&rig, 50, NULL);
  uvmqtt_get_stats(rig.m, &after);
  cr_assert(after.bytes_received == before.bytes_received);
  cr_assert(uvmqtt_read_start(rig.m) == 0);
  turn(&rig, 50, NULL);
  cr_assert_str_eq(rig.messages, "1");
  rig_done(&rig);
}

Test(pause, what_came_before_the_end_is_delivered_before_it) {
  struct rig rig;
  rig_open(&rig, UVMQTT_OFF);
  rig_connect(&rig);
  rig.pausing = true;
  SEND(&rig, "\x30\x03\x00\x01"
             "1\x30\x03\x00\x01"
             "2");
  end_peer(&rig);
  turn(&rig, 50, NULL);
  cr_assert(rig.online);
  cr_assert_str_eq(rig.messages, "1");
  rig.pausing = false;
  uvmqtt_read_start(rig.m);
  turn(&rig, 50, NULL);
  cr_assert_str_eq(rig.messages, "12");
  cr_assert(!rig.online && rig.ended == UV_EOF);
  rig_done(&rig);
}

Test(pause, before_connecting_holds_up_messages_only) {
  struct rig rig;
  rig_open(&rig, UVMQTT_OFF);
  cr_assert(uvmqtt_read_stop(rig.m) == 0);
  rig_connect(&rig);
  SEND(&rig, MESSAGE("1"));
  turn(&rig, 50, NULL);
  cr_assert_str_empty(rig.messages);
  uvmqtt_read_start(rig.m);
  turn(&rig, 50, NULL);
  cr_assert_str_eq(rig.messages, "1");
  rig_done(&rig);
}

Test(pause, does_not_hold_up_leaving) {
  struct rig rig;
  rig_open(&rig, UVMQTT_OFF);
  rig_connect(&rig);
  uvmqtt_read_stop(rig.m);
  SEND(&rig, MESSAGE("1"));
  cr_assert(uvmqtt_disconnect(rig.m, NULL, on_left, &rig) == 0);
  uint64_t start = uv_hrtime() / 1000000;
  turn(&rig, 5000, &rig.left);
  cr_assert(rig.left);
  cr_assert(uv_hrtime() / 1000000 - start < 500, "the server's end was seen");
  cr_assert(rig.n_got == 2 && rig.got[0] == 0xE0);
  cr_assert_str_empty(rig.messages);
  rig_done(&rig);
}

/* [MQTT-3.1.2-23/311], and no verdict on what is not read. */
Test(pause, keeps_the_connection_alive) {
  struct rig rig;
  rig_open(&rig, 1);
  rig_connect(&rig);
  uvmqtt_read_stop(rig.m);
  turn(&rig, 3200, NULL);
  cr_assert(rig.online);
  cr_assert(rig.n_got >= 6 && rig.got[0] == 0xC0, "three PINGREQs");
  uvmqtt_read_start(rig.m);
  SEND(&rig, "\xD0\x00\xD0\x00\xD0\x00");
  turn(&rig, 50, NULL);
  cr_assert(rig.online);
  turn(&rig, 3000, NULL); /* and now it is silent */
  cr_assert(!rig.online && rig.ended == UVMQTT_EKEEPALIVE);
  rig_done(&rig);
}

Test(pause, is_refused_without_a_client) {
  struct rig rig;
  cr_assert(uvmqtt_read_stop(NULL) == UV_EINVAL);
  cr_assert(uvmqtt_read_start(NULL) == UV_EINVAL);
  rig_open(&rig, UVMQTT_OFF);
  uvmqtt_close(rig.m, NULL, NULL);
  cr_assert(uvmqtt_read_stop(rig.m) == UV_ECANCELED);
  cr_assert(uvmqtt_read_start(rig.m) == UV_ECANCELED);
  rig_done(&rig);
}

/* Stopped, and closed from inside the callback, with bytes kept. */
static void close_in_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  on_message(m, message);
  if (message->topic[0] == '2')
    uvmqtt_close(m, NULL, NULL);
}

Test(pause, ends_with_close) {
  struct rig rig;
  rig_open(&rig, UVMQTT_OFF);
  rig.options.on_message = close_in_message;
  uvmqtt_close(rig.m, NULL, NULL);
  char url[64];
  snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", rig.port);
  rig.options.url = url;
  cr_assert(uvmqtt_new(&rig.loop, &rig.options, &rig.m) == 0);
  rig_connect(&rig);
  rig.pausing = true;
  SEND(&rig, MESSAGE("1") MESSAGE("2") MESSAGE("3"));
  turn(&rig, 50, NULL);
  uvmqtt_read_start(rig.m);
  turn(&rig, 50, NULL);
  cr_assert_str_eq(rig.messages, "12");
  rig.m = NULL; /* gone */
  rig_done(&rig);
}
