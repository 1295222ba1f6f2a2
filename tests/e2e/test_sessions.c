#include "e2e/cuttable.h"

#include "support/suite.h"
#include <string.h>

SUITE(sessions);

static void kept_sessions_deliver_what_was_queued(struct host *h,
                                                  const struct site *s) {
  struct cuttable c;
  struct peer *other = peer_online(h, s, "other");
  cuttable_open(h, s, &c, UVMQTT_SESSION_KEEP);
  cr_assert_not(c.peer->connack.session_present);
  cuttable_send_away(&c);
  peer_publish(other, unique("news"), "one", 1);
  peer_publish(other, unique("news"), "two", 2);
  cuttable_bring_back(&c);
  cr_assert(c.peer->connack.session_present);
  UNTIL(h, c.peer->n_heard >= 2);
  peer_publish(other, unique("news"), "still subscribed", 1);
  peer_hears(c.peer, 2, unique("news"), "still subscribed");
  peer_sync(c.peer);
  cr_assert_eq(c.peer->n_heard, 3);
  cr_assert_eq(c.peer->notices[UVMQTT_NOTICE_SESSION_LOST], 0);
  peer_close(other);
  cuttable_close(&c);
}
TEST_ON_ALL(sessions, kept_sessions_deliver_what_was_queued)

/* What is published while away goes out after the reconnect, in order. */
static void what_is_published_while_away_arrives_later(struct host *h,
                                                       const struct site *s) {
  static const char *const texts[] = {"one", "two", "three"};
  struct outcome o = {0};
  struct cuttable c;
  cuttable_open(h, s, &c, UVMQTT_SESSION_KEEP);
  cuttable_send_away(&c);
  for (unsigned i = 0; i < 3; i++) {
    uvmqtt_message_t m = {.topic = unique("later"),
                          .payload = {texts[i], strlen(texts[i])},
                          .qos = 2};
    cr_assert_eq(uvmqtt_publish(c.peer->m, &m, outcome_cb, &o, NULL), 0);
  }
  cuttable_bring_back(&c);
  UNTIL(h, o.n == 3);
  cr_assert_eq(o.status, 0);
  for (unsigned i = 0; i < 3; i++)
    peer_hears(c.peer, i, unique("later"), texts[i]);
  cuttable_close(&c);
}
TEST_ON_ALL(sessions, what_is_published_while_away_arrives_later)

static void
clean_sessions_begin_anew_and_subscribe_again(struct host *h,
                                              const struct site *s) {
  struct cuttable c;
  struct peer *other = peer_online(h, s, "other");
  cuttable_open(h, s, &c, UVMQTT_SESSION_CLEAN);
  cuttable_send_away(&c);
  peer_publish(other, unique("news"), "missed", 1);
  cuttable_bring_back(&c);
  cr_assert_not(c.peer->connack.session_present);
  peer_sync(c.peer);
  cr_assert_eq(c.peer->n_heard, 0);
  peer_publish(other, unique("news"), "heard", 1);
  peer_hears(c.peer, 0, unique("news"), "heard");
  peer_close(other);
  cuttable_close(&c);
}
TEST_ON_ALL(sessions, clean_sessions_begin_anew_and_subscribe_again)

static struct peer *resuming(struct host *h, const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("resuming"),
                        .session = UVMQTT_SESSION_RESUME};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  return p;
}

/* A program that starts again: a new object, the old session. */
static void a_later_object_resumes_the_session(struct host *h,
                                               const struct site *s) {
  struct peer *other = peer_online(h, s, "other");
  struct peer *p = resuming(h, s);
  cr_assert_not(p->connack.session_present);
  peer_subscribe(p, unique("news"), 1);
  peer_leave(p);
  peer_close(p);
  peer_publish(other, unique("news"), "meanwhile", 1);
  p = resuming(h, s);
  cr_assert(p->connack.session_present);
  peer_hears(p, 0, unique("news"), "meanwhile");
  peer_close(p);
  peer_close(other);
}
TEST_ON_ALL(sessions, a_later_object_resumes_the_session)

