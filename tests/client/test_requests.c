/* uvmqtt_request and uvmqtt_respond on a loop. */
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(requests);

static struct rig r;
static char data[64]; /* Correlation Data, as packets.h writes it */
static void (*inside)(void);

static void on_reply(uvmqtt_t *m, int status, const uvmqtt_message_t *reply,
                     void *arg) {
  cr_assert_not(r.in_call, "a callback inside a call");
  cr_assert_not(r.g.closed);
  cr_assert_eq(m, r.g.m);
  cr_assert_eq(status == 0, reply != NULL);
  if (r.g.closing)
    cr_assert_eq(status, UV_ECANCELED);
  size_t used = strlen(r.g.log);
  if (reply == NULL)
    snprintf(r.g.log + used, sizeof r.g.log - used, "%s %s\n",
             (const char *)arg, uvmqtt_err_name(status));
  else
    snprintf(r.g.log + used, sizeof r.g.log - used, "%s reply %.*s\n",
             (const char *)arg, (int)reply->payload.len,
             (const char *)reply->payload.data);
  if (inside != NULL)
    inside();
}

static int ask(const char *name, const char *reply_topic, uint32_t timeout,
               uint64_t *ret_id) {
  uvmqtt_message_t m = {.topic = "service", .payload = {"?", 1}};
  int result;
  IN_CALL(&r, result,
          uvmqtt_request(r.g.m, &m, reply_topic, timeout, on_reply,
                         (void *)(uintptr_t)name, ret_id));
  return result;
}

static void logs(const char *text) {
  UNTIL(&r, strlen(r.g.log) >= strlen(text));
  rig_rest(&r, 2);
  cr_assert_str_eq(r.g.log, text);
  r.g.log[0] = '\0';
}

static void begin(void) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.g.log[0] = '\0';
}

static void hears_request(void) {
  const char *got = NULL;
  for (rig_arm(&r); (got = broker_next(&r.b)) == NULL;)
    rig_turn(&r, "a request", __FILE__, __LINE__);
  cr_assert(broker_matches(got, "PUBLISH topic=service payload=? ..."), "%s",
            got);
  const char *at = strstr(got, "correlation_data=");
  cr_assert_not_null(at, "%s", got);
  sscanf(at, "%63s", data);
}

static void open_mailbox(void) {
  begin();
  cr_assert_eq(ask("first", NULL, 0, NULL), 0);
  HEARS(&r, "SUBSCRIBE id=1 filters=uvmqtt/reply/c:2");
  SAYS(&r, "SUBACK id=1 reasons=02");
  hears_request();
}

static void reply(const char *payload) {
  char line[256];
  snprintf(line, sizeof line, "PUBLISH topic=uvmqtt/reply/c payload=%s %s",
           payload, data);
  SAYS(&r, line);
}

Test(requests, are_answered_once) {
  open_mailbox();
  reply("yes");
  reply("again");
  logs("first reply yes\n");
  cr_assert_eq(guest_stats(&r.g).late_replies, 1);
  rig_close(&r);
}

Test(requests, time_out_on_the_clock) {
  open_mailbox();
  uint64_t before = rig_clock();
  ask("r", NULL, 60, NULL);
  hears_request();
  logs("r ETIMEDOUT\n");
  cr_assert_geq(rig_clock() - before, 60);
  cr_assert_lt(rig_clock() - before, 2000);
  reply("late");
  UNTIL(&r, guest_stats(&r.g).late_replies == 1);
  rig_close(&r);
}

Test(requests, time_out_without_any_connection) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_assert_eq(ask("r", NULL, 20, NULL), 0);
  logs("r ETIMEDOUT\n");
  rig_close(&r);
}

Test(requests, asked_before_connecting_wait_for_it) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_assert_eq(ask("first", NULL, 0, NULL), 0);
  rig_online(&r, NULL, NULL);
  HEARS(&r, "SUBSCRIBE id=1 filters=uvmqtt/reply/c:2");
  SAYS(&r, "SUBACK id=1 reasons=02");
  hears_request();
  r.g.log[0] = '\0';
  reply("yes");
  logs("first reply yes\n");
  rig_close(&r);
}

