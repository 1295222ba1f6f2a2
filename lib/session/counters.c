#include "session/counters.h"

#include "base/alloc.h"
#include <string.h>
#include <uvmqtt/message.h>

#define BOTH(type, n)                                                          \
  [UM_SENT][UVMQTT_##type] = (n), [UM_RECEIVED][UVMQTT_##type] = (n) + 1
#define ONLY(direction, type, n) [UM_##direction][UVMQTT_##type] = (n)

/* 0: what is not to come. */
const uint8_t um_counter_of[2][16] = {
    BOTH(PUBLISH, 1),
    BOTH(PUBACK, 3),
    BOTH(PUBREC, 5),
    BOTH(PUBREL, 7),
    BOTH(PUBCOMP, 9),
    BOTH(DISCONNECT, 11),
    BOTH(AUTH, 13),
    ONLY(SENT, CONNECT, 15),
    ONLY(RECEIVED, CONNACK, 16),
    ONLY(SENT, SUBSCRIBE, 17),
    ONLY(RECEIVED, SUBACK, 18),
    ONLY(SENT, UNSUBSCRIBE, 19),
    ONLY(RECEIVED, UNSUBACK, 20),
    ONLY(SENT, PINGREQ, 21),
    ONLY(RECEIVED, PINGRESP, 22),
};

void um_counters_done(struct um_counters *c) {
  um_free(c->high);
  c->high = NULL;
}

/* Without memory it stays at the greatest number until there is some. */
void um_counters_carry(struct um_counters *c, unsigned i) {
  if (c->high == NULL)
    c->high = um_calloc(UM_COUNTED, sizeof *c->high);
  if (c->high == NULL)
    c->low[i] = UINT32_MAX;
  else
    c->high[i]++;
}

uint64_t um_counters_get(const struct um_counters *c, unsigned i) {
  uint64_t high = c->high == NULL ? 0 : c->high[i];
  return high << 32 | c->low[i];
}

void um_counters_list(const struct um_counters *c, enum um_direction d,
                      uint64_t ret[16]) {
  memset(ret, 0, 16 * sizeof *ret);
  for (unsigned type = 1; type < 16; type++)
    if (um_counter_of[d][type] != 0)
      ret[type] = um_counters_get(c, um_counter_of[d][type]);
  if (d == UM_RECEIVED)
    ret[0] = um_counters_get(c, 0);
}

uint64_t um_counters_total(const struct um_counters *c, enum um_direction d) {
  uint64_t list[16], total = 0;
  um_counters_list(c, d, list);
  for (unsigned type = 0; type < 16; type++)
    total += list[type];
  return total;
}
