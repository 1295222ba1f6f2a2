/* session/acklist.h: messages of one QoS that the user has not acknowledged,
 * or whose acknowledgement waits for that of an earlier one. In the order of
 * their arrival, which is the order in which acknowledgements must leave.
 *
 * A ring that grows to what was open at once and stays: 65,535 at most, four
 * bytes each. Entries are numbered from 1 for the life of the list, so a number
 * tells whether its message came on this connection. Pure bookkeeping. */
#ifndef UM_SESSION_ACKLIST_H
#define UM_SESSION_ACKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct um_ack {
  uint16_t id;
  uint8_t reason;
  bool settled; /* the user has spoken: reason */
};

struct um_acklist {
  struct um_ack *ring;
  size_t cap; /* a power of two */
  size_t first, n;
  uint64_t popped;  /* entries gone; the oldest one has the next number */
  uint64_t earlier; /* of which came on earlier connections */
};

void um_acklist_done(struct um_acklist *l);
/* Room for one more, so that the next push cannot fail. UM_ENOMEM. */
int um_acklist_reserve(struct um_acklist *l);
/* The newest entry. Returns its number. */
uint64_t um_acklist_push(struct um_acklist *l, uint16_t id, bool settled);
/* 0; UVMQTT_ESTALE: of an earlier connection; UM_ENOENT: no such entry, or it
 * is settled. */
int um_acklist_find(const struct um_acklist *l, uint64_t number,
                    struct um_ack **ret);
/* The oldest entry when it is settled, else NULL. */
const struct um_ack *um_acklist_due(const struct um_acklist *l);
void um_acklist_pop(struct um_acklist *l); /* the oldest */
/* Forgets all; their numbers are stale from now on. */
void um_acklist_new_connection(struct um_acklist *l);

#endif