Test(requests, are_cancelled_by_their_id) {
  uint64_t id;
  open_mailbox();
  cr_assert_eq(ask("r", NULL, 0, &id), 0);
  hears_request();
  int result;
  IN_CALL(&r, result, uvmqtt_cancel(r.g.m, id));
  cr_assert_eq(result, 0);
  cr_assert_eq(uvmqtt_cancel(r.g.m, id), UV_ENOENT);
  logs("r ECANCELED\n");
  rig_close(&r);
}

static void close_inside(void) {
  inside = NULL;
  guest_close(&r.g);
}

Test(requests, closed_inside_an_answer_the_others_are_cancelled) {
  open_mailbox();
  ask("r", "elsewhere", 0, NULL);
  inside = close_inside;
  reply("yes");
  UNTIL(&r, r.g.m == NULL);
  cr_assert_str_eq(r.g.log, "first reply yes\nr ECANCELED\nclosed\n");
  rig_close(&r);
}

Test(requests, draining_waits_for_the_answer) {
  open_mailbox();
  cr_assert_eq(guest_leave(&r.g, UVMQTT_DISCONNECT_DRAIN, 5000), 0);
  rig_hears_nothing(&r, 10);
  reply("yes");
  HEARS(&r, "DISCONNECT ...");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_assert_eq(r.g.left, 0);
  rig_close(&r);
}

/* The random part differs. */
Test(requests, of_two_clients_carry_different_correlation_data) {
  char first[64];
  open_mailbox();
  strcpy(first, data);
  rig_close(&r);
  open_mailbox();
  cr_assert_str_neq(first, data);
  rig_close(&r);
}

Test(requests, refuse_nonsense) {
  uvmqtt_message_t m = {.topic = "service"};
  begin();
  cr_assert_eq(uvmqtt_request(NULL, &m, NULL, 0, on_reply, NULL, NULL),
               UV_EINVAL);
  cr_assert_eq(uvmqtt_request(r.g.m, NULL, NULL, 0, on_reply, NULL, NULL),
               UV_EINVAL);
  cr_assert_eq(uvmqtt_request(r.g.m, &m, NULL, 0, NULL, NULL, NULL), UV_EINVAL);
  cr_assert_eq(ask("r", "a/#", 0, NULL), UVMQTT_ETOPIC);
  cr_assert_eq(ask("r", "", 0, NULL), UVMQTT_ETOPIC);
  cr_assert_eq(ask("r", "$share/g/t", 0, NULL), UVMQTT_ETOPIC);
  m.qos = 3;
  cr_assert_eq(uvmqtt_request(r.g.m, &m, NULL, 0, on_reply, NULL, NULL),
               UVMQTT_EQOS);
  cr_assert_eq(uvmqtt_respond(NULL, &m, &m, NULL, NULL, NULL), UV_EINVAL);
  cr_assert_eq(uvmqtt_respond(r.g.m, NULL, &m, NULL, NULL, NULL), UV_EINVAL);
  cr_assert_eq(uvmqtt_respond(r.g.m, &m, NULL, NULL, NULL, NULL), UV_EINVAL);
  cr_assert_eq(uvmqtt_respond(r.g.m, &m, &m, NULL, NULL, NULL), UVMQTT_ENOTSUP);
  guest_close(&r.g);
  cr_assert_eq(ask("r", NULL, 0, NULL), UV_ECANCELED);
  cr_assert_eq(uvmqtt_respond(r.g.m, &m, &m, NULL, NULL, NULL), UV_ECANCELED);
  rig_close(&r);
}

static void on_request(uvmqtt_t *m, const uvmqtt_message_t *message,
                       void *arg) {
  uvmqtt_message_t answer = {.payload = {"42", 2}};
  void *number = (char *)&r.g + r.g.requests++;
  (void)arg;
  cr_assert_eq(
      uvmqtt_respond(m, message, &answer, guest_completed(), number, NULL), 0);
}

Test(requests, are_answered_in_a_handler) {
  uvmqtt_subscription_t s = {.filter = "service"};
  begin();
  cr_assert_eq(uvmqtt_handle(r.g.m, &s, 0, on_request, NULL, NULL, NULL, NULL),
               0);
  HEARS(&r, "SUBSCRIBE id=1 filters=service:0");
  SAYS(&r, "SUBACK id=1 reasons=00");
  SAYS(&r, "PUBLISH topic=service response_topic=back correlation_data=xyz");
  HEARS(&r, "PUBLISH topic=back payload=42 correlation_data=xyz");
  logs("done 0 OK\n");
  rig_close(&r);
}
