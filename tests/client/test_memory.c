/* Each allocation of a client's life fails in turn (O12): no crash, no leak,
 * no hang, and each accepted request completes once. The peer is on a thread
 * of its own, whose allocations do not count. */
#include "client/rig.h"

#include "base/alloc.h"
#include "support/suite.h"
#include <string.h>

SUITE(memory);

static struct rig r;
static struct broker_thread peer;

#define PATIENCE 4000u /* ms: enough for all that goes on after one failure */

static bool over(uint64_t since) {
  return rig_clock() - since > PATIENCE;
}

static void turn(void) {
  uv_ref((uv_handle_t *)&r.guard);
  uv_run(&r.loop, UV_RUN_ONCE);
  uv_unref((uv_handle_t *)&r.guard);
}

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

static unsigned accepted;

static void note(int result) {
  cr_assert(result == 0 || result == UV_ENOMEM || result == UV_ENOTCONN ||
                result == UV_EALREADY,
            "%s", uvmqtt_err_name(result));
  accepted += result == 0;
}

/* One life; the failure is armed. false: it came to nothing at all. */
static void ask(uvmqtt_protocol_t version) {
  static char payload[3000];
  uvmqtt_property_t p = UVMQTT_USER_PROPERTY("k", "v");
  uvmqtt_message_t message = {.topic = "t",
                              .payload = {payload, 3000},
                              .qos = 2,
                              .properties = &p,
                              .n_properties = version == UVMQTT_VERSION_5};
  memset(payload, 'x', sizeof payload);
  note(guest_subscribe(&r.g, "f", 1));
  note(guest_publish(&r.g, "t", "0", 0));
  note(guest_publish(&r.g, "t", "1", 1));
  note(guest_publish(&r.g, "t", "2", 2));
  int result = uvmqtt_publish(r.g.m, &message, guest_completed(),
                              (char *)&r.g + r.g.requests, NULL);
  r.g.requests += result == 0;
  note(result);
}

static void wait_for_completions(uint64_t since, unsigned n) {
  while (r.g.n[COMPLETED] < r.g.requests && !over(since))
    turn();
  cr_assert_eq(r.g.n[COMPLETED], r.g.requests,
               "allocation %u: %u of %u requests completed:\n%s", n,
               r.g.n[COMPLETED], r.g.requests, r.g.log);
}

static int open_guest(uvmqtt_protocol_t version) {
  uvmqtt_message_t will = {.topic = "w", .payload = {"gone", 4}};
  uvmqtt_property_t p = UVMQTT_USER_PROPERTY("k", "v");
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = peer.b.url,
                        .client_id = "c",
                        .version = version,
                        .username = "u",
                        .password = {"p", 1},
                        .will = &will,
                        .properties = &p,
                        .n_properties = version == UVMQTT_VERSION_5,
                        .reconnect_min = 1,
                        .reconnect_max = 2};
  return guest_try(&r, &r.g, &o);
}

/* Returns how many allocations were asked for while n was armed. */
static uint64_t life(uvmqtt_protocol_t version, unsigned n, bool forever) {
  uv_timer_t tick;
  uint64_t since = rig_clock();
  rig_open(&r);
  r.crowded = true;
  uv_timer_init(&r.loop, &tick);
  uv_timer_start(&tick, on_tick, 20, 20);
  um_alloc_fail_at(n, forever);
  int result = open_guest(version);
  if (result == 0) {
    ask(version);
    note(guest_connect(&r.g));
    if (!forever) {
      if (uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE)
        guest_connect(&r.g); /* refused for memory: again */
      wait_for_completions(since, n);
      note(guest_unsubscribe(&r.g, "f"));
      wait_for_completions(since, n);
      if (guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0) == 0)
        while (r.g.n[LEFT] == 0 && !over(since))
          turn();
    } else {
      for (int i = 0; i < 6; i++)
        turn();
      note(guest_publish(&r.g, "t", "late", 1));
      guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 30);
      for (int i = 0; i < 4; i++)
        turn();
    }
    cr_assert(!over(since), "allocation %u hangs:\n%s", n, r.g.log);
  } else {
    cr_assert_eq(result, UV_ENOMEM);
    r.g.m = NULL;
  }
  uv_close((uv_handle_t *)&tick, NULL);
  guest_close(&r.g); /* needs no memory */
  while (r.g.m != NULL && !over(since))
    turn();
  cr_assert(r.g.m == NULL, "allocation %u: close hangs", n);
  uint64_t calls = um_alloc_calls();
  um_alloc_fail_at(0, false);
  if (result == 0)
    guest_all_completed(&r.g);
  rig_close(&r);
  return calls;
}

static void each_in_turn(uvmqtt_protocol_t version, bool forever) {
  unsigned n = 1;
  broker_start(&peer);
  peer.b.echo = true;
  uint64_t all = life(version, UINT32_MAX, false);
  cr_assert_eq(r.g.status[1], 0);
  cr_assert_gt(all, 20, "%u allocations", (unsigned)all);
  for (; n <= all; n++)
    life(version, n, forever);
  broker_stop(&peer);
}

Test(memory, each_allocation_of_a_life_in_5_fails_once) {
  each_in_turn(UVMQTT_VERSION_5, false);
}

Test(memory, each_allocation_of_a_life_in_311_fails_once) {
  each_in_turn(UVMQTT_VERSION_311, false);
}

Test(memory, all_allocations_fail_from_each_one_on) {
  each_in_turn(UVMQTT_VERSION_5, true);
}
