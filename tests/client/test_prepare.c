/* .on_before_connect and uvmqtt_go. */
#include "client/rig.h"
#include "support/suite.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

SUITE(prepare);

static struct rig r;

static unsigned asked;
static uvmqtt_attempt_t told;
static char told_host[64];
static const uvmqtt_change_t *at_once; /* answered in the callback */
static bool answers, closes;

static void on_before_connect(uvmqtt_t *m, const uvmqtt_attempt_t *attempt) {
  struct guest *g = uvmqtt_get_data(m);
  cr_assert(!g->rig->in_call);
  cr_expect_eq(uvmqtt_state(m), UVMQTT_STATE_CONNECTING);
  asked++;
  told = *attempt;
  snprintf(told_host, sizeof told_host, "%s", attempt->host);
  if (closes)
    guest_close(g);
  if (answers)
    cr_assert_eq(uvmqtt_go(m, at_once), 0);
  cr_expect_str_eq(attempt->host, told_host, "as long as this runs");
}

static void begin_with(uvmqtt_options_t o) {
  o.size = sizeof o;
  o.on_before_connect = on_before_connect;
  asked = 0;
  answers = closes = false;
  at_once = NULL;
  rig_open(&r);
  guest_open(&r, &r.g, &o);
}

static void begin(void) {
  begin_with((uvmqtt_options_t){.reconnect_min = 1});
}

static int go(const uvmqtt_change_t *change) {
  int result;
  IN_CALL(&r, result, uvmqtt_go(r.g.m, change));
  return result;
}

static void ask(void) {
  guest_connect(&r.g);
  UNTIL(&r, asked == 1);
}

Test(prepare, nothing_is_opened_until_the_answer) {
  begin();
  ask();
  cr_expect_eq(told.attempt, 1);
  cr_expect_str_eq(told_host, "127.0.0.1");
  cr_expect_eq(told.port, r.b.port);
  cr_expect_eq(told.last_code, 0);
  rig_rest(&r, 30);
  cr_expect_eq(r.b.accepted, 0);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_CONNECTING);
  cr_expect_eq(go(NULL), 0);
  HEARS(&r, "CONNECT ...");
  cr_expect_eq(go(NULL), UVMQTT_ESTALE, "once");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(asked, 1);
  rig_close(&r);
}

Test(prepare, the_answer_may_be_given_at_once) {
  uvmqtt_change_t change = {UVMQTT_CHANGE_INIT, .username = "u",
                            .password = {"p", 1}};
  begin();
  answers = true;
  at_once = &change;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT username=u password=p ...");
  rig_close(&r);
}

Test(prepare, another_url_may_be_given_at_once) {
  uvmqtt_change_t change = {UVMQTT_CHANGE_INIT, .url = "mqtt://127.0.0.2:9"};
  begin();
  answers = true;
  at_once = &change;
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_str_eq(told_host, "127.0.0.1");
  rig_close(&r);
}

