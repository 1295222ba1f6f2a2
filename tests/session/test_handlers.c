#include "base/err.h"
#include "session/stage.h"
#include "support/suite.h"
#include <string.h>

SUITE(handlers);

static struct stage st;

static uvmqtt_handler_t *a, *b, *c;

Test(handlers, refused_it_is_removed_and_done_says_why) {
  stage_begin(&st);
  stage_handle(&st, "a", "t:1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  SAYS(&st, "SUBACK id=1 reasons=87");
  LOGS(&st, "a handled EREASON 135\n");
  SAYS(&st, "PUBLISH topic=t payload=x");
  LOGS(&st, "default t x\n");
  HEARS(&st, "");
  stage_close(&st);
}

static void unhandle_failed(struct stage *s, const char *line) {
  if (strncmp(line, "a handled", 9) == 0)
    cr_assert_eq(um_session_unhandle(&s->session, s->now, a, NULL, NULL),
                 UM_ENOENT);
}

Test(handlers, removing_a_refused_one_inside_its_done_does_no_harm) {
  stage_begin(&st);
  stage_handle(&st, "a", "t:1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  st.hook = unhandle_failed;
  SAYS(&st, "SUBACK id=1 reasons=80");
  LOGS(&st, "a handled EREASON 128\n");
  stage_close(&st);
}

Test(handlers, refused_without_done_it_is_silent_until_removed) {
  stage_begin(&st);
  cr_assert_eq(stage_handle_mute(&st, "a", "t:1", &a), 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  cr_assert_eq(stage_handle_mute(&st, "b", "u:1", &b), 0);
  HEARS(&st, "SUBSCRIBE id=2 filters=u:1");
  SAYS(&st, "SUBACK id=1 reasons=80");
  SAYS(&st, "SUBACK id=2 reasons=80");
  SAYS(&st, "PUBLISH topic=t payload=x");
  LOGS(&st, "default t x\n");
  cr_assert_eq(stage_unhandle(&st, "a", a), 0);
  LOGS(&st, "");
  stage_settle(&st);
  LOGS(&st, "a unhandled ok\n");
  HEARS(&st, "");
  stage_close(&st);
}

Test(handlers, what_the_server_cannot_completes_with_enotsup) {
  stage_open(&st, 5);
  stage_online(&st, "CONNACK wildcard_subscription_available=0");
  stage_handle(&st, "a", "t/#:1", &a);
  LOGS(&st, "");
  stage_settle(&st);
  LOGS(&st, "a handled ENOTSUP\n");
  stage_close(&st);
}

/* Several for one filter. */

Test(handlers, conflict_when_they_differ_in_what_the_filter_has_only_once) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1n", 1, &a);
  stage_granted(&st, "b", "u:1=7", 2, &b);
  cr_assert_eq(stage_handle(&st, "x", "t:1", &c), UVMQTT_ECONFLICT);
  cr_assert_eq(stage_handle(&st, "x", "t:1np", &c), UVMQTT_ECONFLICT);
  cr_assert_eq(stage_handle(&st, "x", "t:1n=7", &c), UVMQTT_ECONFLICT);
  cr_assert_eq(stage_handle(&st, "x", "u:1=8", &c), UVMQTT_ECONFLICT);
  cr_assert_eq(stage_handle(&st, "x", "u:1", &c), UVMQTT_ECONFLICT);
  cr_assert_eq(stage_handle(&st, "ok", "t:0nh2", &c), 0);
  cr_assert_eq(stage_handle(&st, "ok", "$share/g/t:0", &c), 0);
  stage_close(&st);
}

Test(handlers, a_later_one_with_no_more_to_ask_sends_nothing) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1", 1, &a);
  cr_assert_eq(stage_handle(&st, "b", "t:1h1", &b), 0);
  cr_assert_eq(stage_handle(&st, "c", "t:0h2", &c), 0);
  HEARS(&st, "");
  LOGS(&st, "");
  stage_settle(&st);
  LOGS(&st, "b handled ok 0\nc handled ok 0\n"); /* as a was granted */
  SAYS(&st, "PUBLISH topic=t payload=x");
  LOGS(&st, "a t x\nb t x\nc t x\n");
  stage_close(&st);
}

Test(handlers, a_higher_qos_sends_subscribe_again) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_handle(&st, "b", "t:2h2", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:2h2");
  SAYS(&st, "SUBACK id=2 reasons=01");
  LOGS(&st, "b handled ok 1\n");
  stage_handle(&st, "c", "t:2h2", &c); /* asked for already */
  HEARS(&st, "");
  stage_settle(&st);
  LOGS(&st, "c handled ok 1\n");
  stage_close(&st);
}

Test(handlers, a_later_one_never_lowers_the_qos) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:2", 1, &a);
  stage_handle(&st, "b", "t:0", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:2");
  stage_close(&st);
}

Test(handlers, refused_a_later_one_leaves_the_earlier_ones_alone) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_handle(&st, "b", "t:2", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:2");
  SAYS(&st, "SUBACK id=2 reasons=80");
  SAYS(&st, "PUBLISH topic=t payload=x");
  LOGS(&st, "b handled EREASON 128\na t x\n");
  stage_close(&st);
}

/* a was removed while b's answer was awaited: the server still has what a got.
 */
Test(handlers, refused_the_last_one_gives_back_what_an_earlier_one_had) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_handle(&st, "b", "t:2", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:2");
  stage_unhandle(&st, "a", a);
  stage_settle(&st);
  LOGS(&st, "a unhandled ok\n");
  SAYS(&st, "SUBACK id=2 reasons=80");
  LOGS(&st, "b handled EREASON 128\n");
  HEARS(&st, "UNSUBSCRIBE id=3 filters=t");
  stage_close(&st);
}

Test(handlers, made_before_there_is_a_connection_they_share_one_subscribe) {
  stage_open(&st, 5);
  stage_handle(&st, "a", "t:0h2", &a);
  stage_handle(&st, "b", "t:2h1", &b);
  stage_handle(&st, "c", "t:1", &c);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=t:2");
  HEARS(&st, "");
  SAYS(&st, "SUBACK id=1 reasons=02");
  LOGS(&st, "a handled ok 2\nb handled ok 2\nc handled ok 2\n");
  SAYS(&st, "PUBLISH topic=t payload=r retain=1");
  LOGS(&st, "b t r\nc t r\n"); /* a did not want it */
  stage_close(&st);
}

Test(handlers, with_nothing_to_add_they_wait_for_the_subscribe_under_way) {
  stage_begin(&st);
  stage_handle(&st, "a", "t:1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  stage_handle(&st, "b", "t:1h2", &b);
  HEARS(&st, "");
  stage_handle(&st, "c", "t:2h2", &c);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:2h2");
  stage_settle(&st);
  LOGS(&st, "");
  SAYS(&st, "SUBACK id=1 reasons=01");
  LOGS(&st, "a handled ok 1\nb handled ok 1\n");
  SAYS(&st, "SUBACK id=2 reasons=02");
  LOGS(&st, "c handled ok 2\n");
  stage_close(&st);
}

Test(handlers, while_a_subscribe_is_under_way_retain_handling_zero_asks_again) {
  stage_begin(&st);
  stage_handle(&st, "a", "t:1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  stage_handle(&st, "b", "t:0", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:1");
  SAYS(&st, "SUBACK id=1 reasons=01");
  SAYS(&st, "PUBLISH topic=t payload=1 retain=1");
  SAYS(&st, "SUBACK id=2 reasons=01");
  SAYS(&st, "PUBLISH topic=t payload=2 retain=1");
  LOGS(&st, "a handled ok 1\na t 1\nb t 1\nb handled ok 1\nb t 2\n");
  stage_close(&st);
}

/* Removing. */

Test(handlers, unsubscribe_goes_out_with_the_last_one) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_granted(&st, "b", "t:0", 2, &b);
  cr_assert_eq(stage_unhandle(&st, "a", a), 0);
  LOGS(&st, "");
  HEARS(&st, "");
  stage_settle(&st);
  LOGS(&st, "a unhandled ok\n");
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "b t 1\n");
  cr_assert_eq(stage_unhandle(&st, "b", b), 0);
  HEARS(&st, "UNSUBSCRIBE id=3 filters=t");
  SAYS(&st, "PUBLISH topic=t payload=2");
  SAYS(&st, "UNSUBACK id=3 reasons=00");
  LOGS(&st, "default t 2\nb unhandled ok 0\n");
  cr_assert_eq(st.session.subs.n, 0);
  stage_close(&st);
}

