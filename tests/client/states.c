#include "client/states.h"

#include <criterion/criterion.h>
#include <string.h>

static char payload[600000];

static void ask(struct rig *r) {
  cr_assert_eq(guest_publish(&r->g, "t", "0", 0), 0);
  cr_assert_eq(guest_publish(&r->g, "t", "1", 1), 0);
  cr_assert_eq(guest_subscribe(&r->g, "f", 2), 0);
  cr_assert_eq(guest_publish(&r->g, "t", "2", 2), 0);
  cr_assert_eq(guest_unsubscribe(&r->g, "g"), 0);
}

static void is(struct rig *r, uvmqtt_state_t state) {
  cr_assert_eq(uvmqtt_state(r->g.m), state, "not %s but %s",
               uvmqtt_state_name(state),
               uvmqtt_state_name(uvmqtt_state(r->g.m)));
}

static void reach_new(struct rig *r) {
  guest_open(r, &r->g, NULL);
}

static void reach_offline(struct rig *r) {
  reach_new(r);
  ask(r);
}

static void reach_asked(struct rig *r) { /* the loop has not turned yet */
  reach_offline(r);
  guest_connect(&r->g);
  is(r, UVMQTT_STATE_OFFLINE);
}

static void reach_resolving(struct rig *r) {
  char url[64];
  snprintf(url, sizeof url, "mqtt://localhost:%u", r->b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url};
  guest_open(r, &r->g, &o);
  ask(r);
  guest_connect(&r->g);
  UNTIL(r, uvmqtt_state(r->g.m) == UVMQTT_STATE_CONNECTING);
}

static void reach_connecting(struct rig *r) {
  reach_asked(r);
  UNTIL(r, uvmqtt_state(r->g.m) == UVMQTT_STATE_CONNECTING);
  cr_assert_eq(r->b.accepted, 0);
}

static void reach_greeting(struct rig *r) {
  reach_asked(r);
  HEARS(r, "CONNECT ...");
  is(r, UVMQTT_STATE_CONNECTING);
}

static void reach_online(struct rig *r) {
  reach_new(r);
  rig_online(r, NULL, "CONNACK receive_maximum=1");
  ask(r); /* not yet written */
  is(r, UVMQTT_STATE_ONLINE);
}

static void reach_inflight(struct rig *r) {
  reach_online(r);
  for (int i = 0; i < 4; i++) /* all but the QoS 2 one */
    HEARS(r, "...");
}

static void reach_paused(struct rig *r) {
  reach_inflight(r);
  cr_assert_eq(uvmqtt_read_stop(r->g.m), 0);
  SAYS(r, "PUBACK id=3");
  rig_rest(r, 2);
}

/* More than the kernel takes: the writer waits for the socket. */
static void reach_clogged(struct rig *r) {
  reach_online(r);
  uv_read_stop((uv_stream_t *)&r->b.link->tcp);
  memset(payload, 'x', sizeof payload - 1);
  for (int i = 0; i < 20; i++)
    cr_assert_eq(guest_publish(&r->g, "t", payload, 0), 0);
  rig_rest(r, 3);
  is(r, UVMQTT_STATE_ONLINE);
  cr_assert_gt(guest_stats(&r->g).queued, 0);
}

static void reach_leaving(struct rig *r) { /* the server does not close */
  reach_inflight(r);
  cr_assert_eq(guest_leave(&r->g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  HEARS(r, "DISCONNECT ...");
}

static void reach_flushing(struct rig *r) {
  reach_clogged(r);
  cr_assert_eq(guest_leave(&r->g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  rig_rest(r, 2);
}

static void reach_left_unturned(struct rig *r) {
  reach_inflight(r);
  cr_assert_eq(guest_leave(&r->g, UVMQTT_DISCONNECT_NOW, 0), 0);
  guest_connect(&r->g);
}

static void reach_waiting(struct rig *r) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  guest_open(r, &r->g, &o);
  ask(r);
  broker_refuses(&r->b);
  guest_connect(&r->g);
  UNTIL(r, uvmqtt_state(r->g.m) == UVMQTT_STATE_WAITING);
}

static void reach_kicked(struct rig *r) {
  reach_waiting(r);
  guest_connect(&r->g);
}

static void reach_reset(struct rig *r) { /* RST lies in the socket unread */
  reach_inflight(r);
  guest_publish(&r->g, "t", "5", 0);
  broker_resets(&r->b);
}

static void reach_offline_again(struct rig *r) {
  reach_leaving(r);
  broker_hangs_up(&r->b);
  UNTIL(r, uvmqtt_state(r->g.m) == UVMQTT_STATE_OFFLINE);
}

#define ROW(name)                                                              \
  { #name, reach_##name }

const struct state_row state_rows[] = {
    ROW(new),           ROW(offline),  ROW(asked),   ROW(resolving),
    ROW(connecting),    ROW(greeting), ROW(online),  ROW(inflight),
    ROW(paused),        ROW(clogged),  ROW(leaving), ROW(flushing),
    ROW(left_unturned), ROW(waiting),  ROW(kicked),  ROW(reset),
    ROW(offline_again),
};

const size_t n_state_rows = sizeof state_rows / sizeof state_rows[0];