/* A fresh token each time, and the end of the one before is told. */
Test(prepare, credentials_and_will_are_new_for_each_attempt) {
  uvmqtt_message_t will = {.topic = "gone", .payload = {"1", 1}};
  uvmqtt_change_t first = {UVMQTT_CHANGE_INIT, .username = "u",
                           .password = {"one", 3}, .will = &will};
  uvmqtt_change_t second = {UVMQTT_CHANGE_INIT, .password = {"two", 3}};
  uvmqtt_change_t third = {UVMQTT_CHANGE_INIT, .no_credentials = true,
                           .no_will = true};
  begin();
  ask();
  cr_expect_eq(go(&first), 0);
  HEARS(&r, "CONNECT username=u password=one will.topic=gone ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  broker_hangs_up(&r.b);
  UNTIL(&r, asked == 2);
  cr_expect_eq(told.last_code, UV_EOF);
  cr_expect_eq(go(&second), 0);
  HEARS(&r, "CONNECT username=u password=two will.topic=gone ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  broker_hangs_up(&r.b);
  UNTIL(&r, asked == 3);
  cr_expect_eq(go(&third), 0);
  HEARS(&r, "CONNECT client_id=c keep_alive=60 version=5 "
            "session_expiry_interval=300 receive_maximum=64 "
            "maximum_packet_size=1048576");
  rig_close(&r);
}

Test(prepare, the_url_may_lead_elsewhere_with_its_credentials) {
  static struct broker other;
  char url[100];
  begin_with((uvmqtt_options_t){
      .username = "old", .password = {"old", 3}, .reconnect_min = 1});
  broker_open(&other, &r.loop);
  r.crowded = true;
  snprintf(url, sizeof url, "mqtt://u:p%%40@127.0.0.1:%u", other.port);
  uvmqtt_change_t change = {UVMQTT_CHANGE_INIT, .url = url};
  ask();
  cr_expect_eq(go(&change), 0);
  memset(url, 'x', sizeof url); /* it was copied */
  UNTIL(&r, other.accepted == 1);
  const char *got = NULL;
  while ((got = broker_next(&other)) == NULL)
    uv_run(&r.loop, UV_RUN_ONCE);
  cr_expect(broker_matches(got, "CONNECT username=u password=p@ ..."), "%s",
            got);
  cr_expect_eq(r.b.accepted, 0);
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  broker_close(&other);
  rig_close(&r);
}

Test(prepare, a_refusal_is_a_failed_attempt) {
  uvmqtt_change_t refusal = {UVMQTT_CHANGE_INIT, .refuse = UV_EACCES};
  begin();
  ask();
  cr_expect_eq(go(&refusal), 0);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_EACCES);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_PREPARE);
  cr_expect_geq(r.g.retry_in, 1);
  cr_expect_str_eq(r.g.states, "connecting waiting");
  UNTIL(&r, asked == 2); /* and again */
  cr_expect_eq(told.attempt, 2);
  cr_expect_eq(told.last_code, UV_EACCES);
  cr_expect_eq(r.b.accepted, 0);
  rig_close(&r);
}

static void connect_again(struct guest *g) {
  guest_connect(g);
}

/* Who connects again whenever he hears of an end retries nothing at speed. */
Test(prepare, a_refused_attempt_is_not_made_again_at_once) {
  static const int64_t most[] = {0, UVMQTT_OFF};
  uvmqtt_change_t refusal = {UVMQTT_CHANGE_INIT, .refuse = UVMQTT_EAUTH};
  for (size_t i = 0; i < 2; i++) {
    begin_with((uvmqtt_options_t){.reconnect_max = most[i]});
    answers = true;
    at_once = &refusal;
    r.g.on[DISCONNECTED] = connect_again;
    guest_connect(&r.g);
    UNTIL(&r, r.g.n[DISCONNECTED] == 1);
    rig_rest(&r, 20);
    cr_expect_eq(asked, 1);
    cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_WAITING);
    rig_close(&r);
  }
}

Test(prepare, what_cannot_be_leaves_the_question_open) {
  static const uvmqtt_header_t bad_header = {"A", "b\r\nC: d"};
  uvmqtt_message_t bad_will = {.topic = "a/#"};
  uvmqtt_change_t wrong[] = {
      {UVMQTT_CHANGE_INIT, .url = "gopher://x"},
      {UVMQTT_CHANGE_INIT, .username = "\xff"},
      {UVMQTT_CHANGE_INIT, .will = &bad_will},
      {UVMQTT_CHANGE_INIT, .refuse = 7},
      {.size = 0},
      {.size = sizeof(size_t) - 1},
      {UVMQTT_CHANGE_INIT, .password = {NULL, 3}},
      {UVMQTT_CHANGE_INIT, .ws_headers = &bad_header, .n_ws_headers = 1},
      {UVMQTT_CHANGE_INIT, .ws_path = "no slash"},
      {UVMQTT_CHANGE_INIT, .n_ws_headers = 1},
  };
  int expected[] = {UVMQTT_EURL,    UVMQTT_EUTF8, UVMQTT_ETOPIC, UV_EINVAL,
                    UV_EINVAL,      UV_EINVAL,    UV_EINVAL,     UVMQTT_EHEADER,
                    UVMQTT_EHEADER, UV_EINVAL};
  begin();
  cr_expect_eq(go(NULL), UVMQTT_ESTALE);
  cr_expect_eq(uvmqtt_go(NULL, NULL), UV_EINVAL);
  ask();
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_expect_eq(go(&wrong[i]), expected[i], "row %zu: %s", i,
                 uvmqtt_err_name(go(&wrong[i])));
  rig_rest(&r, 10);
  cr_expect_eq(r.b.accepted, 0);
  cr_expect_eq(go(NULL), 0);
  HEARS(&r, "CONNECT ...");
  guest_close(&r.g);
  cr_expect_eq(go(NULL), UV_ECANCELED);
  rig_close(&r);
}

