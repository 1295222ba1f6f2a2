#include "session/counters.h"

#include "base/alloc.h"
#include "support/suite.h"
#include "wire/packet.h"
#include <uvmqtt/message.h>

SUITE(counters);

static bool may_send(unsigned type, enum um_direction d) {
  unsigned side = d == UM_SENT ? UM_CLIENT : UM_SERVER;
  return um_packet_rules[type].senders[1] >> side & 1;
}

/* Each place is one counter: nothing is counted where something else is. */
Test(counters, each_type_of_each_side_is_counted_for_itself) {
  struct um_counters c = {.low = {0}};
  uint64_t list[2][16], total = 0;
  for (unsigned d = 0; d < 2; d++)
    for (unsigned type = 1; type < 16; type++)
      for (unsigned i = 0; may_send(type, d) && i < 20 * d + type; i++, total++)
        um_counters_packet(&c, d, type);
  um_counters_list(&c, UM_SENT, list[UM_SENT]);
  um_counters_list(&c, UM_RECEIVED, list[UM_RECEIVED]);
  for (unsigned d = 0; d < 2; d++)
    for (unsigned type = 1; type < 16; type++)
      cr_expect_eq(list[d][type], may_send(type, d) ? 20 * d + type : 0,
                   "type %u, direction %u", type, d);
  cr_expect_eq(um_counters_total(&c, UM_SENT) +
                   um_counters_total(&c, UM_RECEIVED),
               total);
}

Test(counters, what_may_not_come_counts_apart) {
  struct um_counters c = {.low = {0}};
  uint64_t list[16];
  um_counters_packet(&c, UM_RECEIVED, 0);
  um_counters_packet(&c, UM_RECEIVED, UVMQTT_SUBSCRIBE);
  um_counters_list(&c, UM_RECEIVED, list);
  cr_expect_eq(list[0], 2);
  cr_expect_eq(list[UVMQTT_SUBSCRIBE], 0);
  cr_expect_eq(um_counters_total(&c, UM_RECEIVED), 2);
  um_counters_list(&c, UM_SENT, list);
  cr_expect_eq(list[UVMQTT_SUBSCRIBE], 0);
  cr_expect_eq(um_counters_total(&c, UM_SENT), 0);
}

Test(counters, go_on_beyond_32_bits) {
  struct um_counters c = {.low = {0}};
  unsigned publish = um_counter_of[UM_RECEIVED][UVMQTT_PUBLISH];
  c.low[publish] = UINT32_MAX;
  um_counters_packet(&c, UM_RECEIVED, UVMQTT_PUBLISH);
  um_counters_packet(&c, UM_RECEIVED, UVMQTT_PUBLISH);
  cr_expect_eq(um_counters_get(&c, publish), UINT64_C(0x100000001));
  cr_expect_eq(um_counters_get(&c, UM_COUNTED_DUPLICATES), 0);
  um_counters_done(&c);
}

Test(counters, stand_still_rather_than_begin_anew_without_memory) {
  struct um_counters c = {.low = {0}};
  c.low[UM_COUNTED_DUPLICATES] = UINT32_MAX;
  um_alloc_fail_at(1, false);
  um_counters_add(&c, UM_COUNTED_DUPLICATES);
  um_alloc_fail_at(0, false);
  cr_expect_eq(um_counters_get(&c, UM_COUNTED_DUPLICATES), UINT32_MAX);
  um_counters_add(&c, UM_COUNTED_DUPLICATES);
  cr_expect_eq(um_counters_get(&c, UM_COUNTED_DUPLICATES),
               UINT64_C(0x100000000));
  um_counters_done(&c);
}
