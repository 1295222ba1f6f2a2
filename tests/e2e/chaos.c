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

static void run(void *arg) {
  struct chaos *c = arg;
  uv_sem_wait(&c->go);
  while (!c->over) {
    uv_sleep(c->after);
    c->status = control(c, "stop", c->signal);
    if (c->status == 0)
      c->status = control(c, "restart", "");
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

void chaos_begin(struct chaos *c, const char *signal, unsigned after) {
  c->signal = signal;
  c->after = after;
  atomic_store(&c->busy, true);
  uv_sem_post(&c->go);
}

void chaos_end(struct chaos *c) {
  uv_sem_wait(&c->done);
  cr_assert_eq(c->status, 0, "the broker did not come back");
}
