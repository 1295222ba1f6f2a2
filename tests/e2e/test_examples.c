/* The programs of examples/, as they are, against a real broker. */
#include "e2e/peer.h"

#include "support/suite.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(examples);

#define ARGUMENTS 8

static const char *path_of(const char *name) {
  static char path[4][512];
  static unsigned next;
  char *ret = path[next++ % 4];
  const char *directory = getenv("UVMQTT_EXAMPLES");
  cr_assert_not_null(directory, "UVMQTT_EXAMPLES is not set");
  snprintf(ret, sizeof path[0], "%s/%s", directory, name);
  return ret;
}

static const char *port_of(const struct site *s) {
  static char port[16];
  snprintf(port, sizeof port, "%d", site_port(s));
  return port;
}

static void expect_text(const struct program *p, const char *text) {
  cr_assert_not_null(strstr(p->text, text), "no \"%s\" in:\n%s", text, p->text);
}

#define SAYS(h, p, words) UNTIL(h, strstr((p)->text, words) != NULL)

static void start(struct host *h, struct program *p, const char *name,
                  const char *const *arguments) {
  const char *argv[ARGUMENTS] = {path_of(name)};
  for (size_t i = 0; (argv[i + 1] = arguments[i]) != NULL; i++)
    cr_assert_lt(i, ARGUMENTS - 2);
  program_start(h, p, argv);
}

static void expect_good_end(struct host *h, const struct program *p) {
  UNTIL(h, program_ended(p));
  cr_assert_eq(p->status, 0, "ended with %d:\n%s", (int)p->status, p->text);
}

/* All that a sensor says comes to the subscriber. */
static void a_sensor_and_its_subscriber(struct host *h, const struct site *s) {
  struct program sensor, subscriber;
  const char *listen[] = {site_url_planted(s), "5", NULL};
  const char *measure[] = {site_url_planted(s), "5", "10", NULL};
  start(h, &subscriber, "subscribe", listen);
  SAYS(h, &subscriber, "subscribed");
  start(h, &sensor, "sensor", measure);
  expect_good_end(h, &sensor);
  expect_text(&sensor, "5 readings");
  expect_good_end(h, &subscriber);
  expect_text(&subscriber, "greenhouse/temperature 21.");
}
TEST_ON(examples, a_sensor_and_its_subscriber, mosquitto_5)

static void interrupted_they_leave(struct host *h, const struct site *s) {
  static const char *const names[] = {"sensor", "subscribe"};
  const char *arguments[] = {site_url_planted(s), "0", "1", NULL};
  for (size_t i = 0; i < 2; i++) {
    struct program p;
    start(h, &p, names[i], arguments);
    SAYS(h, &p, i == 0 ? "greenhouse" : "subscribed");
    uv_process_kill(&p.process, SIGINT);
    expect_good_end(h, &p);
  }
}
TEST_ON(examples, interrupted_they_leave, mosquitto_5)

/* online, and offline by itself or by the server. */
static void the_last_will(struct host *h, const struct site *s, int signal) {
  struct program device;
  const char *topic = unique(signal == SIGKILL ? "killed" : "left");
  const char *arguments[] = {site_url_planted(s), topic, NULL};
  struct peer *p = peer_online(h, s, "watcher");
  peer_subscribe(p, topic, 1);
  start(h, &device, "last_will", arguments);
  peer_hears(p, 0, topic, "online");
  uv_process_kill(&device.process, signal);
  peer_hears(p, 1, topic, "offline");
  UNTIL(h, program_ended(&device));
  cr_assert_eq(device.status, signal == SIGKILL ? 128 + SIGKILL : 0);
  cr_assert_eq(p->n_heard, 2);
  peer_close(p);
}
static void vanishing_leaves_a_will(struct host *h, const struct site *s) {
  the_last_will(h, s, SIGKILL);
}
static void leaving_leaves_none(struct host *h, const struct site *s) {
  the_last_will(h, s, SIGINT);
}
TEST_ON(examples, vanishing_leaves_a_will, mosquitto_5)
TEST_ON(examples, leaving_leaves_none, mosquitto_5)

static void a_thread_beside_the_main_loop(struct host *h,
                                          const struct site *s) {
  struct program p;
  const char *arguments[] = {site_url_planted(s), "3", NULL};
  start(h, &p, "background", arguments);
  expect_good_end(h, &p);
  expect_text(&p, "2 went out and came back\nstopped\n");
}
TEST_ON(examples, a_thread_beside_the_main_loop, mosquitto_5)

/* umqtt */

static void the_readme_of_umqtt(struct host *h, const struct site *s) {
  struct program sub, pub;
  const char *sub_arguments[] = {"sub", "127.0.0.1", port_of(s), NULL};
  const char *pub_arguments[] = {"pub", "127.0.0.1", port_of(s), NULL};
  start(h, &sub, "umqtt_readme", sub_arguments);
  while (strstr(sub.text, "foo_topic hello") == NULL) { /* it may come late */
    start(h, &pub, "umqtt_readme", pub_arguments);
    expect_good_end(h, &pub);
  }
  uv_process_kill(&sub.process, SIGTERM);
  UNTIL(h, program_ended(&sub));
}
TEST_ON(examples, the_readme_of_umqtt, mosquitto_311)

static void the_lamp_of_umqtt(struct host *h, const struct site *s) {
  struct program lamp;
  const char *arguments[] = {"lamp", "127.0.0.1", port_of(s), "3", NULL};
  char command[600];
  struct peer *p = peer_online(h, s, "hand");
  start(h, &lamp, "umqtt_led", arguments);
  SAYS(h, &lamp, "waiting");
  peer_publish(p, "led", "on", 1);
  SAYS(h, &lamp, "the lamp is on");
  snprintf(command, sizeof command,
           "printf '\\n\\n' | '%s' button 127.0.0.1 %s", path_of("umqtt_led"),
           port_of(s));
  const char *shell[] = {"/bin/sh", "-c", command, NULL};
  struct program button;
  program_run(h, &button, shell);
  expect_good_end(h, &lamp);
  expect_text(&lamp, "is on\nthe lamp is off\nthe lamp is on\n");
  peer_close(p);
}
TEST_ON(examples, the_lamp_of_umqtt, mosquitto_311)

static void robust_survives_its_server(struct host *h) {
  struct broker b;
  struct program robust;
  broker_start(h, &b, "");
  const char *arguments[] = {"127.0.0.1", port_of(&b.site), "2", NULL};
  start(h, &robust, "umqtt_robust", arguments);
  SAYS(h, &robust, "subscribed");
  struct peer *p = peer_online(h, &b.site, "publisher");
  peer_publish(p, "foo_topic", "before", 1);
  SAYS(h, &robust, "foo_topic before");
  broker_restart(h, &b);
  UNTIL(h, program_ended(&b.program));
  peer_publish(p, "foo_topic", "after", 1);
  expect_good_end(h, &robust);
  expect_text(&robust, "connection lost");
  expect_text(&robust, "foo_topic after");
  peer_close(p);
  broker_end(h, &b);
}
Test(examples, robust_survives_its_server) {
  alone(robust_survives_its_server);
}
