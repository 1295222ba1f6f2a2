#include "base/err.h"
#include "session/stage.h"
#include "support/suite.h"
#include <string.h>

SUITE(requester);

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

Test(requester, subscribes_first_then_asks_and_hears_the_answer) {
  stage_begin(&st);
  ask("r", 1, 1000);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  HEARS(&st, ""); /* not before SUBACK */
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, ASKS("id=2 qos=1"));
  cr_assert_eq(st.correlation_len, UM_CORRELATION_SIZE);
  SAYS(&st, "PUBACK id=2");
  LOGS(&st, "");
  stage_reply(&st, OWN, "answer");
  LOGS(&st, "r reply answer\n");
  cr_assert_eq(um_session_deadline(&st.session), UM_NEVER);
  stage_close(&st);
}

Test(requester, subscribes_once) {
  open_mailbox();
  ask("r", 0, 0);
  HEARS(&st, ASKS(""));
  ask("s", 0, 0);
  HEARS(&st, ASKS(""));
  HEARS(&st, "");
  stage_close(&st);
}

Test(requester, tells_answers_apart_by_correlation_data) {
  uint8_t first[UM_CORRELATION_SIZE];
  open_mailbox();
  ask("r", 0, 0);
  HEARS(&st, ASKS(""));
  memcpy(first, st.correlation, sizeof first);
  ask("s", 0, 0);
  HEARS(&st, ASKS(""));
  stage_reply(&st, OWN, "2");
  memcpy(st.correlation, first, sizeof first);
  stage_reply(&st, OWN, "1");
  LOGS(&st, "s reply 2\nr reply 1\n");
  stage_close(&st);
}

Test(requester, gives_each_request_other_correlation_data) {
  uint8_t seen[16][UM_CORRELATION_SIZE];
  open_mailbox();
  for (size_t i = 0; i < 16; i++) {
    ask("r", 0, 0);
    HEARS(&st, ASKS(""));
    memcpy(seen[i], st.correlation, sizeof seen[i]);
    for (size_t k = 0; k < i; k++)
      cr_assert_neq(memcmp(seen[i], seen[k], sizeof seen[i]), 0);
  }
  stage_close(&st);
}

/* The same number of another program, with another seed. */
Test(requester, takes_no_answer_to_the_request_of_somebody_else) {
  open_mailbox();
  ask("r", 0, 0);
  HEARS(&st, ASKS(""));
  st.correlation[0] ^= 1;
  stage_reply(&st, OWN, "forged");
  st.correlation[0] ^= 1;
  st.correlation_len--;
  stage_reply(&st, OWN, "short");
  SAYS(&st, "PUBLISH topic=" OWN " payload=none");
  LOGS(&st, "");
  cr_assert_eq(um_counters_get(&st.session.counters, UM_COUNTED_LATE_REPLIES),
               3);
  st.correlation_len += 2;
  stage_reply(&st, OWN, "long");
  cr_assert_eq(um_counters_get(&st.session.counters, UM_COUNTED_LATE_REPLIES),
               4);
  st.correlation_len--;
  stage_reply(&st, OWN, "right");
  LOGS(&st, "r reply right\n");
  stage_close(&st);
}

Test(requester, takes_no_answer_at_another_reply_topic) {
  open_mailbox();
  stage_request(&st, "s", "service", 0, "replies", 0, NULL);
  HEARS(&st, "SUBSCRIBE id=2 filters=replies:2");
  ask("r", 0, 0);
  HEARS(&st, ASKS(""));
  stage_reply(&st, "replies", "astray");
  LOGS(&st, "");
  stage_reply(&st, OWN, "!");
  LOGS(&st, "r reply !\n");
  stage_close(&st);
}

