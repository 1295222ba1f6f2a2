/* client/budget.h: how many clients of a loop may begin to connect, at once
 * and in a second. Who may not stands in line: first come, first served. Only
 * the foremost decides when it goes; the others ask again about when it will be
 * their turn, and are woken before if it comes sooner. */
#ifndef UM_CLIENT_BUDGET_H
#define UM_CLIENT_BUDGET_H

#include "base/list.h"
#include <stdbool.h>
#include <stdint.h>

#define UM_SEAT_MS 1000u /* a handshake that takes longer counts no more */

/* A client's part in it. */
struct um_turn {
  struct um_list link; /* in the line or among the seats; alone: neither */
  uint64_t ticket;     /* its place in the line */
  uint64_t since;      /* us; seated, 0: not */
};

struct um_budget {
  uint32_t handshakes, reconnects, burst;
  uint64_t pace; /* us between two */
  uint64_t next; /* us; when the burst is used up, the next may go */
  struct um_list line;
  struct um_list seats; /* the longest seated first */
  uint32_t n_seats;
  uint64_t last_ticket;
};

void um_budget_init(struct um_budget *b);
/* 0: the default. In any second at most `reconnects` begin. */
void um_budget_limit(struct um_budget *b, uint32_t handshakes,
                     uint32_t reconnects);

void um_turn_init(struct um_turn *t);
static inline bool um_turn_in_line(const struct um_turn *t) {
  return t->since == 0 && !um_list_empty(&t->link);
}

/* True: go, and give the seat back. False: it stands in line, and asks again
 * at *ret_when (us, later than now), or sooner. */
bool um_budget_ask(struct um_budget *b, struct um_turn *t, uint64_t now,
                   uint64_t *ret_when);
/* Gives back the seat, or the place in line; with neither nothing happens. */
void um_budget_leave(struct um_budget *b, struct um_turn *t);
/* Whose turn it is; to be asked after each of the two. NULL: nobody waits. */
struct um_turn *um_budget_foremost(struct um_budget *b);

#endif
