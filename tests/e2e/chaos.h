/* chaos.h: a thread that ends a broker and starts it again, while the test's
 * own thread is inside a call that blocks. */
#ifndef E2E_CHAOS_H
#define E2E_CHAOS_H

#include "e2e/site.h"
#include <stdatomic.h>

enum chaos_end {
  CHAOS_TERM,   /* the broker saves all that it knows */
  CHAOS_KILL,   /* it knows what it saved last */
  CHAOS_FORGET, /* the same, and the file is gone: it knows nothing */
  CHAOS_ENDS,
};

struct chaos {
  uv_thread_t thread;
  uv_sem_t go, done;
  const char *directory;
  enum chaos_end end;
  unsigned after; /* ms, before that */
  atomic_bool busy;
  bool over;
  int status; /* of the last one; 0: the broker listens again */
};

void chaos_open(struct chaos *c, const struct broker *b);
void chaos_close(struct chaos *c);

/* Returns at once; busy until the broker listens again. */
void chaos_begin(struct chaos *c, enum chaos_end end, unsigned after);
/* Waits for that, and asserts that it did. */
void chaos_end(struct chaos *c);

#endif
