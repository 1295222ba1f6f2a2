#define _GNU_SOURCE /* accept4 */
#include "sink.h"

#include "secret.h"
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_AROUND = 5, EVENTS = 256, FDS = 65536, BACKLOG = 4096 };

struct sink_shared {
  atomic_uint wish; /* 1: away */
  atomic_uint state;
  atomic_uint pings;
  atomic_uint n;
  uint64_t at[SINK_ACCEPTED_MAX];
};

uint64_t clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void die(const char *what) {
  fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* The server. */

static int poller, listener;
static bool open_fd[FDS];
static SSL_CTX *secrets; /* NULL: in clear text */
static SSL *secret[FDS];

static void watch(int fd) {
  struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e))
    die("epoll_ctl");
}

static void end_client(int fd) {
  struct linger now = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  open_fd[fd] = false;
  SSL_free(secret[fd]);
  secret[fd] = NULL;
  close(fd);
}

static void accept_all(struct sink_shared *s) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    uint32_t n = atomic_load(&s->n);
    if (n < SINK_ACCEPTED_MAX)
      s->at[n] = clock_ms();
    atomic_store(&s->n, n + 1);
    open_fd[fd] = true;
    if (secrets != NULL)
      secret[fd] = secret_accept(secrets, fd);
    watch(fd);
  }
  if (errno != EAGAIN)
    die("accept");
}

static bool answer(int fd, const void *data, size_t len) {
  return secret[fd] == NULL ? send(fd, data, len, MSG_NOSIGNAL) > 0
                            : secret_send(secret[fd], data, (int)len);
}

/* A packet comes whole, as the clients have nothing to say but these. */
static void serve_packet(struct sink_shared *s, int fd, const uint8_t *in) {
  static const uint8_t connack[] = {0x20, 3, 0, 0, 0}, pong[] = {0xD0, 0};
  if (in[0] == 0x10)
    answer(fd, connack, sizeof connack);
  else if (in[0] == 0xC0 && answer(fd, pong, sizeof pong))
    atomic_fetch_add(&s->pings, 1);
}

static void serve(struct sink_shared *s, int fd) {
  uint8_t in[512];
  ssize_t n = recv(fd, in, sizeof in, 0);
  if (n <= 0)
    end_client(fd);
  else
    serve_packet(s, fd, in);
}

static void serve_secret(struct sink_shared *s, int fd) {
  uint8_t in[512];
  int n;
  while ((n = secret_recv(secret[fd], in, sizeof in)) > 0)
    serve_packet(s, fd, in);
  if (n < 0)
    end_client(fd);
}

static void go_away(void) {
  close(listener);
  for (int fd = 0; fd < FDS; fd++)
    if (open_fd[fd])
      end_client(fd);
}

static int listen_at(uint16_t *port) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                          .sin_port = htons(*port)};
  socklen_t len = sizeof a;
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, BACKLOG) ||
      getsockname(fd, (struct sockaddr *)&a, &len))
    die("listen");
  *port = ntohs(a.sin_port);
  return fd;
}

static void obey(struct sink_shared *s, uint16_t port) {
  unsigned wish = atomic_load(&s->wish);
  if (wish == atomic_load(&s->state))
    return;
  if (wish) {
    go_away();
  } else {
    listener = listen_at(&port);
    watch(listener);
  }
  atomic_store(&s->state, wish);
}

static void run(struct sink_shared *s, uint16_t port) {
  struct epoll_event events[EVENTS];
  watch(listener);
  for (;;) {
    int n = epoll_wait(poller, events, EVENTS, LOOK_AROUND);
    for (int i = 0; i < n; i++)
      if (events[i].data.fd == listener)
        accept_all(s);
      else if (secrets != NULL)
        serve_secret(s, events[i].data.fd);
      else
        serve(s, events[i].data.fd);
    obey(s, port);
  }
}

/* Its owner. */

void sink_secure(char **ret_pem) {
  secrets = secret_new(ret_pem);
}

void sink_start(struct sink *s) {
  s->port = 0;
  listener = listen_at(&s->port);
  s->shared = mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (s->shared == MAP_FAILED)
    die("mmap");
  s->pid = fork();
  if (s->pid < 0)
    die("fork");
  if (s->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    poller = epoll_create1(0);
    run(s->shared, s->port);
  }
  close(listener);
  SSL_CTX_free(secrets); /* the child has its own */
}

void sink_stop(struct sink *s) {
  kill(s->pid, SIGKILL);
  waitpid(s->pid, NULL, 0);
  munmap(s->shared, sizeof *s->shared);
}

void sink_away(struct sink *s, int away) {
  struct timespec little = {.tv_nsec = 1000000};
  atomic_store(&s->shared->wish, (unsigned)away);
  while (atomic_load(&s->shared->state) != (unsigned)away)
    nanosleep(&little, NULL);
}

const uint64_t *sink_accepted(const struct sink *s, uint32_t *ret_n) {
  *ret_n = atomic_load(&s->shared->n);
  return s->shared->at;
}

uint32_t sink_pings(const struct sink *s) {
  return atomic_load(&s->shared->pings);
}
