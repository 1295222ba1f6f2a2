/* session/spoken.h: what is remembered of servers that do not speak 5.0, or may
 * not. Nothing is, and takes no memory, of those that do.
 *
 * A server is a number that the owner of the session gave it. */
#ifndef UM_SESSION_SPOKEN_H
#define UM_SESSION_SPOKEN_H

#include <stdbool.h>
#include <stdint.h>

/* Each server of an options' list, and as many that redirects led to. */
#define UM_SPOKEN_MAX 32u

struct um_spoken {
  struct um_spoken *next; /* was needed longer ago */
  uint64_t server;
  uint8_t silent_ends; /* connections closed without a byte after CONNECT */
  bool only_311;
};

/* NULL: nothing is remembered of it. */
struct um_spoken *um_spoken_find(struct um_spoken **list, uint64_t server);
/* The same, but it is from now on; the one not needed for longest may be
 * forgotten for it. NULL: no memory. */
struct um_spoken *um_spoken_note(struct um_spoken **list, uint64_t server);
void um_spoken_done(struct um_spoken **list);

#endif