Test(requester, takes_no_answer_before_it_has_asked) {
  uint64_t id;
  stage_begin(&st);
  stage_request(&st, "r", "service", 0, NULL, 0, &id);
  for (size_t i = 0; i < 8; i++) {
    st.correlation[i] = (uint8_t)(st.who.seed >> (56 - 8 * i));
    st.correlation[i + 8] = (uint8_t)(id >> (56 - 8 * i));
  }
  st.correlation_len = UM_CORRELATION_SIZE;
  stage_reply(&st, OWN, "prophecy");
  LOGS(&st, "");
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, ASKS(""));
  stage_reply(&st, OWN, "!");
  LOGS(&st, "r reply !\n");
  stage_close(&st);
}

Test(requester, drops_and_counts_a_second_answer) {
  open_mailbox();
  stage_reply(&st, OWN, "again");
  LOGS(&st, "");
  cr_assert_eq(um_counters_get(&st.session.counters, UM_COUNTED_LATE_REPLIES),
               1);
  stage_close(&st);
}

Test(requester, an_answer_may_overtake_the_acknowledgement) {
  open_mailbox();
  ask("r", 1, 0);
  HEARS(&st, ASKS("id=2 qos=1"));
  stage_reply(&st, OWN, "fast");
  LOGS(&st, "r reply fast\n");
  SAYS(&st, "PUBACK id=2 reason=0x80");
  LOGS(&st, "");
  stage_close(&st);
}

/* Times. */

Test(requester, times_out_counted_from_the_call) {
  open_mailbox();
  ask("r", 1, 1000);
  HEARS(&st, ASKS("id=2 qos=1"));
  stage_pass(&st, 999);
  LOGS(&st, "");
  stage_pass(&st, 3);
  LOGS(&st, "r ETIMEDOUT\n");
  stage_reply(&st, OWN, "late");
  LOGS(&st, "");
  cr_assert_eq(um_counters_get(&st.session.counters, UM_COUNTED_LATE_REPLIES),
               1);
  SAYS(&st, "PUBACK id=2"); /* the message was sent all the same */
  LOGS(&st, "");
  stage_close(&st);
}

Test(requester, no_verdict_before_there_was_a_chance_to_read) {
  open_mailbox();
  ask("r", 0, 1000);
  HEARS(&st, ASKS(""));
  st.now += 5000; /* the program was busy */
  um_session_tick(&st.session, st.now);
  stage_settle(&st);
  stage_reply(&st, OWN, "was there already");
  LOGS(&st, "r reply was there already\n");
  stage_close(&st);
}

Test(requester, times_out_in_the_order_of_the_deadlines) {
  open_mailbox();
  ask("slow", 0, 3000);
  ask("fast", 0, 1000);
  ask("mid", 0, 2000);
  ask("never", 0, 0);
  cr_assert_eq(um_session_deadline(&st.session), st.now + 1000);
  stage_pass(&st, 2500);
  LOGS(&st, "fast ETIMEDOUT\nmid ETIMEDOUT\n");
  stage_pass(&st, 2500);
  LOGS(&st, "slow ETIMEDOUT\n");
  stage_close(&st);
}

Test(requester, times_out_offline_and_is_never_sent) {
  stage_open(&st, 5);
  ask("r", 1, 1000);
  stage_pass(&st, 1000);
  LOGS(&st, "r ETIMEDOUT\n");
  stage_online(&st, "CONNACK");
  HEARS(&st, "");
  stage_close(&st);
}

Test(requester, times_out_waiting_for_suback_and_is_never_sent) {
  stage_begin(&st);
  ask("r", 1, 1000);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  stage_pass(&st, 1002);
  LOGS(&st, "r ETIMEDOUT\n");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "");
  stage_close(&st);
}

Test(requester, times_out_in_the_queue_and_is_never_sent) {
  stage_open(&st, 5);
  stage_online(&st, "CONNACK receive_maximum=1");
  ask("first", 1, 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, ASKS("id=2 qos=1"));
  ask("r", 1, 1000); /* no quota */
  HEARS(&st, "");
  stage_pass(&st, 1002);
  LOGS(&st, "r ETIMEDOUT\n");
  SAYS(&st, "PUBACK id=2");
  HEARS(&st, "");
  stage_close(&st);
}

