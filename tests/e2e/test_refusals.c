#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

SUITE(refusals);

/* An empty file. */
static void make_file(char *path, size_t size) {
  const char *tmp = getenv("TMPDIR");
  snprintf(path, size, "%s/uvmqtt-e2e-XXXXXX", tmp == NULL ? "/tmp" : tmp);
  int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  close(fd);
}

static struct peer *knock(struct host *h, const struct broker *b,
                          uvmqtt_protocol_t version, const char *password) {
  struct site s = b->site;
  s.version = version;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .username = "user",
                        .password = {password, 5}, .reconnect_min = 1,
                        .reconnect_max = 10};
  return peer_new(h, &s, &o);
}

static void expect_slow_refusal(struct peer *p, uint8_t reason) {
  cr_assert_eq(uvmqtt_connect(p->m), 0);
  UNTIL(p->host, p->disconnects == 1);
  cr_assert_eq(p->connects, 0);
  cr_assert_eq(p->error.code, UVMQTT_EREFUSED);
  cr_assert_eq(p->error.reason, reason, "0x%02x", p->error.reason);
  cr_assert_neq(p->hint[0], '\0');
  cr_assert_geq(p->retry_in, 10000, "again in %d ms", (int)p->retry_in);
  UNTIL(p->host, uvmqtt_state(p->m) == UVMQTT_STATE_WAITING);
}

static void a_bad_password_is_refused_and_not_tried_at_speed(struct host *h) {
  struct broker b;
  struct program p;
  char path[256], conf[600];
  make_file(path, sizeof path);
  const char *argv[] = {"mosquitto_passwd", "-b", path, "user", "right", NULL};
  program_run(h, &p, argv);
  snprintf(conf, sizeof conf, "password_file %s", path);
  broker_start(h, &b, conf);
  struct peer *five = knock(h, &b, UVMQTT_VERSION_5, "wrong");
  expect_slow_refusal(five, UVMQTT_REASON_NOT_AUTHORIZED);
  struct peer *four = knock(h, &b, UVMQTT_VERSION_311, "wrong");
  expect_slow_refusal(four, UVMQTT_REASON_NOT_AUTHORIZED);
  struct peer *welcome = knock(h, &b, UVMQTT_VERSION_5, "right");
  peer_connect(welcome);
  peer_close(five);
  peer_close(four);
  peer_close(welcome);
  broker_end(h, &b);
  unlink(path);
}
Test(refusals, a_bad_password_is_refused_and_not_tried_at_speed) {
  alone(a_bad_password_is_refused_and_not_tried_at_speed);
}

static void asked_nothing_more(uvmqtt_t *m, const uvmqtt_auth_t *auth) {
  uvmqtt_bytes_t data = {"first", 5};
  cr_assert_eq(auth->step, UVMQTT_AUTH_START);
  cr_assert_eq(uvmqtt_auth(m, data, NULL, 0), 0);
}

/* No packaged broker has a method of its own; that they say so is all that
 * can be shown with them. */
static void an_unknown_authentication_method_is_refused(struct host *h,
                                                        const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 10, .auth_method = "uvmqtt-test",
                        .on_auth = asked_nothing_more};
  struct peer *p = peer_new(h, s, &o);
  expect_slow_refusal(p, UVMQTT_REASON_BAD_AUTHENTICATION_METHOD);
  peer_close(p);
}
TEST_ON_5(refusals, an_unknown_authentication_method_is_refused)

/* [MQTT-3.1.2-21/5] */
static void the_servers_keep_alive_wins(struct host *h) {
  struct broker b;
  broker_start(h, &b, "max_keepalive 17");
  struct peer *p = peer_online(h, &b.site, "alive");
  cr_assert_eq(p->connack.keep_alive, 17);
  peer_close(p);
  broker_end(h, &b);
}
Test(refusals, the_servers_keep_alive_wins) {
  alone(the_servers_keep_alive_wins);
}

static struct peer *namesake(struct host *h, const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("namesake"),
                        .reconnect_min = 1, .reconnect_max = 10};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  return p;
}

static void of_two_with_one_client_id_the_later_stays(struct host *h,
                                                      const struct site *s) {
  struct peer *first = namesake(h, s);
  struct peer *second = namesake(h, s);
  UNTIL(h, first->disconnects == 1);
  cr_assert_eq(first->error.code, UVMQTT_EDISCONNECTED);
  cr_assert_eq(first->error.reason, UVMQTT_REASON_SESSION_TAKEN_OVER);
  cr_assert_geq(first->retry_in, 10000);
  peer_subscribe(second, unique("#"), 1);
  for (int i = 0; i < 20; i++) /* time for many a fight at 10 ms */
    peer_sync(second);
  cr_assert_eq(uvmqtt_state(first->m), UVMQTT_STATE_WAITING);
  cr_assert_eq(first->connects, 1);
  cr_assert_eq(second->disconnects, 0);
  peer_close(first);
  peer_close(second);
}
/* mosquitto 2.0.11 ends the first one's connection without a word. */
TEST_ON(refusals, of_two_with_one_client_id_the_later_stays, ejabberd_5)
