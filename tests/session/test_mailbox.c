#include "session/mailbox.h"

#include "base/err.h"
#include "session/stage.h"
#include "support/suite.h"
#include <stdio.h>

SUITE(mailbox);

#define OWN "uvmqtt/reply/c"
#define ASKS(pid) "PUBLISH " pid " topic=service payload=? response_topic=" OWN

static struct stage st;

static void ask(const char *name, uint8_t qos, uint32_t timeout) {
  cr_assert_eq(stage_request(&st, name, "service", qos, NULL, timeout, NULL),
               0);
}

/* The mailbox is open, with packet id 1 used for it. */
static void open_mailbox(void) {
  stage_begin(&st);
  ask("first", 0, 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, ASKS(""));
  stage_reply(&st, OWN, "!");
  LOGS(&st, "first reply !\n");
}

/* The own reply topic. */

static void expect_own(const char *client_id, const char *connack,
                       const char *topic) {
  char line[TEXT_MAX];
  stage_open(&st, 5);
  st.who.client_id = client_id;
  ask("r", 0, 0); /* before anything is known */
  stage_online(&st, connack);
  snprintf(line, sizeof line, "SUBSCRIBE id=1 filters=%s:2", topic);
  HEARS(&st, line);
  stage_close(&st);
}

Test(mailbox, makes_its_reply_topic_of_what_there_is) {
  expect_own("me", "CONNACK", "uvmqtt/reply/me");
  expect_own("a+b#c%/d", "CONNACK", "uvmqtt/reply/a%2Bb%23c%25/d");
  expect_own("", "CONNACK assigned_client_identifier=x7", "uvmqtt/reply/x7");
  expect_own("me", "CONNACK response_information=rooms/9", "rooms/9/reply");
  expect_own("me", "CONNACK response_information=rooms/9/", "rooms/9/reply");
}

Test(mailbox, says_when_no_reply_topic_can_be_made) {
  stage_open(&st, 5);
  ask("r", 0, 0);
  stage_online(&st, "CONNACK response_information=a/#");
  stage_settle(&st);
  LOGS(&st, "r ETOPIC\n");
  cr_assert_eq(stage_request(&st, "s", "service", 0, NULL, 0, NULL),
               UVMQTT_ETOPIC);
  stage_close(&st);
}

