#include "session/packet_id.h"

#include "base/alloc.h"
#include "support/suite.h"

SUITE(packet_id);

static int holder, other;

/* [MQTT-2.2.1-3/5], [MQTT-2.3.1-1/311]: never 0 */
Test(packet_id, begins_with_1_and_goes_up) {
  struct um_packet_ids ids;
  um_packet_ids_init(&ids);
  cr_assert_null(um_packet_id_find(&ids, 1));
  cr_assert_eq(um_packet_id_take(&ids, &holder), 1);
  cr_assert_eq(um_packet_id_take(&ids, &other), 2);
  cr_assert_eq(um_packet_id_find(&ids, 1), &holder);
  cr_assert_eq(um_packet_id_find(&ids, 2), &other);
  cr_assert_null(um_packet_id_find(&ids, 0));
  cr_assert_null(um_packet_id_find(&ids, 3));
  cr_assert_eq(ids.n, 2);
  um_packet_ids_done(&ids);
}

Test(packet_id, lets_a_freed_one_rest_until_the_round_is_over) {
  struct um_packet_ids ids;
  um_packet_ids_init(&ids);
  for (unsigned id = 1; id <= 65535; id++) {
    cr_assert_eq(um_packet_id_take(&ids, &holder), id);
    um_packet_id_give_back(&ids, (uint16_t)id);
  }
  cr_assert_eq(um_packet_id_take(&ids, &holder), 1);
  um_packet_ids_done(&ids);
}

/* [MQTT-2.2.1-3/5], [MQTT-2.3.1-2/311]: unused ids only */
Test(packet_id, passes_those_that_are_held) {
  struct um_packet_ids ids;
  um_packet_ids_init(&ids);
  um_packet_id_take(&ids, &holder); /* 1 */
  um_packet_id_take(&ids, &holder); /* 2 */
  ids.last = 65535;
  cr_assert_eq(um_packet_id_take(&ids, &holder), 3);
  ids.last = 65534;
  cr_assert_eq(um_packet_id_take(&ids, &holder), 65535);
  cr_assert_eq(um_packet_id_take(&ids, &holder), 4);
  um_packet_ids_done(&ids);
}

Test(packet_id, gives_0_when_all_are_held_and_the_one_freed_after_that) {
  struct um_packet_ids ids;
  um_packet_ids_init(&ids);
  for (unsigned n = 1; n <= 65535; n++)
    cr_assert_neq(um_packet_id_take(&ids, &holder), 0);
  cr_assert_eq(um_packet_id_take(&ids, &holder), 0);
  static const uint16_t some[] = {1, 255, 256, 257, 32768, 65280, 65535};
  for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
    um_packet_id_give_back(&ids, some[i]);
    cr_assert_null(um_packet_id_find(&ids, some[i]));
    cr_assert_eq(um_packet_id_take(&ids, &other), some[i]);
    cr_assert_eq(um_packet_id_find(&ids, some[i]), &other);
  }
  cr_assert_eq(ids.n, 65535);
  um_packet_ids_done(&ids);
}

Test(packet_id, gives_0_without_memory_and_works_again) {
  struct um_packet_ids ids;
  um_packet_ids_init(&ids);
  um_alloc_fail_at(1, false);
  cr_assert_eq(um_packet_id_take(&ids, &holder), 0);
  um_alloc_fail_at(0, false);
  cr_assert_eq(ids.n, 0);
  cr_assert_eq(um_packet_id_take(&ids, &holder), 1);
  um_packet_ids_done(&ids);
}

Test(packet_id, allocates_nothing_while_a_few_come_and_go) {
  struct um_packet_ids ids;
  um_packet_ids_init(&ids);
  uint16_t older = um_packet_id_take(&ids, &holder);
  for (unsigned n = 0; n < 1000; n++) { /* both pages exist once */
    uint16_t id = um_packet_id_take(&ids, &holder);
    um_packet_id_give_back(&ids, older);
    older = id;
  }
  um_alloc_fail_at(0, false);
  for (unsigned n = 0; n < 200000; n++) {
    uint16_t id = um_packet_id_take(&ids, &holder);
    um_packet_id_give_back(&ids, older);
    older = id;
  }
  cr_assert_leq(um_alloc_calls(), 1);
  um_packet_ids_done(&ids);
}
