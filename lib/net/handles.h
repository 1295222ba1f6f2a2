/* net/handles.h: the uv handles of one owner, kept, closed and counted
 * together, also when the host has closed some of them behind our back
 * (uv_walk with uv_close(h, NULL) on everything).
 *
 * Each handle is memory of its own, freed when libuv is certainly done with
 * it. Only making one can run out of memory; closing and the turn below need
 * none. (On Windows a close may take more turns than the two counted for a
 * handle that the host closed; not tried there.) */
#ifndef UM_NET_HANDLES_H
#define UM_NET_HANDLES_H

#include "net/turns.h"

struct um_handles {
  struct um_turns *turns; /* of their loop */
  struct um_turn_link waits;
  struct um_list list; /* all whose memory we still hold */
  void *arg;
  void (*turn)(void *arg);   /* wanted at the next hop */
  void (*closed)(void *arg); /* set once um_handles_close was called */
  uint32_t holds;
  uint8_t hops; /* still to go until memory the host closed is free */
  bool unref;
};

void um_handles_init(struct um_handles *g, struct um_turns *turns, bool unref,
                     void *arg);

/* Zeroed memory for a uv handle, which comes first in it; NULL when out. Until
 * um_handles_add it is given back with um_handle_free. */
void *um_handle_alloc(size_t size);
void um_handle_free(void *handle);

/* Takes a handle that a uv_..._init has accepted. */
void um_handles_add(struct um_handles *g, void *handle);

/* The host has not closed it, and neither have we. */
static inline bool um_handle_open(const void *handle) {
  return !uv_is_closing((const uv_handle_t *)handle);
}

/* Closes one of them for good. Its requests still call back with UV_ECANCELED
 * as libuv likes; then the memory goes, without a word. */
void um_handle_close(void *handle);

/* Calls turn(arg) once from the loop, soon, after whatever is ready on the
 * sockets was handled; a second call before that replaces the first. */
void um_handles_turn(struct um_handles *g, void (*turn)(void *arg));

/* Something that is no handle but must be waited for, such as a request. */
void um_handles_hold(struct um_handles *g);
void um_handles_release(struct um_handles *g);

/* Once: closes all; closed(arg) comes from the loop when nothing is left, also
 * when there was nothing. A turn not yet taken is forgotten. */
void um_handles_close(struct um_handles *g, void (*closed)(void *arg));

void um_handles_ref(struct um_handles *g, bool on); /* present and future */
bool um_handles_own(const struct um_handles *g, const uv_handle_t *h);

#endif
