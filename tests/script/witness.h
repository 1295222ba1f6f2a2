/* script/witness.h: tells what the session calls up for, as lines. */
#ifndef SCRIPT_WITNESS_H
#define SCRIPT_WITNESS_H

#include "script/player.h"

/* The callbacks; without a store until store= is said. */
void witness_listen(struct player *p);
void witness_commit(void *up, const struct um_store_op *ops, size_t n,
                    uint64_t batch);
/* n batches more are durable. */
void witness_store_done(struct player *p, uint64_t n);
void witness_store_fails(struct player *p); /* for good */

#endif
