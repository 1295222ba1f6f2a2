#include "client/budget.h"

#include <stddef.h>

#define HANDSHAKES 32u
#define RECONNECTS 200u
#define BURST_PART 10u /* of what a second allows may go at once */
#define SECOND 1000000u

static struct um_turn *turn_at(struct um_list *link) {
  return um_list_of(link, struct um_turn, link);
}

void um_budget_limit(struct um_budget *b, uint32_t handshakes,
                     uint32_t reconnects) {
  b->handshakes = handshakes == 0 ? HANDSHAKES : handshakes;
  b->reconnects = reconnects == 0 ? RECONNECTS : reconnects;
  b->burst = b->reconnects / BURST_PART;
  if (b->burst == 0)
    b->burst = 1;
  /* a burst and then one at each pace are `reconnects` in the first second */
  b->pace = SECOND / (b->reconnects - b->burst + 1u);
  if (b->pace * (b->reconnects - b->burst + 1u) < SECOND && b->pace != 0)
    b->pace++;
}

void um_budget_init(struct um_budget *b) {
  *b = (struct um_budget){.next = 0};
  um_list_init(&b->line);
  um_list_init(&b->seats);
  um_budget_limit(b, 0, 0);
}

void um_turn_init(struct um_turn *t) {
  *t = (struct um_turn){.since = 0};
  um_list_init(&t->link);
}

static void unseat(struct um_budget *b, struct um_turn *t) {
  um_list_remove(&t->link);
  t->since = 0;
  b->n_seats--;
}

/* A server that does not answer shall not keep the clients of others off. */
static void forget_slow(struct um_budget *b, uint64_t now) {
  while (!um_list_empty(&b->seats)) {
    struct um_turn *t = turn_at(b->seats.next);
    if (now < t->since + UM_SEAT_MS * 1000u)
      return;
    unseat(b, t);
  }
}

/* The earliest that the foremost may go, as things are. */
static uint64_t earliest(const struct um_budget *b) {
  uint64_t tolerance = (b->burst - 1u) * b->pace;
  uint64_t paced = b->next > tolerance ? b->next - tolerance : 0;
  uint64_t seat = 0;
  if (b->n_seats >= b->handshakes)
    seat = turn_at(b->seats.next)->since + UM_SEAT_MS * 1000u;
  return paced > seat ? paced : seat;
}

static void queue(struct um_budget *b, struct um_turn *t) {
  if (um_turn_in_line(t))
    return;
  t->ticket = ++b->last_ticket;
  um_list_push(&b->line, &t->link);
}

static void seat(struct um_budget *b, struct um_turn *t, uint64_t now) {
  um_list_remove(&t->link);
  um_list_push(&b->seats, &t->link);
  t->since = now;
  b->n_seats++;
  b->next = (b->next > now ? b->next : now) + b->pace;
}

bool um_budget_ask(struct um_budget *b, struct um_turn *t, uint64_t now,
                   uint64_t *ret_when) {
  forget_slow(b, now);
  queue(b, t);
  struct um_turn *first = turn_at(b->line.next);
  uint64_t when = earliest(b);
  if (first == t && when <= now) {
    seat(b, t, now);
    return true;
  }
  when = when > now ? when : now + 1;
  *ret_when = when + (t->ticket - first->ticket) * b->pace;
  return false;
}

void um_budget_leave(struct um_budget *b, struct um_turn *t) {
  if (t->since != 0)
    unseat(b, t);
  else
    um_list_remove(&t->link);
}

struct um_turn *um_budget_foremost(struct um_budget *b) {
  return um_list_empty(&b->line) ? NULL : turn_at(b->line.next);
}