Test(requester, counts_the_messages_own_times_down_while_it_is_held) {
  uvmqtt_property_t expiry = UVMQTT_PROPERTY_NUM(MESSAGE_EXPIRY_INTERVAL, 10);
  uvmqtt_message_t m = {
      .topic = "service", .properties = &expiry, .n_properties = 1};
  stage_open(&st, 5);
  st.asked = 1;
  cr_assert_eq(um_session_request(&st.session, st.now, &m, NULL, 0,
                                  stage_reply_cb, stage_ticket(0, "r"), NULL),
               0);
  st.now += 4500;
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH topic=service message_expiry_interval=6 "
             "response_topic=" OWN);
  stage_close(&st);
}

/* Seconds count down whole, other properties stay as they are. */
Test(requester, ages_while_it_is_held) {
  uvmqtt_property_t list[] = {UVMQTT_USER_PROPERTY("k", "v"),
                              UVMQTT_PROPERTY_NUM(MESSAGE_EXPIRY_INTERVAL, 10)};
  uvmqtt_message_t m = {.topic = "service",
                        .timeout = 9000,
                        .properties = list,
                        .n_properties = 2};
  stage_open(&st, 5);
  st.asked = 1;
  um_session_request(&st.session, st.now, &m, NULL, 0, stage_reply_cb,
                     stage_ticket(0, "r"), NULL);
  st.now += 4500;
  stage_online(&st, "CONNACK receive_maximum=1");
  st.now += 500;
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH topic=service user_property=k:v "
             "message_expiry_interval=5 response_topic=" OWN);
  stage_close(&st);
}

Test(requester, expires_while_it_is_held) {
  uvmqtt_property_t expiry = UVMQTT_PROPERTY_NUM(MESSAGE_EXPIRY_INTERVAL, 10);
  uvmqtt_message_t m = {
      .topic = "service", .properties = &expiry, .n_properties = 1};
  stage_open(&st, 5);
  st.asked = 2;
  um_session_request(&st.session, st.now, &m, NULL, 0, stage_reply_cb,
                     stage_ticket(0, "r"), NULL);
  m = (uvmqtt_message_t){.topic = "service", .timeout = 5000};
  um_session_request(&st.session, st.now, &m, NULL, 0, stage_reply_cb,
                     stage_ticket(1, "s"), NULL);
  st.now += 10000;
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "");
  LOGS(&st, "r EEXPIRED\ns ETIMEDOUT\n");
  stage_close(&st);
}

/* Failures. */

Test(requester, hears_why_its_message_failed) {
  open_mailbox();
  ask("r", 1, 0);
  HEARS(&st, ASKS("id=2 qos=1"));
  SAYS(&st, "PUBACK id=2 reason=0x97");
  LOGS(&st, "r EREASON\n");
  stage_reply(&st, OWN, "late");
  cr_assert_eq(um_counters_get(&st.session.counters, UM_COUNTED_LATE_REPLIES),
               1);
  ask("s", 0, 0);
  stage_down(&st); /* the kernel never took it */
  LOGS(&st, "s ECONNRESET\n");
  stage_close(&st);
}