Test(handlers, removed_before_the_answer_done_says_canceled) {
  stage_begin(&st);
  stage_handle(&st, "a", "t:0", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:0");
  stage_unhandle(&st, "a", a);
  LOGS(&st, "");
  HEARS(&st, ""); /* UNSUBSCRIBE waits for SUBACK */
  stage_settle(&st);
  LOGS(&st, "a handled ECANCELED\n");
  SAYS(&st, "SUBACK id=1 reasons=00");
  HEARS(&st, "UNSUBSCRIBE id=2 filters=t");
  SAYS(&st, "UNSUBACK id=2 reasons=00");
  LOGS(&st, "a unhandled ok 0\n");
  stage_close(&st);
}

Test(handlers, removed_before_it_was_sent_nothing_is_subscribed) {
  stage_open(&st, 5);
  stage_handle(&st, "a", "t:0", &a);
  stage_unhandle(&st, "a", a);
  stage_settle(&st);
  LOGS(&st, "a handled ECANCELED\n");
  stage_online(&st, "CONNACK");
  HEARS(&st, "UNSUBSCRIBE id=1 filters=t");
  HEARS(&st, "");
  stage_close(&st);
}

Test(handlers, what_only_a_removed_one_wanted_is_not_asked_for) {
  stage_open(&st, 5);
  stage_online(&st, "CONNACK");
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_down(&st);
  stage_handle(&st, "b", "t:2", &b);
  stage_unhandle(&st, "b", b);
  stage_settle(&st);
  LOGS(&st, "b handled ECANCELED\nb unhandled ok\n");
  stage_online(&st, "CONNACK sp=1");
  HEARS(&st, "");
  stage_close(&st);
}

Test(handlers, one_of_several_waiting_may_go) {
  stage_open(&st, 5);
  stage_handle(&st, "a", "t:0", &a);
  stage_handle(&st, "b", "t:1", &b);
  stage_unhandle(&st, "a", a);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  SAYS(&st, "SUBACK id=1 reasons=01");
  LOGS(&st, "a handled ECANCELED\na unhandled ok\nb handled ok 1\n");
  stage_close(&st);
}

Test(handlers, added_again_it_subscribes_after_the_unsubscribe) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_unhandle(&st, "a", a);
  HEARS(&st, "UNSUBSCRIBE id=2 filters=t");
  stage_handle(&st, "b", "t:0h2", &b);
  HEARS(&st, "");
  SAYS(&st, "UNSUBACK id=2 reasons=00");
  HEARS(&st, "SUBSCRIBE id=3 filters=t:0h2");
  SAYS(&st, "SUBACK id=3 reasons=00");
  LOGS(&st, "a unhandled ok 0\nb handled ok 0\n");
  cr_assert_eq(st.session.subs.n, 1);
  stage_close(&st);
}

