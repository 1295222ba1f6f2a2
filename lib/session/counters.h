/* session/counters.h: what a session has counted. A type that only one side may
 * send has one place; what the other side sends of it all the same is counted
 * with what has no type. */
#ifndef UM_SESSION_COUNTERS_H
#define UM_SESSION_COUNTERS_H

#include <stdint.h>

enum um_direction { UM_SENT, UM_RECEIVED };

#define UM_COUNTED 23u

struct um_counters {
  uint64_t packets[UM_COUNTED];
  uint64_t unknown_acks, duplicates, late_replies;
  uint32_t ping_rtt; /* ms, of the latest PINGREQ that was answered */
};

extern const uint8_t um_counter_of[2][16]; /* place by direction and type */

static inline void um_counters_packet(struct um_counters *c,
                                      enum um_direction d, unsigned type) {
  c->packets[um_counter_of[d][type]]++;
}

/* By type; [0]: those of no type, or of one that this side may not send. */
void um_counters_list(const struct um_counters *c, enum um_direction d,
                      uint64_t ret[16]);
uint64_t um_counters_total(const struct um_counters *c, enum um_direction d);

#endif
