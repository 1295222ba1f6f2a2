/* chaos.h: a thread that ends a broker and starts it again, while the test's
 * own thread is inside a call that blocks. */
#ifndef E2E_CHAOS_H
#define E2E_CHAOS_H

#include "e2e/site.h"
#include <stdatomic.h>

struct chaos {
  uv_thread_t thread;
  uv_sem_t go, done;
  const char *directory;
  const char *signal; /* "TERM" or "KILL" */
  unsigned after;     /* ms, before the signal */
  atomic_bool busy;
  bool over;
  int status; /* of the last one; 0: the broker listens again */
};

void chaos_open(struct chaos *c, const struct broker *b);
void chaos_close(struct chaos *c);

/* Returns at once; busy until the broker listens again. */
void chaos_begin(struct chaos *c, const char *signal, unsigned after);
/* Waits for that, and asserts that it did. */
void chaos_end(struct chaos *c);

#endif
