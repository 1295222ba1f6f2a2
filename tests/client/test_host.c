/* What the host does to its loop, and what the client does to the host. */
#include "client/rig.h"
#include "client/states.h"
#include "support/suite.h"
#include <signal.h>
#include <string.h>

SUITE(host);

static struct rig r;

/* As hosts do at their end, though only on what is not the test's own. */
static void close_blindly(uv_handle_t *h, void *arg) {
  if (!rig_owns(arg, h) && !uv_is_closing(h))
    uv_close(h, NULL);
}

static void walk(void) {
  uv_walk(&r.loop, close_blindly, &r);
}

static void turn(int times) {
  for (int i = 0; i < times; i++)
    uv_run(&r.loop, UV_RUN_NOWAIT);
}

Test(host, walks_and_closes_all_handles_before_the_client_is_closed) {
  for (size_t i = 0; i < n_state_rows; i++)
    for (int turns = 0; turns <= 4; turns++) {
      rig_open(&r);
      state_rows[i].reach(&r);
      walk();
      turn(turns);
      guest_close(&r.g);
      rig_close(&r);
    }
}

Test(host, walks_and_closes_all_handles_after_the_client_was_closed) {
  for (size_t i = 0; i < n_state_rows; i++)
    for (int turns = 0; turns <= 4; turns++) {
      rig_open(&r);
      state_rows[i].reach(&r);
      guest_close(&r.g);
      turn(turns);
      walk();
      rig_close(&r);
    }
}

Test(host, walks_twice_and_goes_on_asking) {
  for (size_t i = 0; i < n_state_rows; i++) {
    rig_open(&r);
    state_rows[i].reach(&r);
    walk();
    guest_publish(&r.g, "t", "x", 1);
    guest_connect(&r.g);
    turn(2);
    guest_publish(&r.g, "t", "x", 0);
    walk();
    turn(1);
    walk();
    guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 20);
    turn(3);
    guest_close(&r.g);
    rig_close(&r);
  }
}

static void walk_there(struct guest *g) {
  (void)g;
  walk();
}

Test(host, walks_inside_every_kind_of_callback) {
  for (int what = CONNECTED; what < CLOSED; what++) {
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1};
    rig_open(&r);
    r.b.polite = r.b.echo = true;
    guest_open(&r, &r.g, &o);
    r.g.on[what] = walk_there;
    guest_publish(&r.g, "t", "0", 0);
    guest_publish(&r.g, "t", "1", 1);
    guest_connect(&r.g);
    rig_rest(&r, 5);
    guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 20);
    rig_rest(&r, 5);
    rig_close(&r);
  }
}

Test(host, walks_over_several_clients) {
  static struct guest others[5];
  for (int turns = 0; turns <= 4; turns++) {
    rig_open(&r);
    r.b.polite = r.crowded = true;
    guest_open(&r, &r.g, NULL);
    for (int i = 0; i < 5; i++) {
      guest_open(&r, &others[i], NULL);
      guest_publish(&others[i], "t", "x", 1);
      if (i != 4)
        guest_connect(&others[i]);
    }
    UNTIL(&r, others[0].n[COMPLETED] + others[1].n[COMPLETED] == 2);
    guest_close(&others[0]);
    guest_publish(&others[1], "t", "y", 0);
    turn(turns);
    walk();
    for (int i = 0; i < 5; i++) {
      guest_close(&others[i]);
      turn(i % 2);
    }
    UNTIL(&r, others[0].closed && others[1].closed && others[2].closed &&
                  others[3].closed && others[4].closed);
    rig_close(&r);
  }
}

static unsigned walked;

static void close_cleanly(uv_handle_t *h, void *arg) {
  bool ours = rig_owns(arg, h);
  int taken = uvmqtt_walk_close(h);
  cr_assert_eq(taken, !ours, "walk_close says %d to a %s%s", taken,
               uv_handle_type_name(uv_handle_get_type(h)),
               uv_is_closing(h) ? ", closing" : "");
  walked += taken != 0;
}