static struct peer *kept(struct host *h, const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("kept")};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  return p;
}

/* KEEP lives as long as the object: in 5.0 the server forgets it with
 * uvmqtt_disconnect. */
static void leaving_ends_a_kept_session(struct host *h, const struct site *s) {
  struct peer *other = peer_online(h, s, "other");
  struct peer *p = kept(h, s);
  peer_subscribe(p, unique("news"), 1);
  peer_leave(p);
  peer_publish(other, unique("news"), "missed", 1);
  peer_connect(p);
  cr_assert_not(p->connack.session_present);
  peer_close(p);
  peer_close(other);
}
TEST_ON_5(sessions, leaving_ends_a_kept_session)

static struct peer *with_will(struct host *h, const struct site *s) {
  uvmqtt_message_t will = {
      .topic = unique("will"), .payload = {"gone", 4}, .qos = 1};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("mortal"),
                        .will = &will};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  return p;
}

static void
the_will_is_published_when_the_client_vanishes(struct host *h,
                                               const struct site *s) {
  struct peer *heir = peer_online(h, s, "heir");
  peer_subscribe(heir, unique("#"), 1);
  struct peer *p = with_will(h, s);
  peer_close(p);
  peer_hears(heir, 0, unique("will"), "gone");
  peer_close(heir);
}
TEST_ON_ALL(sessions, the_will_is_published_when_the_client_vanishes)

static void there_is_no_will_after_disconnect(struct host *h,
                                              const struct site *s) {
  struct peer *heir = peer_online(h, s, "heir");
  peer_subscribe(heir, unique("#"), 1);
  struct peer *p = with_will(h, s);
  peer_leave(p);
  peer_close(p);
  peer_sync(heir);
  /* a second one, whose Will does come, proves that the first had its time */
  p = with_will(h, s);
  peer_close(p);
  peer_hears(heir, 0, unique("will"), "gone");
  peer_sync(heir);
  cr_assert_eq(heir->n_heard, 1);
  peer_close(heir);
}
TEST_ON_ALL(sessions, there_is_no_will_after_disconnect)

static void leave_with_will(struct peer *p) {
  struct outcome left = {0};
  uvmqtt_disconnect_options_t o = {
      UVMQTT_DISCONNECT_OPTIONS_INIT,
      .reason = UVMQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE};
  cr_assert_eq(uvmqtt_disconnect(p->m, &o, outcome_cb, &left), 0);
  UNTIL(p->host, left.n == 1);
}

static void the_will_comes_with_disconnect_when_asked(struct host *h,
                                                      const struct site *s) {
  struct peer *heir = peer_online(h, s, "heir");
  peer_subscribe(heir, unique("#"), 1);
  struct peer *p = with_will(h, s);
  leave_with_will(p);
  peer_close(p);
  peer_hears(heir, 0, unique("will"), "gone");
  peer_close(heir);
}
TEST_ON_5(sessions, the_will_comes_with_disconnect_when_asked)

static void the_server_assigns_a_client_id(struct host *h,
                                           const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = "",
                        .session = UVMQTT_SESSION_CLEAN};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  peer_subscribe(p, unique("#"), 1);
  peer_sync(p);
  if (s->speaks == 5)
    cr_assert_neq(p->client_id[0], '\0');
  peer_close(p);
}
TEST_ON_ALL(sessions, the_server_assigns_a_client_id)

/* The assigned one is ours for the life of the object. */
static void an_assigned_client_id_keeps_its_session(struct host *h,
                                                    const struct site *s) {
  struct forwarder wire;
  forwarder_open(h, &wire, site_port(s));
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = wire.url, .client_id = "",
                        .reconnect_min = 1, .reconnect_max = 10};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  char first[64];
  strcpy(first, p->client_id);
  forwarder_cut(&wire);
  UNTIL(h, p->connects == 2);
  cr_assert_str_eq(p->client_id, first);
  cr_assert(p->connack.session_present);
  peer_close(p);
  forwarder_close(&wire);
}
TEST_ON_5(sessions, an_assigned_client_id_keeps_its_session)
