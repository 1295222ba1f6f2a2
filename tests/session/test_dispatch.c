#include "session/dispatch.h"

#include "base/alloc.h"
#include "session/stage.h"
#include "support/suite.h"
#include <string.h>

SUITE(dispatch);

static struct stage st;
static uvmqtt_handler_t *a, *b, *c;

/* One filter, one handler. */

Test(dispatch, gets_what_its_filter_matches_and_the_rest_goes_to_the_default) {
  stage_begin(&st);
  cr_assert_eq(stage_handle(&st, "a", "t/+:1", &a), 0);
  LOGS(&st, ""); /* nothing from inside the call */
  HEARS(&st, "SUBSCRIBE id=1 filters=t/+:1");
  SAYS(&st, "SUBACK id=1 reasons=01");
  SAYS(&st, "PUBLISH topic=t/1 payload=x");
  SAYS(&st, "PUBLISH topic=u payload=y");
  LOGS(&st, "a handled ok 1\na t/1 x\ndefault u y\n");
  stage_close(&st);
}

Test(dispatch, gets_messages_that_come_before_suback) {
  stage_begin(&st);
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
Test(dispatch, messages_are_acknowledged_after_the_last_handler_returned) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:2", 1, &a);
  stage_granted(&st, "b", "#:2", 2, &b);
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

Test(dispatch, are_called_once_each_in_the_order_they_were_added) {
  stage_begin(&st);
  stage_granted(&st, "a", "#:0", 1, &a);
  stage_granted(&st, "b", "t/x:0", 2, &b);
  stage_granted(&st, "c", "+/x:0", 3, &c);
  stage_granted(&st, "d", "t/#:0", 4, NULL);
  stage_granted(&st, "e", "#:0", 5, NULL);
  stage_granted(&st, "f", "$share/g/t/x:0", 6, NULL);
  SAYS(&st, "PUBLISH topic=t/x payload=1");
  LOGS(&st, "a t/x 1\nb t/x 1\nc t/x 1\nd t/x 1\ne t/x 1\nf t/x 1\n");
  SAYS(&st, "PUBLISH topic=$SYS/x payload=1"); /* [MQTT-4.7.2-1/both] */
  LOGS(&st, "default $SYS/x 1\n");
  stage_close(&st);
}

Test(dispatch, coexist_with_plain_subscriptions) {
  stage_begin(&st);
  uvmqtt_subscription_t plain = {.filter = "p/#"};
  um_session_subscribe(&st.session, st.now, &plain, 1, NULL, 0, NULL, NULL,
                       NULL);
  HEARS(&st, "SUBSCRIBE id=1 filters=p/#:0");
  SAYS(&st, "SUBACK id=1 reasons=00");
  stage_granted(&st, "a", "p/a:0", 2, &a);
  SAYS(&st, "PUBLISH topic=p/a payload=1");
  SAYS(&st, "PUBLISH topic=p/b payload=2");
  LOGS(&st, "a p/a 1\ndefault p/b 2\n");
  stage_close(&st);
}

/* Retained messages. [MQTT-3.3.1-9/5] */

Test(dispatch, retained_messages_are_for_the_later_one_that_asked_again) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
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

Test(dispatch, the_rest_of_the_earlier_ones_retained_messages_is_not_lost) {
  stage_begin(&st);
  stage_granted(&st, "a", "t/+:0", 1, &a);
  SAYS(&st, "PUBLISH topic=t/1 payload=r retain=1");
  stage_handle(&st, "b", "t/+:0", &b); /* as in the handler of a */
  HEARS(&st, "SUBSCRIBE id=2 filters=t/+:0");
  SAYS(&st, "PUBLISH topic=t/2 payload=r retain=1");
  SAYS(&st, "SUBACK id=2 reasons=00");
  SAYS(&st, "PUBLISH topic=t/1 payload=r retain=1");
  LOGS(&st, "a t/1 r\na t/2 r\nb t/2 r\nb handled ok 0\nb t/1 r\n");
  stage_close(&st);
}

Test(dispatch, who_asks_for_more_qos_only_gets_no_retained_messages) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_handle(&st, "b", "t:1h1", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:1h1");
  SAYS(&st, "SUBACK id=2 reasons=01");
  SAYS(&st, "PUBLISH topic=t payload=rest retain=1");
  LOGS(&st, "b handled ok 1\na t rest\n");
  stage_close(&st);
}

Test(dispatch, a_refused_later_one_takes_no_retained_messages_away) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_handle(&st, "b", "t:0", &b);
  HEARS(&st, "SUBSCRIBE id=2 filters=t:0");
  SAYS(&st, "SUBACK id=2 reasons=80");
  stage_pass(&st, 60000);
  SAYS(&st, "PUBLISH topic=t payload=rest retain=1");
  LOGS(&st, "b handled EREASON 128\na t rest\n");
  stage_close(&st);
}

