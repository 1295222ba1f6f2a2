/* session/commons.h: memory that the sessions of one thread use in turn: none
 * of them needs it between two calls. Zeroed memory is empty. */
#ifndef UM_SESSION_COMMONS_H
#define UM_SESSION_COMMONS_H

#include "base/buf.h"
#include "wire/packet.h"

struct um_commons {
  struct um_pool out;        /* a spare block for out buffers */
  struct um_scratch scratch; /* what decoding puts beside a packet */
};

static inline void um_commons_done(struct um_commons *c) {
  um_pool_done(&c->out);
  um_scratch_done(&c->scratch);
}

#endif
