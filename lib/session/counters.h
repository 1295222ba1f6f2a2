/* session/counters.h: what a session has counted. Small, as thousands of idle
 * sessions have one each: what is over 32 bits is kept apart.
 *
 * A type that only one side may send has one place; what the other side sends
 * of it all the same is counted with what has no type. */
#ifndef UM_SESSION_COUNTERS_H
#define UM_SESSION_COUNTERS_H

#include <stdint.h>

enum um_direction { UM_SENT, UM_RECEIVED };

enum um_counted {
  /* the packets, see um_counter_of */
  UM_COUNTED_UNKNOWN_ACKS = 23,
  UM_COUNTED_DUPLICATES,
  UM_COUNTED_LATE_REPLIES,
  UM_COUNTED
};

/* Zeroed memory is a new one. */
struct um_counters {
  uint32_t low[UM_COUNTED];
  uint32_t ping_rtt; /* ms, of the latest PINGREQ that was answered */
  uint32_t *high;    /* [UM_COUNTED]; NULL: nothing was over 32 bits yet */
};

void um_counters_done(struct um_counters *c);

extern const uint8_t um_counter_of[2][16]; /* place by direction and type */

void um_counters_carry(struct um_counters *c, unsigned i);

static inline void um_counters_add(struct um_counters *c, unsigned i) {
  if (++c->low[i] == 0)
    um_counters_carry(c, i);
}

static inline void um_counters_packet(struct um_counters *c,
                                      enum um_direction d, unsigned type) {
  um_counters_add(c, um_counter_of[d][type]);
}

uint64_t um_counters_get(const struct um_counters *c, unsigned i);
/* By type; [0]: those of no type, or of one that this side may not send. */
void um_counters_list(const struct um_counters *c, enum um_direction d,
                      uint64_t ret[16]);
uint64_t um_counters_total(const struct um_counters *c, enum um_direction d);

#endif
