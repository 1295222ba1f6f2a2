/* Will Delay with real servers. What the Will does without one is in
 * test_sessions.c. */
#include "e2e/cuttable.h"

#include "support/suite.h"

SUITE(will);

#define DELAY 2 /* seconds */

static const uvmqtt_property_t delay =
    UVMQTT_PROPERTY_NUM(WILL_DELAY_INTERVAL, DELAY);

static void new_mortal(struct host *h, const struct site *s, struct cuttable *c,
                       const char *id, const char *topic) {
  uvmqtt_message_t will = {.topic = topic,
                           .payload = {"gone", 4},
                           .qos = 1,
                           .properties = &delay,
                           .n_properties = 1};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique(id),
                        .will = &will};
  cuttable_new(h, s, c, &o);
  peer_connect(c->peer);
}

static struct peer *new_heir(struct host *h, const struct site *s) {
  struct peer *heir = peer_online(h, s, "heir");
  peer_subscribe(heir, unique("#"), 1);
  return heir;
}

/* [MQTT-3.1.3-9/5] */
static void the_will_waits_for_its_delay(struct host *h, const struct site *s) {
  struct cuttable c;
  struct peer *heir = new_heir(h, s);
  new_mortal(h, s, &c, "mortal", unique("will"));
  uint64_t since = uv_hrtime();
  cuttable_send_away(&c);
  peer_hears(heir, 0, unique("will"), "gone");
  /* servers count in seconds, so it may be up to one less */
  cr_assert_gt(uv_hrtime() - since, (DELAY - 1) * UINT64_C(900000000));
  cuttable_close(&c);
  peer_close(heir);
}
TEST_ON_5(will, the_will_waits_for_its_delay)

/* [MQTT-3.1.3-9/5]: another one, cut later and not back, proves with its Will
 * that the first had its time. */
static void the_will_is_no_more_when_the_client_is_back(struct host *h,
                                                        const struct site *s) {
  struct cuttable back, gone;
  struct peer *heir = new_heir(h, s);
  new_mortal(h, s, &back, "back", unique("will/back"));
  new_mortal(h, s, &gone, "gone", unique("will/gone"));
  cuttable_send_away(&back);
  cuttable_bring_back(&back);
  cr_assert(back.peer->connack.session_present);
  cuttable_send_away(&gone);
  peer_hears(heir, 0, unique("will/gone"), "gone");
  peer_sync(heir);
  cr_assert_eq(heir->n_heard, 1);
  cuttable_close(&gone);
  cuttable_close(&back);
  peer_close(heir);
}
TEST_ON_5(will, the_will_is_no_more_when_the_client_is_back)
