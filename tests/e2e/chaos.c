#include "e2e/chaos.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int control(const struct chaos *c, const char *verb, const char *last) {
  char command[1024];
  snprintf(command, sizeof command, "'%s' %s '%s' %s >/dev/null",
           getenv("UVMQTT_BROKER_CTL"), verb, c->directory, last);
  return system(command); /* NOLINT: names of our own making */
}

static void forget(const struct chaos *c) {
  char path[512];
  snprintf(path, sizeof path, "%s/state/mosquitto.db", c->directory);
  remove(path); /* there may be none yet */
}

static int restart(const struct chaos *c) {
  int r = control(c, "stop", c->end == CHAOS_TERM ? "TERM" : "KILL");
  if (c->end == CHAOS_FORGET)
    forget(c);
  return r ? r : control(c, "restart", "");
}

static void run(void *arg) {
  struct chaos *c = arg;
  uv_sem_wait(&c->go);
  while (!c->over) {
    uv_sleep(c->after);
    c->status = restart(c);
    atomic_store(&c->busy, false);
    uv_sem_post(&c->done);
    uv_sem_wait(&c->go);
  }
}

void chaos_open(struct chaos *c, const struct broker *b) {
  memset(c, 0, sizeof *c);
  c->directory = b->directory;
  cr_assert(uv_sem_init(&c->go, 0) == 0 && uv_sem_init(&c->done, 0) == 0);
  cr_assert(uv_thread_create(&c->thread, run, c) == 0);
}

void chaos_close(struct chaos *c) {
  c->over = true;
  uv_sem_post(&c->go);
  uv_thread_join(&c->thread);
  uv_sem_destroy(&c->go);
  uv_sem_destroy(&c->done);
}

void chaos_begin(struct chaos *c, enum chaos_end end, unsigned after) {
  c->end = end;
  c->after = after;
  atomic_store(&c->busy, true);
  uv_sem_post(&c->go);
}

void chaos_end(struct chaos *c) {
  uv_sem_wait(&c->done);
  cr_assert_eq(c->status, 0, "the broker did not come back");
}
