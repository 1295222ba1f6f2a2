/* net/turns.h: the way into the loop that needs no memory and that a host
 * cannot take away: a handle that is closing from the moment it exists. The
 * handle groups of a loop (net/handles.h) share one. */
#ifndef UM_NET_TURNS_H
#define UM_NET_TURNS_H

#include "base/list.h"
#include <uv.h>

struct um_turns {
  uv_loop_t *loop;
  struct um_list waiting;  /* links of those who want the next hop */
  bool hopping;            /* one is on its way */
  void (*idle)(void *arg); /* see um_turns_done; NULL: not asked for */
  void *arg;
  uv_idle_t hop; /* never runs: only its close callback is used */
};

struct um_turn_link {
  struct um_list link;
  void (*hop)(struct um_turn_link *w);
};

/* Stays where it is, until um_turns_done has called back or no hop is on its
 * way any more. */
void um_turns_init(struct um_turns *t, uv_loop_t *loop);
/* hop comes once from the loop, soon, after whatever is ready on the sockets
 * was handled; hops come in the order in which they were asked for. Asking
 * again before that changes nothing. */
void um_turns_ask(struct um_turns *t, struct um_turn_link *w);
/* idle(arg) comes from the loop when nothing of this is in it any more. Nobody
 * asks afterwards. */
void um_turns_done(struct um_turns *t, void (*idle)(void *arg), void *arg);
bool um_turns_own(const struct um_turns *t, const uv_handle_t *h);

static inline void um_turn_link_init(struct um_turn_link *w,
                                     void (*hop)(struct um_turn_link *w)) {
  um_list_init(&w->link);
  w->hop = hop;
}

static inline bool um_turn_link_waits(const struct um_turn_link *w) {
  return !um_list_empty(&w->link);
}

#endif
