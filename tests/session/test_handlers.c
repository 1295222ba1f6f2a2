#include "base/alloc.h"
#include "base/err.h"
#include "session/stage.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(handlers);

static struct stage st;
static uvmqtt_handler_t *a, *b, *c;

static void begin(void) {
  stage_open(&st, 5);
  stage_online(&st, "CONNACK");
}

/* A handler whose SUBSCRIBE (with this id) was granted. */
static void granted(const char *name, const char *filter, unsigned id,
                    uvmqtt_handler_t **ret) {
  char line[TEXT_MAX];
  cr_assert_eq(stage_handle(&st, name, filter, ret), 0);
  snprintf(line, sizeof line, "SUBSCRIBE id=%u filters=%s", id, filter);
  char *identifier = strrchr(line, '=');
  if (strchr(filter, '=') != NULL) {
    char number[16];
    snprintf(number, sizeof number, "%s", identifier + 1);
    *identifier = '\0';
    text_add(line, " subscription_identifier=%s", number);
  }
  HEARS(&st, line);
  snprintf(line, sizeof line, "SUBACK id=%u reasons=00", id);
  SAYS(&st, line);
  st.log[0] = '\0';
}

/* One filter, one handler. */

Test(handlers, gets_what_its_filter_matches_and_the_rest_goes_to_the_default) {
  begin();
  cr_assert_eq(stage_handle(&st, "a", "t/+:1", &a), 0);
  LOGS(&st, ""); /* nothing from inside the call */
  HEARS(&st, "SUBSCRIBE id=1 filters=t/+:1");
  SAYS(&st, "SUBACK id=1 reasons=01");
  SAYS(&st, "PUBLISH topic=t/1 payload=x");
  SAYS(&st, "PUBLISH topic=u payload=y");
  LOGS(&st, "a handled ok 1\na t/1 x\ndefault u y\n");
  stage_close(&st);
}

Test(handlers, gets_messages_that_come_before_suback) {
  begin();
  stage_handle(&st, "a", "t:0", &a);
  SAYS(&st, "PUBLISH topic=t payload=early");
  LOGS(&st, "a t early\n");
  stage_close(&st);
}

static void check_unacknowledged(struct stage *s, const char *line) {
  if (strchr(line, 'x') != NULL)
    cr_assert_eq(s->session.out.len, 0, "acknowledged before the end of %s",
                 line);
}

/* [MQTT-4.3.2-4/5] [MQTT-4.3.3-8/5] */
Test(handlers, messages_are_acknowledged_after_the_last_handler_returned) {
  begin();
  granted("a", "t:2", 1, &a);
  granted("b", "#:2", 2, &b);
  st.hook = check_unacknowledged;
  SAYS(&st, "PUBLISH id=1 qos=1 topic=t payload=x");
  LOGS(&st, "a t x\nb t x\n");
  HEARS(&st, "PUBACK id=1");
  SAYS(&st, "PUBLISH id=2 qos=2 topic=t payload=x");
  HEARS(&st, "PUBREC id=2");
  SAYS(&st, "PUBLISH id=2 qos=2 topic=t payload=x dup=1");
  HEARS(&st, "PUBREC id=2");
  LOGS(&st, "a t x\nb t x\n");
  stage_close(&st);
}

Test(handlers, are_called_once_each_in_the_order_they_were_added) {
  begin();
  granted("a", "#:0", 1, &a);
  granted("b", "t/x:0", 2, &b);
  granted("c", "+/x:0", 3, &c);
  granted("d", "t/#:0", 4, NULL);
  granted("e", "#:0", 5, NULL);
  granted("f", "$share/g/t/x:0", 6, NULL);
  SAYS(&st, "PUBLISH topic=t/x payload=1");
  LOGS(&st, "a t/x 1\nb t/x 1\nc t/x 1\nd t/x 1\ne t/x 1\nf t/x 1\n");
  SAYS(&st, "PUBLISH topic=$SYS/x payload=1"); /* [MQTT-4.7.2-1/both] */
  LOGS(&st, "default $SYS/x 1\n");
  stage_close(&st);
}

