#include "resolver.h"
#include "net/address.h"
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned let_go, started, once;

static const struct {
  const char *name, *hosts[20];
} zone[] = {
    {"pair.test", {"127.0.0.1", "127.0.0.2"}},
    {"mixed.test", {"::1", "127.0.0.1"}},
    {"sync.test", {"fe80::1", "127.0.0.1"}},
    {"four.test", {"::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"}},
    {"once.test", {"127.0.0.1"}},
    {"slow.test", {"127.0.0.1"}},
    {"empty.test", {NULL}},
    {"dead.test",
     {"127.0.0.1",  "127.0.0.2",  "127.0.0.3",  "127.0.0.4",  "127.0.0.5",
      "127.0.0.6",  "127.0.0.7",  "127.0.0.8",  "127.0.0.9",  "127.0.0.10",
      "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14", "127.0.0.15",
      "127.0.0.16", "127.0.0.17", "127.0.0.18", "127.0.0.19", "127.0.0.20"}},
};

void resolver_let_go(unsigned times) {
  pthread_mutex_lock(&lock);
  let_go += times;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

unsigned resolver_started(void) {
  unsigned n;
  pthread_mutex_lock(&lock);
  n = started;
  pthread_mutex_unlock(&lock);
  return n;
}

static void wait_for_leave(void) {
  pthread_mutex_lock(&lock);
  ++started;
  while (let_go == 0)
    pthread_cond_wait(&changed, &lock);
  --let_go;
  pthread_mutex_unlock(&lock);
}

struct entry {
  struct addrinfo ai;
  struct um_address a;
};

static struct addrinfo *entry(const char *host, struct addrinfo *next) {
  struct entry *e = calloc(1, sizeof *e);
  if (e == NULL || um_address_parse(host, 0, &e->a) != 0)
    abort();
  e->ai.ai_family = e->a.u.any.sa_family;
  e->ai.ai_socktype = SOCK_STREAM;
  e->ai.ai_addr = &e->a.u.any;
  e->ai.ai_next = next;
  return &e->ai;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints,
                struct addrinfo **restrict ret) {
  size_t i = 0;
  if (service != NULL || hints->ai_family != AF_UNSPEC ||
      hints->ai_socktype != SOCK_STREAM || hints->ai_flags != AI_ADDRCONFIG)
    return EAI_BADFLAGS;
  while (i < sizeof zone / sizeof zone[0] && strcmp(zone[i].name, name) != 0)
    ++i;
  if (i == sizeof zone / sizeof zone[0])
    return EAI_NONAME;
  if (strcmp(name, "slow.test") == 0)
    wait_for_leave();
  if (strcmp(name, "once.test") == 0 && once++ > 0)
    return EAI_AGAIN;
  *ret = NULL;
  for (size_t n = 20; n-- > 0;)
    if (zone[i].hosts[n] != NULL)
      *ret = entry(zone[i].hosts[n], *ret);
  return 0;
}

void freeaddrinfo(struct addrinfo *ai) {
  while (ai != NULL) {
    struct addrinfo *next = ai->ai_next;
    free(ai);
    ai = next;
  }
}
