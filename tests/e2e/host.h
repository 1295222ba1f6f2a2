/* host.h: the program around the clients: one loop, waiting for conditions,
 * and other programs. */
#ifndef E2E_HOST_H
#define E2E_HOST_H

#include <stdbool.h>
#include <uv.h>

struct host {
  uv_loop_t loop;
  uv_timer_t guard;
  bool late;
  struct peer *peers;                    /* those alive, for explain */
  void (*explain)(const struct host *h); /* when something never came */
};

void host_open(struct host *h);

/* Asserts that nothing of the clients is left on the loop. */
void host_close(struct host *h);

/* Turns the loop until the condition holds; fails the test when that does not
 * come to pass. */
#define UNTIL(h, condition)                                                    \
  do {                                                                         \
    host_arm(h);                                                               \
    while (!(condition))                                                       \
      host_turn(h, #condition, __FILE__, __LINE__);                            \
  } while (0)

/* Time that a server must let pass goes by. */
void host_pass(struct host *h, uint64_t ms);

void host_arm(struct host *h);
void host_turn(struct host *h, const char *awaited, const char *file, int line);

/* Another program on this loop; what it prints is kept. */
struct program {
  uv_process_t process;
  uv_pipe_t out;
  char text[4000];
  size_t len;
  int64_t status; /* 128 + signal when one ended it */
  unsigned open;  /* handles */
};

/* argv ends with NULL. It has ended when program_ended says so. */
void program_start(struct host *h, struct program *p, const char *const *argv);
bool program_ended(const struct program *p);

/* Both, and asserts status 0. */
void program_run(struct host *h, struct program *p, const char *const *argv);

#endif