Test(handlers, coexist_with_plain_subscriptions) {
  begin();
  uvmqtt_subscription_t plain = {.filter = "p/#"};
  um_session_subscribe(&st.session, st.now, &plain, 1, NULL, 0, NULL, NULL,
                       NULL);
  HEARS(&st, "SUBSCRIBE id=1 filters=p/#:0");
  SAYS(&st, "SUBACK id=1 reasons=00");
  granted("a", "p/a:0", 2, &a);
  SAYS(&st, "PUBLISH topic=p/a payload=1");
  SAYS(&st, "PUBLISH topic=p/b payload=2");
  LOGS(&st, "a p/a 1\ndefault p/b 2\n");
  stage_close(&st);
}

Test(handlers, refused_it_is_removed_and_done_says_why) {
  begin();
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
  begin();
  stage_handle(&st, "a", "t:1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t:1");
  st.hook = unhandle_failed;
  SAYS(&st, "SUBACK id=1 reasons=80");
  LOGS(&st, "a handled EREASON 128\n");
  stage_close(&st);
}

Test(handlers, refused_without_done_it_is_silent_until_removed) {
  begin();
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
  begin();
  granted("a", "t:1n", 1, &a);
  granted("b", "u:1=7", 2, &b);
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
  begin();
  granted("a", "t:1", 1, &a);
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
  begin();
  granted("a", "t:0", 1, &a);
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
  begin();
  granted("a", "t:2", 1, &a);
  stage_handle(&st, "b", "t:0", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:2");
  stage_close(&st);
}

Test(handlers, refused_a_later_one_leaves_the_earlier_ones_alone) {
  begin();
  granted("a", "t:0", 1, &a);
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
  begin();
  granted("a", "t:0", 1, &a);
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
  begin();
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
  begin();
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

/* Retained messages. [MQTT-3.3.1-9/5] */

Test(handlers, retained_messages_are_for_the_later_one_that_asked_again) {
  begin();
  granted("a", "t:0", 1, &a);
  SAYS(&st, "PUBLISH topic=t payload=r retain=1");
  LOGS(&st, "a t r\n");
  stage_pass(&st, 60000);
  stage_handle(&st, "b", "t:0", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:0");
  SAYS(&st, "PUBLISH topic=t payload=live");
  SAYS(&st, "PUBLISH topic=t payload=before-suback retain=1");
  SAYS(&st, "SUBACK id=2 reasons=00");
  SAYS(&st, "PUBLISH topic=t payload=after retain=1");
  SAYS(&st, "PUBLISH topic=t payload=live");
  LOGS(&st, "a t live\nb t live\n"
            "b t before-suback\n"
            "b handled ok 0\n"
            "b t after\n"
            "a t live\nb t live\n");
  stage_close(&st);
}

Test(handlers, the_rest_of_the_earlier_ones_retained_messages_is_not_lost) {
  begin();
  granted("a", "t/+:0", 1, &a);
  SAYS(&st, "PUBLISH topic=t/1 payload=r retain=1");
  stage_handle(&st, "b", "t/+:0", &b); /* as in the handler of a */
  HEARS(&st, "SUBSCRIBE id=2 filters=t/+:0");
  SAYS(&st, "PUBLISH topic=t/2 payload=r retain=1");
  SAYS(&st, "SUBACK id=2 reasons=00");
  SAYS(&st, "PUBLISH topic=t/1 payload=r retain=1");
  LOGS(&st, "a t/1 r\na t/2 r\nb t/2 r\nb handled ok 0\nb t/1 r\n");
  stage_close(&st);
}

Test(handlers, who_asks_for_more_qos_only_gets_no_retained_messages) {
  begin();
  granted("a", "t:0", 1, &a);
  stage_handle(&st, "b", "t:1h1", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:1h1");
  SAYS(&st, "SUBACK id=2 reasons=01");
  SAYS(&st, "PUBLISH topic=t payload=rest retain=1");
  LOGS(&st, "b handled ok 1\na t rest\n");
  stage_close(&st);
}

Test(handlers, a_refused_later_one_takes_no_retained_messages_away) {
  begin();
  granted("a", "t:0", 1, &a);
  stage_handle(&st, "b", "t:0", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:0");
  SAYS(&st, "SUBACK id=2 reasons=80");
  stage_pass(&st, 60000);
  SAYS(&st, "PUBLISH topic=t payload=rest retain=1");
  LOGS(&st, "b handled EREASON 128\na t rest\n");
  stage_close(&st);
}

Test(handlers, retain_handling_one_gets_them_when_the_subscription_is_new) {
  begin();
  granted("a", "t:0h1", 1, &a);
  granted("b", "u:0h2", 2, &b);
  SAYS(&st, "PUBLISH topic=t payload=r retain=1");
  SAYS(&st, "PUBLISH topic=u payload=r retain=1");
  LOGS(&st, "a t r\ndefault u r\n"); /* somebody else asked for that one */
  stage_close(&st);
}

Test(handlers, with_retain_as_published_all_get_what_is_marked_retained) {
  begin();
  granted("a", "t:0p", 1, &a);
  granted("b", "t:0p", 2, &b);
  SAYS(&st, "PUBLISH topic=t payload=x retain=1");
  LOGS(&st, "a t x\nb t x\n");
  stage_close(&st);
}

/* Identifiers. [MQTT-3.3.4-3/5] [MQTT-3.3.4-4/5] */

Test(handlers, an_identifier_finds_its_handlers_and_nobody_else) {
  begin();
  granted("a", "t/#:0=1", 1, &a);
  granted("b", "t/x:0=2", 2, &b);
  granted("c", "u:0=1", 3, &c);
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=1");
  LOGS(&st, "a t/x 1\nc t/x 1\n"); /* the identifier is all that counts */
  SAYS(&st, "PUBLISH topic=t/x payload=2 subscription_identifier=2");
  LOGS(&st, "b t/x 2\n");
  SAYS(&st, "PUBLISH topic=t/x payload=3 subscription_identifier=2 "
            "subscription_identifier=1");
  LOGS(&st, "a t/x 3\nb t/x 3\nc t/x 3\n");
  SAYS(&st, "PUBLISH topic=t/x payload=4 subscription_identifier=9");
  LOGS(&st, "default t/x 4\n");
  stage_close(&st);
}

Test(handlers, the_same_identifier_twice_counts_once) {
  begin();
  granted("a", "t/#:0=1", 1, &a);
  granted("b", "t/x:0=1", 2, &b);
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=1 "
            "subscription_identifier=1");
  LOGS(&st, "a t/x 1\nb t/x 1\n");
  stage_close(&st);
}

Test(handlers, a_removed_identifier_leaves_the_others_as_they_are) {
  begin();
  granted("a", "t/#:0=1", 1, &a);
  granted("b", "t/x:0", 2, &b);
  stage_unhandle(&st, "a", a);
  HEARS(&st, "UNSUBSCRIBE id=3 filters=t/#");
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=1");
  LOGS(&st, "b t/x 1\n");
  stage_close(&st);
}

Test(handlers, those_without_identifier_are_found_by_topic_beside_it) {
  begin();
  granted("a", "t/#:0=1", 1, &a);
  granted("b", "t/x:0", 2, &b);
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=1");
  LOGS(&st, "a t/x 1\nb t/x 1\n");
  SAYS(&st, "PUBLISH topic=t/x payload=2"); /* b's own copy */
  LOGS(&st, "b t/x 2\n");
  SAYS(&st, "PUBLISH topic=t/y payload=3"); /* the identifier is missing */
  LOGS(&st, "a t/y 3\n");
  stage_close(&st);
}

Test(handlers, without_identifiers_at_the_server_the_topic_decides) {
  stage_open(&st, 5);
  stage_online(&st, "CONNACK subscription_identifier_available=0");
  stage_handle(&st, "a", "t/#:0=1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t/#:0");
  SAYS(&st, "SUBACK id=1 reasons=00");
  stage_handle(&st, "b", "t/x:0=2", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t/x:0");
  SAYS(&st, "PUBLISH topic=t/x payload=1");
  LOGS(&st, "a handled ok 0\na t/x 1\nb t/x 1\n");
  stage_close(&st);
}

Test(handlers, on_311_the_topic_decides) {
  stage_open(&st, 4);
  stage_online(&st, "CONNACK");
  stage_handle(&st, "a", "t/#:0=1", &a);
  HEARS(&st, "SUBSCRIBE id=1 filters=t/#:0");
  SAYS(&st, "SUBACK id=1 reasons=00");
  SAYS(&st, "PUBLISH topic=t/x payload=1 retain=1");
  LOGS(&st, "a handled ok 0\na t/x 1\n");
  stage_handle(&st, "b", "t/#:0=1", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t/#:0");
  SAYS(&st, "SUBACK id=2 reasons=00");
  SAYS(&st, "PUBLISH topic=t/x payload=2 retain=1");
  LOGS(&st, "b handled ok 0\nb t/x 2\n");
  stage_handle(&st, "c", "v:0h2", &c); /* what 3.1.1 cannot say */
  stage_settle(&st);
  LOGS(&st, "c handled ENOTSUP\n");
  stage_close(&st);
}

/* Removing. */

Test(handlers, unsubscribe_goes_out_with_the_last_one) {
  begin();
  granted("a", "t:0", 1, &a);
  granted("b", "t:0", 2, &b);
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
  begin();
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
  granted("a", "t:0", 1, &a);
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
  begin();
  granted("a", "t:0", 1, &a);
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
  begin();
  granted("a", "t:1", 1, &a);
  um_session_unsubscribe(&st.session, st.now, &t, 1, NULL, 0, NULL, NULL, NULL);
  HEARS(&st, "UNSUBSCRIBE id=2 filters=t");
  SAYS(&st, "UNSUBACK id=2 reasons=00");
  stage_handle(&st, "b", "t:0h2", &b);
  HEARS(&st, "SUBSCRIBE id=3 filters=t:1h2");
  stage_close(&st);
}

/* Inside handlers. */

static void remove_all_at_a(struct stage *s, const char *line) {
  if (strncmp(line, "a t", 3) != 0)
    return;
  cr_assert_eq(stage_unhandle(s, "a", a), 0);
  cr_assert_eq(stage_unhandle(s, "c", c), 0);
}

Test(handlers, removed_inside_a_handler_they_are_not_called_any_more) {
  begin();
  granted("a", "t:0", 1, &a);
  granted("b", "t:0", 2, &b);
  granted("c", "+:0", 3, &c);
  st.hook = remove_all_at_a;
  SAYS(&st, "PUBLISH id=9 qos=1 topic=t payload=1");
  HEARS(&st, "UNSUBSCRIBE id=4 filters=+");
  HEARS(&st, "PUBACK id=9");
  LOGS(&st, "a t 1\nb t 1\na unhandled ok\n");
  SAYS(&st, "UNSUBACK id=4 reasons=00");
  SAYS(&st, "PUBLISH topic=t payload=2");
  LOGS(&st, "c unhandled ok 0\nb t 2\n");
  stage_close(&st);
}

static void remove_b(struct stage *s, const char *line) {
  if (strcmp(line, "a t 1") == 0)
    cr_assert_eq(stage_unhandle(s, "b", b), 0);
}

Test(handlers, removed_by_an_earlier_one_it_does_not_get_the_message) {
  begin();
  granted("a", "t:0", 1, &a);
  granted("b", "+:0", 2, &b);
  granted("c", "#:0", 3, &c);
  st.hook = remove_b;
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "a t 1\nc t 1\n");
  stage_close(&st);
}

static void add_b(struct stage *s, const char *line) {
  if (strcmp(line, "a t 1") == 0)
    cr_assert_eq(stage_handle(s, "b", "t:0", &b), 0);
}

Test(handlers, added_inside_a_handler_it_gets_the_next_message) {
  begin();
  granted("a", "t:0", 1, &a);
  st.hook = add_b;
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "a t 1\n");
  HEARS(&st, "SUBSCRIBE id=2 filters=t:0");
  SAYS(&st, "PUBLISH topic=t payload=2");
  LOGS(&st, "a t 2\nb t 2\n");
  stage_close(&st);
}

static void halt_at_a(struct stage *s, const char *line) {
  if (line[0] == 'a')
    um_session_halt(&s->session);
}

Test(handlers,
     when_one_halts_the_others_are_not_called_nor_is_it_acknowledged) {
  begin();
  granted("a", "t:1", 1, &a);
  granted("b", "+:1", 2, &b);
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
  begin();
  granted("a", "t:1h2", 1, &a);
  granted("b", "u:0=7", 2, &b);
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
  begin();
  granted("a", "t:0", 1, &a);
  granted("b", "t:0", 2, &b);
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
  begin();
  granted("a", "t:0=7", 1, &a);
  granted("b", "+:0=8", 2, &b);
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
  begin();
  granted("a", "t:1", 1, &a);
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

Test(handlers, a_subscribe_not_answered_is_asked_again_on_the_next_connection) {
  begin();
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
  begin();
  granted("a", "t:1", 1, &a);
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
  begin();
  granted("a", "t:1", 1, &a);
  stage_handle(&st, "b", "t:1h2", &b);
  stage_handle(&st, "c", "u:1", &c);
  stage_unhandle(&st, "c", c);
  stage_unhandle(&st, "b", b);
  um_session_done(&st.session);
}

/* Memory. */

Test(handlers, a_message_costs_no_memory) {
  begin();
  granted("a", "t/#:0=3", 1, &a);
  granted("b", "t/+:0", 2, &b);
  st.quiet = true;
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=3");
  uvmqtt_property_t id = UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 3);
  struct um_packet p = {.type = UVMQTT_PUBLISH,
                        .properties = &id,
                        .n_properties = 1,
                        .u.publish = {.topic = "t/x", .topic_len = 3}};
  struct um_buf bytes;
  um_buf_init(&bytes, SIZE_MAX, NULL);
  cr_assert_eq(um_encode(&bytes, UM_V5, &p), 0);
  um_alloc_fail_at(0, false);
  um_session_feed(&st.session, st.now, um_buf_head(&bytes), bytes.len);
  cr_assert_eq(um_alloc_calls(), 0);
  um_buf_done(&bytes);
  stage_close(&st);
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
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    size_t len;
    uint8_t *bytes = packet_text_bytes(steps[i], 5, &len);
    if (bytes != NULL)
      um_session_feed(&st.session, st.now, bytes, len);
    free(bytes);
  }
  stage_settle(&st);
}

Test(handlers, without_memory_each_done_still_comes_once) {
  uint64_t calls = 1;
  for (uint64_t n = 1; n <= calls; n++) {
    begin();
    um_alloc_fail_at(n, n % 2 == 0);
    live();
    calls = um_alloc_calls();
    um_alloc_fail_at(0, false);
    stage_close(&st);
  }
  cr_assert_gt(calls, 10);
}

Test(handlers, refused_by_the_budget_it_leaves_no_trace) {
  stage_open(&st, 5);
  st.config.queue_messages = 1;
  um_session_done(&st.session);
  stage_open(&st, 5);
  st.session.outbox.max_messages = 1;
  cr_assert_eq(stage_handle(&st, "a", "t:0", &a), 0);
  cr_assert_eq(stage_handle(&st, "b", "u:0", &b), UVMQTT_EFULL);
  cr_assert_eq(st.session.filters.n, 1);
  cr_assert_eq(stage_unhandle(&st, "a", a), UVMQTT_EFULL); /* it stays */
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=t:0");
  SAYS(&st, "SUBACK id=1 reasons=00");
  SAYS(&st, "PUBLISH topic=t payload=1");
  SAYS(&st, "PUBLISH topic=u payload=2");
  LOGS(&st, "a handled ok 0\na t 1\ndefault u 2\n");
  stage_close(&st);
}