/* What was fetched for the first attempt comes when the second one asks. */
Test(prepare, an_answer_with_an_id_is_for_that_question_only) {
  uvmqtt_change_t late = {UVMQTT_CHANGE_INIT, .username = "late"};
  uvmqtt_change_t fresh = {UVMQTT_CHANGE_INIT, .username = "fresh"};
  begin_with((uvmqtt_options_t){.connect_timeout = 30, .reconnect_min = 1});
  ask();
  cr_assert_neq(told.id, 0);
  late.id = told.id;
  UNTIL(&r, asked == 2);
  cr_assert_neq(told.id, late.id);
  cr_expect_eq(go(&late), UVMQTT_ESTALE);
  late.id = told.id + 1;
  cr_expect_eq(go(&late), UVMQTT_ESTALE, "not yet asked");
  fresh.id = told.id;
  cr_expect_eq(go(&fresh), 0, "the question was still open");
  HEARS(&r, "CONNECT username=fresh ...");
  rig_close(&r);
}

/* Programs built with older headers have a shorter struct. */
Test(prepare, a_shorter_change_says_nothing_of_what_came_later) {
  uvmqtt_change_t change = {.size = offsetof(uvmqtt_change_t, id),
                            .username = "u",
                            .id = 12345,
                            .n_ws_headers = 1};
  begin();
  ask();
  cr_expect_eq(go(&change), 0);
  HEARS(&r, "CONNECT username=u ...");
  rig_close(&r);
}

/* And those built with newer ones a longer one. */
Test(prepare, a_longer_change_is_legal_when_the_rest_is_zero) {
  struct {
    uvmqtt_change_t known;
    char more[16];
  } change = {{.size = sizeof change, .username = "u"}, {0}};
  begin();
  ask();
  change.more[15] = 1;
  cr_expect_eq(go(&change.known), UV_EINVAL);
  change.more[15] = 0;
  cr_expect_eq(go(&change.known), 0);
  HEARS(&r, "CONNECT username=u ...");
  rig_close(&r);
}

Test(prepare, who_never_answers_is_timed_out_and_asked_again) {
  begin_with((uvmqtt_options_t){.connect_timeout = 30, .reconnect_min = 1});
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_PREPARE);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  cr_expect_eq(go(NULL), UVMQTT_ESTALE, "too late");
  UNTIL(&r, asked == 2);
  rig_close(&r);
}

/* O23 */
Test(prepare, close_while_the_question_is_open) {
  begin();
  ask();
  rig_close(&r);
  begin();
  closes = true;
  guest_connect(&r.g);
  UNTIL(&r, r.g.m == NULL);
  cr_expect_eq(asked, 1);
  rig_close(&r);
}

Test(prepare, leaving_while_the_question_is_open) {
  begin();
  ask();
  cr_expect_eq(guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.left, 0);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_OFFLINE);
  cr_expect_str_eq(r.g.states, "connecting offline");
  cr_expect_eq(go(NULL), UVMQTT_ESTALE);
  cr_expect_eq(r.b.accepted, 0);
  guest_connect(&r.g); /* and again */
  UNTIL(&r, asked == 2);
  cr_expect_eq(go(NULL), 0);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

Test(prepare, leaving_and_connecting_while_the_question_is_open) {
  begin();
  ask();
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[LEFT] == 1);
  UNTIL(&r, asked == 2);
  cr_expect_eq(go(NULL), 0);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}
