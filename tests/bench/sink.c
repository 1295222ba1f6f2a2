/* sink: the peer of every benchmark run, as cheap as a server can be.
 *
 * Listens on a free loopback port and prints it. Serves one connection after
 * the other, and after each prints how many PUBLISH packets of QoS 0 and of
 * QoS 1 came, which proves what the drivers claim. A subscription to "flood/N"
 * is answered with N messages and a marker. Ends when killed, or by itself
 * after an hour.
 */
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BUFFER (256 * 1024)
#define FLOOD_BLOCK 700 /* messages in one send of a flood */

/* Each answer is shorter than its request, so out never overflows. */
struct peer {
  int fd;
  uint8_t level;
  uint64_t published[2]; /* by QoS */
  size_t held, n_out;
  uint8_t in[BUFFER], out[BUFFER];
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int send_all(int fd, const uint8_t *data, size_t len) {
  while (len > 0) {
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n < 0)
      return -1;
    data += n;
    len -= (size_t)n;
  }
  return 0;
}

static int flush(struct peer *p) {
  size_t n = p->n_out;
  p->n_out = 0;
  return send_all(p->fd, p->out, n);
}

static void answer(struct peer *p, const uint8_t *data, size_t len) {
  memcpy(p->out + p->n_out, data, len);
  p->n_out += len;
}

static int flood(struct peer *p, uint64_t count) {
  static uint8_t block[FLOOD_BLOCK * PACKET_MAX];
  uint8_t marker[PACKET_MAX];
  size_t size = 0;
  for (int i = 0; i < FLOOD_BLOCK; i++)
    size = packet_publish(block + (size_t)i * size, p->level, 0, 0,
                          MESSAGE_TOPIC, MESSAGE_PAYLOAD);
  while (count > 0) {
    uint64_t n = count < FLOOD_BLOCK ? count : FLOOD_BLOCK;
    int r = send_all(p->fd, block, n * size);
    if (r)
      return r;
    count -= n;
  }
  size = packet_publish(marker, p->level, 0, 0, MARKER_TOPIC, 0);
  return send_all(p->fd, marker, size);
}

/* 3.1 is not spoken: the level byte stands behind "MQTT". */
static int on_connect(struct peer *p, const struct packet *packet) {
  static const uint8_t connack[] = {CONNACK << 4, 2, 0, 0};
  static const uint8_t connack5[] = {CONNACK << 4, 3, 0, 0, 0};
  if (packet->body_len < 10)
    return -1;
  p->level = packet->body[6];
  if (p->level == 4)
    answer(p, connack, sizeof(connack));
  else if (p->level == 5)
    answer(p, connack5, sizeof(connack5));
  else
    return -1;
  return 0;
}

static int on_publish(struct peer *p, const struct packet *packet) {
  unsigned qos = packet->flags >> 1 & 3;
  if (qos > 1 || packet->body_len < 4)
    return -1;
  p->published[qos]++;
  if (qos == 0)
    return 0;
  size_t topic_len = packet_get_u16(packet->body);
  if (packet->body_len < 2 + topic_len + 2)
    return -1;
  const uint8_t *id = packet->body + 2 + topic_len;
  answer(p, (uint8_t[]){PUBACK << 4, 2, id[0], id[1]}, 4);
  return 0;
}

/* One filter; 5.0: properties of less than 128 bytes. */
static int on_subscribe(struct peer *p, const struct packet *packet) {
  const uint8_t *body = packet->body;
  char filter[64];
  size_t at = 2;
  if (p->level == 5 && packet->body_len > at)
    at += 1 + (size_t)body[at];
  if (packet->body_len < at + 2)
    return -1;
  size_t len = packet_get_u16(body + at);
  if (packet->body_len != at + 2 + len + 1 || len >= sizeof(filter))
    return -1;
  memcpy(filter, body + at + 2, len);
  filter[len] = '\0';
  if (p->level == 5)
    answer(p, (uint8_t[]){SUBACK << 4, 4, body[0], body[1], 0, 0}, 6);
  else
    answer(p, (uint8_t[]){SUBACK << 4, 3, body[0], body[1], 0}, 5);
  if (strncmp(filter, "flood/", 6) != 0)
    return 0;
  int r = flush(p);
  if (r)
    return r;
  return flood(p, strtoull(filter + 6, NULL, 10));
}

static int on_pingreq(struct peer *p, const struct packet *packet) {
  (void)packet;
  answer(p, (uint8_t[]){PINGRESP << 4, 0}, 2);
  return 0;
}

/* What has no row, DISCONNECT among it, ends the connection. */
static int (*const rules[16])(struct peer *, const struct packet *) = {
    [CONNECT] = on_connect,
    [PUBLISH] = on_publish,
    [SUBSCRIBE] = on_subscribe,
    [PINGREQ] = on_pingreq,
};

static int consume(struct peer *p) {
  struct packet packet;
  size_t at = 0;
  int r;
  while ((r = packet_read(p->in + at, p->held - at, &packet)) > 0) {
    if (!rules[packet.type] || rules[packet.type](p, &packet) < 0)
      return -1;
    at += packet.size;
  }
  p->held -= at;
  memmove(p->in, p->in + at, p->held);
  return r;
}

static bool serve(struct peer *p) {
  ssize_t n = recv(p->fd, p->in + p->held, BUFFER - p->held, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return true;
  if (n <= 0)
    return false;
  p->held += (size_t)n;
  return consume(p) == 0 && flush(p) == 0 && p->held < BUFFER;
}

/* Reads never wait since epoll said so; writes do, for the client's sake not
 * for ever. */
static struct peer *welcome(int listener, int ep) {
  static const struct timeval bound = {.tv_sec = 30};
  struct peer *p = calloc(1, sizeof(*p));
  if (!p || (p->fd = accept(listener, NULL, NULL)) < 0)
    die("accept");
  if (setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) ||
      setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)))
    die("setsockopt");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
  if (epoll_ctl(ep, EPOLL_CTL_ADD, p->fd, &event))
    die("epoll_ctl");
  return p;
}

static void farewell(struct peer *p) {
  printf("%llu %llu\n", (unsigned long long)p->published[0],
         (unsigned long long)p->published[1]);
  close(p->fd);
  free(p);
}

static int listen_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t len = sizeof(address);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 16) ||
      getsockname(fd, (struct sockaddr *)&address, &len))
    die("listen");
  printf("%d\n", ntohs(address.sin_port));
  return fd;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  alarm(3600);
  int listener = listen_loopback();
  int ep = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &event))
    die("epoll");
  for (;;) {
    int n = epoll_wait(ep, &event, 1, -1);
    if (n < 0 && errno != EINTR)
      die("epoll_wait");
    if (n <= 0)
      continue;
    struct peer *p = event.data.ptr;
    if (!p)
      welcome(listener, ep);
    else if (!serve(p))
      farewell(p);
  }
}
