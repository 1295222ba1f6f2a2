#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

static const char *const names[] = {
#define X(name, text) text,
    WORKLOAD_MAP(X)
#undef X
};

static int64_t cpu_at_start, wall_at_start; /* us */

/* user and system, all threads */
static int64_t cpu_now(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
         u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static int64_t wall_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void driver_check(int ok, const char *what) {
  if (ok)
    return;
  fprintf(stderr, "driver: %s\n", what);
  exit(1);
}

static enum workload find_workload(const char *name) {
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (strcmp(names[i], name) == 0)
      return (enum workload)i;
  driver_check(0, "no such workload");
  return PUB0;
}

void driver_init(struct driver *d, const char *client, int argc, char **argv) {
  driver_check(argc == 4, "usage: drive_NAME PORT WORKLOAD MESSAGES");
  d->client = client;
  d->port = atoi(argv[1]);
  d->workload = find_workload(argv[2]);
  d->messages = strtoull(argv[3], NULL, 10);
  driver_check(d->port > 0 && d->messages > 0, "bad port or message count");
}

const char *driver_filter(const struct driver *d) {
  static char filter[32];
  snprintf(filter, sizeof(filter), "flood/%llu",
           (unsigned long long)d->messages);
  return filter;
}

void driver_begin(void) {
  wall_at_start = wall_now();
  cpu_at_start = cpu_now();
}

void driver_end(const struct driver *d, uint64_t done) {
  int64_t cpu = cpu_now() - cpu_at_start, wall = wall_now() - wall_at_start;
  driver_check(done == d->messages, "wrong number of messages");
  printf("{\"client\":\"%s\",\"workload\":\"%s\",\"messages\":%llu,"
         "\"cpu_us\":%lld,\"wall_us\":%lld}\n",
         d->client, names[d->workload], (unsigned long long)done,
         (long long)cpu, (long long)wall);
}