Test(dispatch, retain_handling_one_gets_them_when_the_subscription_is_new) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0h1", 1, &a);
  stage_granted(&st, "b", "u:0h2", 2, &b);
  SAYS(&st, "PUBLISH topic=t payload=r retain=1");
  SAYS(&st, "PUBLISH topic=u payload=r retain=1");
  LOGS(&st, "a t r\ndefault u r\n"); /* somebody else asked for that one */
  stage_close(&st);
}

Test(dispatch, with_retain_as_published_all_get_what_is_marked_retained) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0p", 1, &a);
  stage_granted(&st, "b", "t:0p", 2, &b);
  SAYS(&st, "PUBLISH topic=t payload=x retain=1");
  LOGS(&st, "a t x\nb t x\n");
  stage_close(&st);
}

/* Identifiers. [MQTT-3.3.4-3/5] [MQTT-3.3.4-4/5] */

Test(dispatch, an_identifier_finds_its_handlers_and_nobody_else) {
  stage_begin(&st);
  stage_granted(&st, "a", "t/#:0=1", 1, &a);
  stage_granted(&st, "b", "t/x:0=2", 2, &b);
  stage_granted(&st, "c", "u:0=1", 3, &c);
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

Test(dispatch, the_same_identifier_twice_counts_once) {
  stage_begin(&st);
  stage_granted(&st, "a", "t/#:0=1", 1, &a);
  stage_granted(&st, "b", "t/x:0=1", 2, &b);
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=1 "
            "subscription_identifier=1");
  LOGS(&st, "a t/x 1\nb t/x 1\n");
  stage_close(&st);
}

Test(dispatch, a_removed_identifier_leaves_the_others_as_they_are) {
  stage_begin(&st);
  stage_granted(&st, "a", "t/#:0=1", 1, &a);
  stage_granted(&st, "b", "t/x:0", 2, &b);
  stage_unhandle(&st, "a", a);
  HEARS(&st, "UNSUBSCRIBE id=3 filters=t/#");
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=1");
  LOGS(&st, "b t/x 1\n");
  stage_close(&st);
}

Test(dispatch, those_without_identifier_are_found_by_topic_beside_it) {
  stage_begin(&st);
  stage_granted(&st, "a", "t/#:0=1", 1, &a);
  stage_granted(&st, "b", "t/x:0", 2, &b);
  SAYS(&st, "PUBLISH topic=t/x payload=1 subscription_identifier=1");
  LOGS(&st, "a t/x 1\nb t/x 1\n");
  SAYS(&st, "PUBLISH topic=t/x payload=2"); /* b's own copy */
  LOGS(&st, "b t/x 2\n");
  SAYS(&st, "PUBLISH topic=t/y payload=3"); /* the identifier is missing */
  LOGS(&st, "a t/y 3\n");
  stage_close(&st);
}

Test(dispatch, without_identifiers_at_the_server_the_topic_decides) {
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

Test(dispatch, on_311_the_topic_decides) {
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

/* Inside handlers. */

static void remove_all_at_a(struct stage *s, const char *line) {
  if (strncmp(line, "a t", 3) != 0)
    return;
  cr_assert_eq(stage_unhandle(s, "a", a), 0);
  cr_assert_eq(stage_unhandle(s, "c", c), 0);
}

Test(dispatch, removed_inside_a_handler_they_are_not_called_any_more) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_granted(&st, "b", "t:0", 2, &b);
  stage_granted(&st, "c", "+:0", 3, &c);
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

Test(dispatch, removed_by_an_earlier_one_it_does_not_get_the_message) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  stage_granted(&st, "b", "+:0", 2, &b);
  stage_granted(&st, "c", "#:0", 3, &c);
  st.hook = remove_b;
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "a t 1\nc t 1\n");
  stage_close(&st);
}

static void add_b(struct stage *s, const char *line) {
  if (strcmp(line, "a t 1") == 0)
    cr_assert_eq(stage_handle(s, "b", "t:0", &b), 0);
}

Test(dispatch, added_inside_a_handler_it_gets_the_next_message) {
  stage_begin(&st);
  stage_granted(&st, "a", "t:0", 1, &a);
  st.hook = add_b;
  SAYS(&st, "PUBLISH topic=t payload=1");
  LOGS(&st, "a t 1\n");
  HEARS(&st, "SUBSCRIBE id=2 filters=t:0");
  SAYS(&st, "PUBLISH topic=t payload=2");
  LOGS(&st, "a t 2\nb t 2\n");
  stage_close(&st);
}

/* Memory. */

Test(dispatch, a_message_costs_no_memory) {
  stage_begin(&st);
  stage_granted(&st, "a", "t/#:0=3", 1, &a);
  stage_granted(&st, "b", "t/+:0", 2, &b);
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