Test(handlers, after_a_plain_unsubscribe_a_later_one_subscribes_again) {
  static const char *const t = "t";
  stage_begin(&st);
  stage_granted(&st, "a", "t:1", 1, &a);
  um_session_unsubscribe(&st.session, st.now, &t, 1, NULL, 0, NULL, NULL, NULL);
  HEARS(&st, "UNSUBSCRIBE id=2 filters=t");
  SAYS(&st, "UNSUBACK id=2 reasons=00");
  stage_handle(&st, "b", "t:0h2", &b);
  HEARS(&st, "SUBSCRIBE id=3 filters=t:1h2");
  stage_close(&st);
}

/* Inside handlers. */

static void halt_at_a(struct stage *s, const char *line) {
  if (line[0] == 'a')
    um_session_halt(&s->session);
}

Test(handlers,
     when_one_halts_the_others_are_not_called_nor_is_it_acknowledged) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1", 1, &a);
  stage_granted(&st, "b", "+:1", 2, &b);
  st.hook = halt_at_a;
  SAYS(&st, "PUBLISH id=1 qos=1 topic=t payload=1");
  LOGS(&st, "a t 1\n");
  HEARS(&st, "");
  stage_close(&st);
}

/* The one that closed hears the truth, those after it that it is over. */
Test(handlers, when_a_done_halts_the_others_of_its_subscribe_are_canceled) {
  stage_open(&st, 5);
  stage_handle(&st, "a", "t:1", &a);
  stage_handle(&st, "b", "t:1", &b);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  st.hook = halt_at_a;
  SAYS(&st, "SUBACK id=1 reasons=01");
  LOGS(&st, "a handled ok 1\nb handled ECANCELED\n");
  stage_close(&st);
}

static void swap_in_done(struct stage *s, const char *line) {
  if (strcmp(line, "a handled ok 1") != 0)
    return;
  cr_assert_eq(stage_unhandle(s, "a", a), 0);
  cr_assert_eq(stage_unhandle(s, "b", b), 0);
  cr_assert_eq(stage_handle(s, "c", "t:1", &c), 0);
}