/* The server may give each session another one. */
Test(mailbox, moves_when_the_response_information_changes) {
  stage_open(&st, 5);
  stage_online(&st, "CONNACK response_information=a");
  ask("r", 0, 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=a/reply:2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH topic=service payload=? response_topic=a/reply");
  stage_settle(&st);
  stage_down(&st);
  stage_online(&st, "CONNACK sp=1 response_information=b");
  stage_reply(&st, "a/reply", "old");
  LOGS(&st, "r reply old\n");
  ask("s", 0, 0);
  HEARS(&st, "SUBSCRIBE id=2 filters=b/reply:2");
  stage_close(&st);
}

Test(mailbox, hears_that_the_reply_topic_was_refused_and_may_try_again) {
  stage_begin(&st);
  ask("r", 0, 0);
  ask("s", 0, 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=87");
  LOGS(&st, "r EREASON\ns EREASON\n");
  HEARS(&st, "");
  ask("t", 0, 0);
  HEARS(&st, "SUBSCRIBE id=2 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=2 reasons=01");
  HEARS(&st, ASKS(""));
  stage_reply(&st, OWN, "!");
  LOGS(&st, "t reply !\n");
  stage_close(&st);
}

Test(mailbox, conflicts_with_a_handler_of_other_options) {
  stage_begin(&st);
  stage_handle(&st, "h", "replies:0n", NULL);
  cr_assert_eq(stage_request(&st, "r", "service", 0, "replies", 0, NULL),
               UVMQTT_ECONFLICT);
  stage_close(&st);
}

Test(mailbox, shares_the_reply_topic_with_a_handler) {
  stage_begin(&st);
  stage_handle(&st, "h", "replies:0", NULL);
  HEARS(&st, "SUBSCRIBE id=1 filters=replies:0");
  stage_request(&st, "r", "service", 0, "replies", 0, NULL);
  HEARS(&st, "SUBSCRIBE id=2 filters=replies:2");
  SAYS(&st, "SUBACK id=1 reasons=00");
  SAYS(&st, "SUBACK id=2 reasons=02");
  HEARS(&st, "PUBLISH topic=service payload=? response_topic=replies");
  stage_reply(&st, "replies", "!");
  LOGS(&st, "h handled ok 0\nh replies !\nr reply !\n");
  stage_close(&st);
}

Test(mailbox, has_its_reply_topic_restored_when_the_session_is_lost) {
  open_mailbox();
  stage_down(&st);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=2 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=2 reasons=02");
  st.log[0] = '\0';
  ask("r", 0, 0);
  HEARS(&st, ASKS(""));
  stage_reply(&st, OWN, "!");
  LOGS(&st, "r reply !\n");
  stage_close(&st);
}

Test(mailbox, subscribes_again_when_somebody_ended_the_subscription) {
  static const char *const own = OWN;
  open_mailbox();
  um_session_unsubscribe(&st.session, st.now, &own, 1, NULL, 0, NULL, NULL,
                         NULL);
  HEARS(&st, "UNSUBSCRIBE id=2 filters=" OWN);
  SAYS(&st, "UNSUBACK id=2 reasons=00");
  ask("r", 0, 0);
  HEARS(&st, "SUBSCRIBE id=3 filters=" OWN ":2");
  HEARS(&st, "");
  SAYS(&st, "SUBACK id=3 reasons=02");
  HEARS(&st, ASKS(""));
  stage_reply(&st, OWN, "!");
  LOGS(&st, "r reply !\n"); /* once */
  cr_assert_eq(um_counters_get(&st.session.counters, UM_COUNTED_LATE_REPLIES),
               0);
  stage_close(&st);
}

/* 3.1.1 */

static void begin_311(void) {
  stage_open(&st, 4);
  stage_online(&st, "CONNACK");
}

Test(mailbox, on_311_the_topic_alone_tells) {
  begin_311();
  cr_assert_eq(stage_request(&st, "r", "service", 0, NULL, 0, NULL),
               UVMQTT_ENOTSUP);
  cr_assert_eq(stage_request(&st, "r", "service", 0, "answers", 0, NULL), 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=answers:2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH topic=service payload=?");
  SAYS(&st, "PUBLISH topic=answers payload=old retain=1"); /* no answer */
  SAYS(&st, "PUBLISH topic=answers payload=yes");
  SAYS(&st, "PUBLISH topic=answers payload=again");
  LOGS(&st, "r reply yes\n");
  cr_assert_eq(um_counters_get(&st.session.counters, UM_COUNTED_LATE_REPLIES),
               2);
  stage_close(&st);
}

Test(mailbox, on_311_one_at_a_time_for_each_topic) {
  begin_311();
  stage_request(&st, "r", "service", 0, "answers", 0, NULL);
  cr_assert_eq(stage_request(&st, "s", "service", 0, "answers", 0, NULL),
               UVMQTT_ECONFLICT); /* it waits for SUBACK */
  HEARS(&st, "SUBSCRIBE id=1 filters=answers:2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH topic=service payload=?");
  cr_assert_eq(stage_request(&st, "s", "service", 0, "answers", 0, NULL),
               UVMQTT_ECONFLICT);
  cr_assert_eq(stage_request(&st, "s", "service", 0, "others", 0, NULL), 0);
  SAYS(&st, "PUBLISH topic=answers payload=1");
  LOGS(&st, "r reply 1\n");
  cr_assert_eq(stage_request(&st, "t", "service", 0, "answers", 0, NULL), 0);
  stage_close(&st);
}

Test(mailbox, after_a_fall_back_the_rules_of_311_hold) {
  stage_open(&st, 5);
  st.config.version = UVMQTT_VERSION_ANY;
  ask("r", 0, 0);
  stage_request(&st, "s", "service", 0, "answers", 0, NULL);
  stage_request(&st, "t", "service", 0, "answers", 0, NULL);
  um_session_up(&st.session, st.now);
  uint8_t refusal[] = {0x20, 2, 0, 1};
  cr_assert_eq(um_session_feed(&st.session, st.now, refusal, 4),
               UVMQTT_EVERSION);
  stage_down(&st);
  cr_assert_eq(st.session.version, UM_V311);
  st.log[0] = '\0';
  stage_online(&st, "CONNACK");
  stage_settle(&st);
  LOGS(&st, "r ENOTSUP\n");
  HEARS(&st, "SUBSCRIBE id=1 filters=answers:2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH topic=service payload=?");
  SAYS(&st, "PUBLISH topic=answers payload=1");
  LOGS(&st, "t ECONFLICT\ns reply 1\n");
  stage_close(&st);
}

/* It could not say where to answer, so the topic must do, whatever is spoken
 * when the answer comes. */
Test(mailbox, what_was_asked_on_311_may_be_answered_on_another_server_s_5) {
  stage_open(&st, 5);
  st.config.version = UVMQTT_VERSION_ANY;
  um_session_reached(&st.session, 1);
  um_session_up(&st.session, st.now);
  uint8_t refusal[] = {0x20, 2, 0, 1};
  cr_assert_eq(um_session_feed(&st.session, st.now, refusal, 4),
               UVMQTT_EVERSION);
  stage_down(&st);
  stage_online(&st, "CONNACK");
  st.log[0] = '\0';
  cr_assert_eq(stage_request(&st, "s", "service", 1, "answers", 0, NULL), 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=answers:2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH id=2 qos=1 topic=service payload=?");
  stage_down(&st);
  um_session_reached(&st.session, 2);
  stage_online(&st, "CONNACK sp=1");
  HEARS(&st, "PUBLISH id=2 qos=1 dup=1 topic=service payload=?");
  SAYS(&st, "PUBACK id=2");
  cr_assert_eq(stage_request(&st, "t", "service", 0, "answers", 0, NULL), 0);
  SAYS(&st, "PUBLISH topic=answers payload=1");
  LOGS(&st, "s reply 1\n");
  SAYS(&st, "PUBLISH topic=answers payload=2"); /* to nobody */
  LOGS(&st, "");
  stage_reply(&st, "answers", "3");
  stage_close(&st);
}
