#include "peer.h"

#include "support/hex.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 10000 /* ms */

static bool ready(int fd, int ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, ms) == 1;
}

static bool do_accept(struct peer *p, const char *unused) {
  (void)unused;
  if (p->fd >= 0)
    close(p->fd);
  p->fd = ready(p->listener, PATIENCE) ? accept(p->listener, NULL, NULL) : -1;
  return p->fd >= 0;
}

static bool receive(struct peer *p, uint8_t *ret) {
  return ready(p->fd, PATIENCE) && recv(p->fd, ret, 1, 0) == 1;
}

/* Byte by byte, so that the place of a difference is known. */
static bool expect(struct peer *p, const uint8_t *want, size_t n) {
  uint8_t got = 0;
  for (size_t i = 0; i < n; i++)
    if (!receive(p, &got) || got != want[i]) {
      fprintf(stderr, "at byte %zu, last was %02x: ", i, got);
      return false;
    }
  return n > 0;
}

static bool do_expect(struct peer *p, const char *line) {
  uint8_t want[1024];
  long n = hex_read(line, want, sizeof want);
  return n > 0 && expect(p, want, (size_t)n);
}

static bool do_packet(struct peer *p, const char *type) {
  uint8_t *at = p->packet;
  if (!receive(p, at) || *at != strtoul(type, NULL, 16))
    return false;
  if (!receive(p, ++at) || *at > 127)
    return false;
  p->packet_len = *at + 2u;
  while (at < p->packet + p->packet_len - 1)
    if (!receive(p, ++at))
      return false;
  return true;
}

static bool do_again(struct peer *p, const char *unused) {
  (void)unused;
  return expect(p, p->packet, p->packet_len);
}

static bool do_send(struct peer *p, const char *line) {
  uint8_t bytes[4096];
  long n = hex_read(line, bytes, sizeof bytes);
  return n > 0 && send(p->fd, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool do_silent(struct peer *p, const char *ms) {
  return !ready(p->fd, atoi(ms));
}

static bool do_sleep(struct peer *p, const char *ms) {
  (void)p;
  return poll(NULL, 0, atoi(ms)) == 0;
}

static bool do_await(struct peer *p, const char *unused) {
  (void)unused;
  uv_sem_wait(&p->go);
  return true;
}

static bool do_tell(struct peer *p, const char *unused) {
  (void)unused;
  uv_sem_post(&p->told);
  return true;
}

static bool do_eof(struct peer *p, const char *unused) {
  uint8_t byte;
  (void)unused;
  return ready(p->fd, PATIENCE) && recv(p->fd, &byte, 1, 0) == 0;
}

static bool do_close(struct peer *p, const char *unused) {
  (void)unused;
  close(p->fd);
  p->fd = -1;
  return true;
}

static bool do_reset(struct peer *p, const char *unused) {
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  return do_close(p, unused);
}

static const struct {
  const char *word;
  bool (*play)(struct peer *p, const char *rest);
} words[] = {
    {"accept", do_accept}, {"<", do_expect},      {">", do_send},
    {"await", do_await},   {"silent", do_silent}, {"sleep", do_sleep},
    {"tell", do_tell},     {"eof", do_eof},       {"packet", do_packet},
    {"again", do_again},   {"close", do_close},   {"reset", do_reset},
};

static bool play(struct peer *p, const char *line) {
  size_t len = strcspn(line, " ");
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strlen(words[i].word) == len && !memcmp(words[i].word, line, len))
      return words[i].play(p, line + len);
  return false;
}

static void stop_listening(struct peer *p) {
  if (p->listener >= 0)
    close(p->listener);
  p->listener = -1;
}

/* Nobody is to come in between the last line and the end. */
static bool is_last_word(const char *const *line) {
  return line[1] == NULL && strcmp(*line, "accept") != 0;
}

static void run(void *arg) {
  struct peer *p = arg;
  for (const char *const *line = p->lines; *line != NULL; line++) {
    if (is_last_word(line))
      stop_listening(p);
    if (!play(p, *line)) {
      fprintf(stderr, "peer: %s\n", *line);
      snprintf(p->failure, sizeof p->failure, "%s", *line);
      break;
    }
  }
  if (p->fd >= 0)
    close(p->fd);
  stop_listening(p);
  uv_sem_post(&p->told); /* nobody waits for one that failed */
}

static int listen_somewhere(uint16_t *ret_port) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0);
  cr_assert(listen(fd, 8) == 0);
  cr_assert(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
  *ret_port = ntohs(a.sin_port);
  return fd;
}

void peer_start(struct peer *p, const char *const *lines) {
  *p = (struct peer){.lines = lines, .fd = -1};
  p->listener = listen_somewhere(&p->port);
  cr_assert(uv_sem_init(&p->go, 0) == 0 && uv_sem_init(&p->told, 0) == 0);
  cr_assert(uv_thread_create(&p->thread, run, p) == 0);
}

void peer_go(struct peer *p) {
  uv_sem_post(&p->go);
}

void peer_told(struct peer *p) {
  uv_sem_wait(&p->told);
}

void peer_done(struct peer *p) {
  uv_thread_join(&p->thread);
  uv_sem_destroy(&p->go);
  uv_sem_destroy(&p->told);
  cr_assert(p->failure[0] == '\0', "the peer stopped at: %s", p->failure);
}