Test(handlers, all_may_be_exchanged_inside_a_done) {
  stage_open(&st, 5);
  stage_handle(&st, "a", "t:1", &a);
  stage_handle(&st, "b", "t:1", &b);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  st.hook = swap_in_done;
  SAYS(&st, "SUBACK id=1 reasons=01");
  HEARS(&st, "UNSUBSCRIBE id=2 filters=t");
  LOGS(&st, "a handled ok 1\na unhandled ok\nb handled ECANCELED\n");
  SAYS(&st, "UNSUBACK id=2 reasons=00");
  HEARS(&st, "SUBSCRIBE id=3 filters=t:1");
  SAYS(&st, "SUBACK id=3 reasons=01");
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "b unhandled ok 0\nc handled ok 1\nc t 1\n");
  stage_close(&st);
}

/* Connections and sessions. */

Test(handlers, are_restored_exactly_when_the_server_lost_the_session) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1h2", 1, &a);
  stage_granted(&st, "b", "u:0=7", 2, &b);
  stage_down(&st);
  stage_online(&st, "CONNACK sp=1");
  HEARS(&st, "");
  stage_down(&st);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=3 filters=t:1h2");
  HEARS(&st, "SUBSCRIBE id=4 filters=u:0 subscription_identifier=7");
  SAYS(&st, "SUBACK id=3 reasons=01");
  SAYS(&st, "SUBACK id=4 reasons=00");
  st.log[0] = '\0';
  SAYS(&st, "PUBLISH topic=t payload=1");
  SAYS(&st, "PUBLISH topic=u payload=2 subscription_identifier=7");
  LOGS(&st, "a t 1\nb u 2\n");
  stage_close(&st);
}

/* The subscription is restored as one that all of them asked for. */
Test(handlers, restored_all_get_the_retained_messages_that_want_them) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_granted(&st, "b", "t:0", 2, &b);
  stage_handle(&st, "c", "t:2h2", &c);
  HEARS(&st, "SUBSCRIBE id=3 filters=t:2h2");
  SAYS(&st, "SUBACK id=3 reasons=02");
  stage_down(&st);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=4 filters=t:2"); /* not as c asked */
  st.log[0] = '\0';
  SAYS(&st, "PUBLISH topic=t payload=r retain=1");
  LOGS(&st, "a t r\nb t r\n");
  SAYS(&st, "SUBACK id=4 reasons=02");
  SAYS(&st, "PUBLISH topic=t payload=s retain=1");
  LOGS(&st, "a t s\nb t s\n");
  stage_close(&st);
}

Test(handlers, are_restored_without_identifier_where_the_server_has_none) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0=7", 1, &a);
  stage_granted(&st, "b", "+:0=8", 2, &b);
  stage_down(&st);
  stage_online(&st, "CONNACK subscription_identifier_available=0");
  HEARS(&st, "SUBSCRIBE id=3 filters=t:0,+:0");
  SAYS(&st, "SUBACK id=3 reasons=00,00");
  st.log[0] = '\0';
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "a t 1\nb t 1\n");
  stage_down(&st);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=4 filters=t:0 subscription_identifier=7");
  HEARS(&st, "SUBSCRIBE id=5 filters=+:0 subscription_identifier=8");
  st.log[0] = '\0';
  SAYS(&st, "PUBLISH topic=t payload=1 subscription_identifier=8");
  LOGS(&st, "b t 1\n");
  stage_close(&st);
}

Test(handlers, refused_when_restored_a_later_one_asks_again) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1", 1, &a);
  stage_down(&st);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=2 filters=t:1");
  st.log[0] = '\0';
  SAYS(&st, "SUBACK id=2 reasons=80");
  LOGS(&st, "notice 5 t\n");
  stage_handle(&st, "b", "t:1h2", &b);
  HEARS(&st, "SUBSCRIBE id=3 filters=t:1h2");
  SAYS(&st, "SUBACK id=3 reasons=01");
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "b handled ok 1\na t 1\nb t 1\n");
  stage_close(&st);
}

static void add_c_at_first_notice(struct stage *s, const char *line) {
  if (strcmp(line, "notice 5 t") == 0)
    cr_assert_eq(stage_handle(s, "c", "u:1h2", &c), 0);
}

static void add_c_at_wildcard(struct stage *s, const char *line) {
  if (strcmp(line, "notice 5 t/+") == 0)
    cr_assert_eq(stage_handle(s, "c", "u/+:1h2", &c), 0);
}

Test(handlers, added_while_refusals_are_told_it_is_asked_for) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1", 1, &a);
  stage_granted(&st, "b", "u:1", 2, &b);
  stage_down(&st);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=3 filters=t:1,u:1");
  st.log[0] = '\0';
  st.hook = add_c_at_first_notice;
  SAYS(&st, "SUBACK id=3 reasons=80,80");
  LOGS(&st, "notice 5 t\nnotice 5 u\n");
  HEARS(&st, "SUBSCRIBE id=4 filters=u:1h2");
  SAYS(&st, "SUBACK id=4 reasons=01");
  LOGS(&st, "c handled ok 1\n");
  stage_close(&st);
}