/* No close callback comes then: uvmqtt_walk_close has none to give. */
Test(host, walks_with_uvmqtt_walk_close, .timeout = 60) {
  for (size_t i = 0; i < n_state_rows; i++) {
    rig_open(&r);
    state_rows[i].reach(&r);
    walked = 0;
    r.g.closing = true;
    uv_walk(&r.loop, close_cleanly, &r);
    if (walked == 0) { /* it had no handle yet */
      r.g.closing = false;
      guest_close(&r.g);
      rig_close(&r);
      continue;
    }
    broker_close(&r.b);
    uv_close((uv_handle_t *)&r.guard, NULL);
    uv_run(&r.loop, UV_RUN_DEFAULT); /* until nothing is left */
    cr_assert_eq(uv_loop_close(&r.loop), 0, "%s", state_rows[i].name);
  }
}

/* Whoever closes, and whatever with, hears of the end who asked to. */
Test(host, closes_with_a_callback_after_uvmqtt_walk_close, .timeout = 60) {
  for (size_t i = 0; i < n_state_rows; i++) {
    rig_open(&r);
    state_rows[i].reach(&r);
    uv_walk(&r.loop, close_cleanly, &r);
    uvmqtt_close(r.g.m, NULL, NULL);
    guest_close(&r.g);
    uvmqtt_close(r.g.m, NULL, NULL);
    UNTIL(&r, r.g.closed);
    cr_assert_eq(r.g.n[CLOSED], 1, "%s", state_rows[i].name);
    rig_close(&r);
  }
}

/* Guests touch nothing that is the host's. */
Test(host, finds_its_data_and_its_signal_dispositions_as_they_were) {
  struct sigaction action;
  rig_open(&r);
  r.loop.data = &r;
  r.b.polite = r.b.echo = true;
  rig_online(&r, NULL, NULL);
  guest_publish(&r.g, "t", "0", 0);
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  cr_expect_eq(r.loop.data, &r);
  sigaction(SIGPIPE, NULL, &action);
  cr_expect_eq(action.sa_handler, SIG_DFL);
  rig_close(&r);
}

/* O10 */
static void survives(void (*end)(struct broker *b), bool fin_first) {
  static char payload[200000];
  struct sigaction action = {.sa_handler = SIG_DFL};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  sigaction(SIGPIPE, &action, NULL);
  memset(payload, 'x', sizeof payload - 1);
  rig_open(&r);
  rig_online(&r, &o, NULL);
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
  for (int i = 0; i < 40; i++)
    cr_assert_eq(guest_publish(&r.g, "t", payload, 0), 0);
  rig_rest(&r, 3);
  if (fin_first)
    broker_finishes(&r.b);
  end(&r.b);
  for (int i = 0; i < 10 && r.g.n[DISCONNECTED] == 0; i++) {
    guest_publish(&r.g, "t", payload, 0); /* without a turn in between, too */
    uv_run(&r.loop, UV_RUN_NOWAIT);
  }
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_lt(r.g.error.code, 0);
  rig_close(&r);
}

Test(host, survives_a_reset_with_bytes_queued) {
  survives(broker_resets, false);
}

Test(host, survives_an_end_with_bytes_queued) {
  survives(broker_hangs_up, false);
}

Test(host, survives_a_fin_and_then_a_reset) {
  survives(broker_resets, true);
}

Test(host, survives_writing_to_a_peer_that_reset_unnoticed) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  for (int i = 0; i < 3; i++) {
    if (i == 1)
      broker_resets(&r.b);
    uvmqtt_read_stop(r.g.m);
    guest_publish(&r.g, "t", "x", 0);
    uv_run(&r.loop, UV_RUN_NOWAIT);
    guest_publish(&r.g, "t", "x", 1);
    uv_run(&r.loop, UV_RUN_NOWAIT);
  }
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  rig_close(&r);
}