Test(requester, hears_that_its_message_is_beyond_the_server) {
  stage_open(&st, 5);
  stage_online(&st, "CONNACK maximum_qos=0");
  ask("r", 1, 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=00");
  LOGS(&st, "r ENOTSUP\n");
  stage_close(&st);
}

Test(requester, refuses_what_it_has_to_say_itself) {
  uvmqtt_property_t topic = {.id = UVMQTT_PROPERTY_RESPONSE_TOPIC,
                             .value.str = "x"};
  uvmqtt_property_t data = {.id = UVMQTT_PROPERTY_CORRELATION_DATA,
                            .value.bin = {"x", 1}};
  uvmqtt_message_t m = {
      .topic = "service", .properties = &topic, .n_properties = 1};
  stage_begin(&st);
  cr_assert_eq(um_session_request(&st.session, st.now, &m, NULL, 0,
                                  stage_reply_cb, NULL, NULL),
               UVMQTT_EPROPERTY);
  m.properties = &data;
  cr_assert_eq(um_session_request(&st.session, st.now, &m, NULL, 0,
                                  stage_reply_cb, NULL, NULL),
               UVMQTT_EPROPERTY);
  stage_close(&st);
}

Test(requester, bounds_the_requests_under_way_and_the_messages_it_holds) {
  static char payload[1000];
  uvmqtt_message_t m = {.topic = "service",
                        .payload = {payload, sizeof payload}};
  stage_open(&st, 5);
  st.config.queue_messages = 2;
  ask("r", 0, 0);
  ask("s", 0, 0);
  cr_assert_eq(stage_request(&st, "t", "service", 0, NULL, 0, NULL),
               UVMQTT_EFULL);
  st.config.queue_messages = 10;
  st.config.queue_bytes = 1500;
  cr_assert_eq(um_session_request(&st.session, st.now, &m, NULL, 0,
                                  stage_reply_cb, NULL, NULL),
               UVMQTT_EFULL);
  cr_assert_eq(st.session.requester->n, 2);
  stage_close(&st);
}

/* Cancelling. */

Test(requester, is_cancelled_wherever_it_is) {
  uint64_t id[3];
  stage_open(&st, 5);
  stage_request(&st, "homeless", "service", 0, NULL, 0, &id[0]);
  cr_assert_eq(um_session_cancel(&st.session, st.now, id[0]), 0);
  cr_assert_eq(um_session_cancel(&st.session, st.now, id[0]), UM_ENOENT);
  LOGS(&st, "");
  stage_settle(&st);
  LOGS(&st, "homeless ECANCELED\n");
  stage_online(&st, "CONNACK");
  stage_request(&st, "waiting", "service", 1, NULL, 0, &id[1]);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  stage_request(&st, "sent", "service", 1, NULL, 0, &id[2]);
  um_session_cancel(&st.session, st.now, id[1]);
  SAYS(&st, "SUBACK id=1 reasons=02");
  LOGS(&st, "waiting ECANCELED\n");
  HEARS(&st, ASKS("id=2 qos=1"));
  HEARS(&st, "");
  um_session_cancel(&st.session, st.now, id[2]);
  stage_settle(&st);
  LOGS(&st, "sent ECANCELED\n");
  SAYS(&st, "PUBACK id=2");
  stage_reply(&st, OWN, "late");
  LOGS(&st, "");
  stage_close(&st);
}

Test(requester, cancelling_everything_cancels_in_order) {
  open_mailbox();
  ask("sent", 1, 1000);
  stage_request(&st, "waiting", "service", 1, "elsewhere", 1000, NULL);
  ask("queued", 2, 1000);
  um_session_cancel_all(&st.session, UM_ECANCELED);
  stage_settle(&st);
  LOGS(&st, "sent ECANCELED\nwaiting ECANCELED\nqueued ECANCELED\n");
  stage_close(&st);
}

static void halt(struct stage *s, const char *line) {
  (void)line;
  um_session_halt(&s->session);
}

Test(requester, halted_inside_an_answer_the_rest_is_cancelled) {
  open_mailbox();
  ask("r", 1, 0);
  ask("s", 1, 0);
  HEARS(&st, ASKS("id=2 qos=1"));
  st.hook = halt;
  stage_reply(&st, OWN, "!");
  LOGS(&st, "r reply !\n");
  stage_close(&st);
}

Test(requester, forgotten_without_completion_nothing_leaks) {
  open_mailbox();
  ask("sent", 1, 1000);
  stage_request(&st, "waiting", "service", 1, "elsewhere", 1000, NULL);
  um_requester_cancel(&st.session, 1);
  um_session_done(&st.session);
  um_commons_done(&st.commons);
}

Test(requester, holds_up_leaving_while_an_answer_is_awaited) {
  open_mailbox();
  cr_assert(um_session_drained(&st.session));
  ask("r", 0, 0);
  cr_assert_not(um_session_drained(&st.session)); /* in the out buffer */
  cr_assert_eq(um_session_left(&st.session), 1);
  HEARS(&st, ASKS(""));
  stage_settle(&st); /* the kernel has it */
  cr_assert_not(um_session_drained(&st.session));
  cr_assert_eq(um_session_left(&st.session), 1);
  stage_reply(&st, OWN, "!");
  cr_assert(um_session_drained(&st.session));
  stage_close(&st);
}

static void ask_again(struct stage *s, const char *line) {
  if (strcmp(line, "r reply 1") == 0)
    stage_request(s, "s", "service", 0, NULL, 0, NULL);
}

Test(requester, may_ask_again_inside_an_answer) {
  open_mailbox();
  ask("r", 0, 0);
  HEARS(&st, ASKS(""));
  st.hook = ask_again;
  stage_reply(&st, OWN, "1");
  HEARS(&st, ASKS(""));
  stage_reply(&st, OWN, "2");
  LOGS(&st, "r reply 1\ns reply 2\n");
  stage_close(&st);
}

/* Connections. */

Test(requester, asked_offline_it_waits_for_the_connection) {
  stage_open(&st, 5);
  ask("r", 0, 0);
  stage_request(&st, "s", "service", 0, "replies", 0, NULL);
  stage_online(&st, "CONNACK");
  HEARS(&st, "SUBSCRIBE id=1 filters=replies:2");
  HEARS(&st, "SUBSCRIBE id=2 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, "PUBLISH topic=service payload=? response_topic=replies");
  SAYS(&st, "SUBACK id=2 reasons=02");
  HEARS(&st, ASKS(""));
  stage_close(&st);
}

Test(requester, survives_a_connection) {
  open_mailbox();
  ask("r", 1, 0);
  HEARS(&st, ASKS("id=2 qos=1"));
  stage_down(&st);
  ask("s", 1, 0);
  LOGS(&st, "");
  stage_online(&st, "CONNACK sp=1");
  HEARS(&st, ASKS("id=2 qos=1 dup=1"));
  stage_reply(&st, OWN, "1");
  HEARS(&st, ASKS("id=3 qos=1"));
  stage_reply(&st, OWN, "2");
  LOGS(&st, "r reply 1\ns reply 2\n");
  stage_close(&st);
}

/* With manual acknowledgement nobody else would say it for a late answer. */
Test(requester, acknowledges_answers_itself) {
  stage_open(&st, 5);
  st.config.manual_ack = true;
  stage_online(&st, "CONNACK");
  ask("r", 0, 0);
  HEARS(&st, "SUBSCRIBE id=1 filters=" OWN ":2");
  SAYS(&st, "SUBACK id=1 reasons=02");
  HEARS(&st, ASKS(""));
  st.reply_qos = 1;
  stage_reply(&st, OWN, "!");
  LOGS(&st, "r reply !\n");
  HEARS(&st, "PUBACK id=9");
  stage_reply(&st, OWN, "late");
  HEARS(&st, "PUBACK id=9");
  st.reply_qos = 2;
  stage_reply(&st, OWN, "late");
  HEARS(&st, "PUBREC id=9");
  stage_close(&st);
}

/* Memory. */

static void live(void) {
  static const char *const steps[] = {"SUBACK id=1 reasons=02",
                                      "SUBACK id=2 reasons=02", "PUBACK id=3",
                                      "PUBACK id=4 reason=0x80"};
  stage_request(&st, "a", "service", 1, NULL, 100, NULL);
  stage_request(&st, "b", "service", 1, "elsewhere", 100, NULL);
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    stage_tries(&st, steps[i]);
  stage_request(&st, "c", "service", 1, NULL, 0, NULL);
  um_session_tick(&st.session, st.now + 1000);
  um_session_tick(&st.session, st.now + 2000);
  stage_settle(&st);
}

Test(requester, without_memory_each_request_still_ends_once) {
  cr_assert_gt(stage_starve(&st, live), 10);
}