Test(handlers, added_while_what_cannot_be_restored_is_told_it_is_asked_for) {
  stage_begin(&st);
  stage_granted(&st, "a", "t/+:1", 1, &a);
  stage_granted(&st, "b", "u/+:1", 2, &b);
  stage_down(&st);
  st.hook = add_c_at_wildcard;
  stage_online(&st, "CONNACK wildcard_subscription_available=0");
  stage_settle(&st);
  HEARS(&st, "");
  LOGS(&st, "notice 0 \nnotice 5 t/+\nnotice 5 u/+\nc handled ENOTSUP\n");
  stage_close(&st);
}

Test(handlers, a_subscribe_not_answered_is_asked_again_on_the_next_connection) {
  stage_begin(&st);
  stage_handle(&st, "a", "t:1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  stage_down(&st);
  stage_handle(&st, "b", "t:2", &b);
  stage_online(&st, "CONNACK sp=1");
  HEARS(&st, "SUBSCRIBE id=2 filters=t:1");
  HEARS(&st, "SUBSCRIBE id=3 filters=t:2");
  SAYS(&st, "SUBACK id=2 reasons=01");
  SAYS(&st, "SUBACK id=3 reasons=02");
  LOGS(&st, "a handled ok 1\nb handled ok 2\n");
  stage_close(&st);
}

Test(handlers, cancelling_everything_cancels_them_in_order) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1", 1, &a);
  stage_handle(&st, "b", "t:1h2", &b); /* granted, not told yet */
  stage_handle(&st, "c", "u:1", &c);
  stage_handle(&st, "d", "t:2", NULL);
  stage_unhandle(&st, "a", a);
  um_session_cancel_all(&st.session, UM_ECANCELED);
  stage_settle(&st);
  LOGS(&st, "b handled ECANCELED\nc handled ECANCELED\nd handled ECANCELED\n"
            "a unhandled ECANCELED\n");
  stage_close(&st);
}

Test(handlers, forgotten_without_completion_nothing_leaks) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:1", 1, &a);
  stage_handle(&st, "b", "t:1h2", &b);
  stage_handle(&st, "c", "u:1", &c);
  stage_unhandle(&st, "c", c);
  stage_unhandle(&st, "b", b);
  um_session_done(&st.session);
  um_commons_done(&st.commons);
}

/* A life in which everything happens, with the n-th allocation failing. */
static void live(void) {
  static const char *const steps[] = {
      "SUBACK id=1 reasons=01", "PUBLISH topic=t payload=x retain=1",
      "SUBACK id=2 reasons=02", "PUBLISH topic=t payload=x id=3 qos=2",
      "SUBACK id=3 reasons=80", "PUBLISH topic=u subscription_identifier=1"};
  a = b = c = NULL;
  stage_handle(&st, "a", "t:1", &a);
  stage_handle(&st, "b", "t:2=1", &b);
  stage_handle(&st, "c", "t:2", &c);
  stage_handle(&st, "d", "u:1h1=1", NULL);
  stage_handle_mute(&st, "e", "u:1h1=1", NULL);
  um_session_drain(&st.session, st.now);
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    stage_tries(&st, steps[i]);
  stage_settle(&st);
}

Test(handlers, without_memory_each_done_still_comes_once) {
  cr_assert_gt(stage_starve(&st, live), 10);
}

Test(handlers, refused_by_the_budget_it_leaves_no_trace) {
  stage_open(&st, 5);
  st.config.queue_messages = 1;
  um_session_done(&st.session);
  um_commons_done(&st.commons);
  stage_open(&st, 5);
  cr_assert_eq(um_session_need_outbox(&st.session), 0);
  st.session.outbox->max_messages = 1;
  cr_assert_eq(stage_handle(&st, "a", "t:0", &a), 0);
  cr_assert_eq(stage_handle(&st, "b", "u:0", &b), UVMQTT_EFULL);
  cr_assert_eq(st.session.filters->n, 1);
  cr_assert_eq(stage_unhandle(&st, "a", a), UVMQTT_EFULL); /* it stays */
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=t:0");
  SAYS(&st, "SUBACK id=1 reasons=00");
  SAYS(&st, "PUBLISH topic=t payload=1");
  SAYS(&st, "PUBLISH topic=u payload=2");
  LOGS(&st, "a handled ok 0\na t 1\ndefault u 2\n");
  stage_close(&st);
}
