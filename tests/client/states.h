/* client/states.h: a client brought into each state of its life, for matrices
 * of what may be done to it there. */
#ifndef CLIENT_STATES_H
#define CLIENT_STATES_H

#include "client/rig.h"

struct state_row {
  const char *name;
  /* Opens the guest of an open rig and leaves it there, with requests made. */
  void (*reach)(struct rig *r);
};

extern const struct state_row state_rows[];
extern const size_t n_state_rows;

#endif
