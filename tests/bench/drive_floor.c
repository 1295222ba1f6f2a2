/* drive_floor: the least a client on libuv can cost.
 *
 * The same bytes as the others send, copied into 64 KiB batches, one uv_write
 * in flight; acknowledgements are counted, not looked up; a flood is counted
 * in bytes. No client can be cheaper without leaving libuv.
 */
#include "driver.h"
#include "packet.h"

#include <string.h>
#include <uv.h>

#define BATCH (64 * 1024)

static struct driver d;
static uv_loop_t loop;
static uv_tcp_t tcp;
static uv_write_t write_req;
static uint8_t out[BATCH], in[BATCH];
static uint8_t message[2][PACKET_MAX]; /* by QoS */
static size_t message_size[2];
static uint64_t queued, acked, expected; /* expected: bytes to be received */
static int writing;
static uint16_t next_id;

static void write_out(size_t len);

static size_t put(uint8_t *to, int qos) {
  memcpy(to, message[qos], message_size[qos]);
  if (qos == 1)
    packet_u16(to + 4 + strlen(MESSAGE_TOPIC), ++next_id ? next_id : ++next_id);
  return message_size[qos];
}

static void feed_pub0(void) {
  size_t len = 0;
  for (; queued < d.messages && len + PACKET_MAX <= BATCH; queued++)
    len += put(out + len, 0);
  if (queued == d.messages && len + PACKET_MAX <= BATCH) {
    len += put(out + len, 1);
    queued++;
  }
  write_out(len);
}

static void feed_pub1(void) {
  size_t len = 0;
  for (; queued < d.messages && queued - acked < IN_FLIGHT; queued++)
    len += put(out + len, 1);
  write_out(len);
}

static void feed_recv0(void) {
  static int asked;
  const char *filter = driver_filter(&d);
  size_t len = strlen(filter), n = 4;
  if (asked++)
    return;
  n += packet_u16(out + n, len);
  memcpy(out + n, filter, len);
  n += len;
  out[n++] = 0;
  memcpy(out, (uint8_t[]){SUBSCRIBE << 4 | 2, (uint8_t)(n - 2), 0, 1}, 4);
  write_out(n);
}

static void (*const feed[])(void) = {
    [PUB0] = feed_pub0,
    [PUB1] = feed_pub1,
    [RECV0] = feed_recv0,
};

static void on_written(uv_write_t *req, int status) {
  (void)req;
  driver_check(status == 0, "write failed");
  writing = 0;
  feed[d.workload]();
}

static void write_out(size_t len) {
  uv_buf_t buf = uv_buf_init((char *)out, (unsigned)len);
  if (len == 0)
    return;
  writing = 1;
  int r = uv_write(&write_req, (uv_stream_t *)&tcp, &buf, 1, on_written);
  driver_check(r == 0, "uv_write");
}

static void finish(void) {
  driver_end(&d, d.messages);
  uv_close((uv_handle_t *)&tcp, NULL);
}

/* PUBACKs are 4 bytes each; a flood is SUBACK, messages and marker. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  static uint64_t received;
  (void)stream;
  (void)buf;
  driver_check(n >= 0, "connection lost");
  received += (uint64_t)n;
  acked = received / 4;
  if (received == expected)
    finish();
  else if (!writing)
    feed[d.workload]();
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
  (void)handle;
  (void)size;
  *buf = uv_buf_init((char *)in, sizeof(in));
}

static void prepare(void) {
  uint8_t marker[PACKET_MAX];
  for (uint8_t qos = 0; qos < 2; qos++)
    message_size[qos] =
        packet_publish(message[qos], 4, qos, 0, MESSAGE_TOPIC, MESSAGE_PAYLOAD);
  const uint64_t all[] = {
      [PUB0] = 4,
      [PUB1] = 4 * d.messages,
      [RECV0] = 5 + d.messages * message_size[0] +
                packet_publish(marker, 4, 0, 0, MARKER_TOPIC, 0),
  };
  expected = all[d.workload];
}

static void on_connack(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  static const uint8_t connack[] = {CONNACK << 4, 2, 0, 0};
  driver_check(n == 4 && memcmp(buf->base, connack, 4) == 0, "no CONNACK");
  uv_read_stop(stream);
  uv_read_start(stream, on_alloc, on_read);
  driver_begin();
  feed[d.workload]();
}

static void on_connect(uv_connect_t *req, int status) {
  static const char hello[] = "\x10\x11\0\4MQTT\4\2\0\0\0\5floor";
  uv_buf_t buf = uv_buf_init((char *)hello, sizeof(hello) - 1);
  driver_check(status == 0, "connect failed");
  int r = uv_try_write(req->handle, &buf, 1);
  driver_check(r == (int)buf.len, "CONNECT not sent");
  uv_read_start(req->handle, on_alloc, on_connack);
}

int main(int argc, char **argv) {
  struct sockaddr_in address;
  uv_connect_t req;
  driver_init(&d, "floor", argc, argv);
  prepare();
  uv_loop_init(&loop);
  uv_tcp_init(&loop, &tcp);
  uv_ip4_addr("127.0.0.1", d.port, &address);
  int r =
      uv_tcp_connect(&req, &tcp, (const struct sockaddr *)&address, on_connect);
  driver_check(r == 0, "uv_tcp_connect");
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) == 0 ? 0 : 1;
}
