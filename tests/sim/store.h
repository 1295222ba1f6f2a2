/* sim/store.h: a store that answers at once, late, or very late, or fails: once
 * and then for ever, as nothing is handed to it afterwards. What is durable is
 * a picture of its own, which the judge looks at when bytes go to the network.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "session/journal.h"

struct world;

struct row { /* an outgoing message */
  uint64_t seq;
  uint32_t message;
  uint16_t pid;
  uint8_t state;  /* enum um_op_state */
  uint64_t epoch; /* in which it was sent */
};

struct in_row {
  uint16_t pid;
  uint64_t epoch;
};

struct image {
  struct row *rows;
  size_t n_rows, cap_rows;
  struct in_row *ins;
  size_t n_ins, cap_ins;
  uint64_t epoch;
  bool may_exist;
  char client_id[24];
};

struct store {
  struct image durable;
  struct batch *first, **last; /* handed over, not durable yet */
  uint64_t busy_until;
  bool failed;
  uint64_t life;   /* a later one ignores the answers to an earlier one */
  uint64_t epochs; /* begun, durable or not */
};

void store_init(struct world *w);
void store_done(struct world *w);
/* A client object without a store's memory begins. */
void store_reset(struct world *w);
void store_commit(void *up, const struct um_store_op *ops, size_t n,
                  uint64_t batch);
const struct row *store_row(struct world *w, uint16_t pid);
const struct in_row *store_in(struct world *w, uint16_t pid);

#endif
