/* Bad networks and a machine at its limits: families O05, O11, O19. */
#include "client/rig.h"
#include "support/packets.h"
#include "support/suite.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

SUITE(faults);

static struct rig r;

/* A server's side of a conversation, cut after each of its bytes. */

#define CONNACK_LEN 5

static const char *const script[] = {
    "CONNACK",
    "SUBACK id=1 reasons=01",
    "PUBACK id=2",
    "PUBREC id=3",
    "PUBLISH topic=t payload=0",
    "PUBLISH topic=t payload=1 qos=1 id=11",
    "PUBLISH topic=t payload=2 qos=2 id=12",
    "PINGRESP",
    "PUBREL id=12",
    "PUBCOMP id=3",
    "PUBLISH topic=t payload=3 qos=1 id=13",
    "PUBLISH topic=t payload=4 qos=2 id=14",
    "PUBLISH topic=a/longer/topic payload=5 content_type=x qos=2 id=15",
    "PUBREL id=15",
    "PUBREL id=14",
    "PUBLISH topic=t payload=6",
    "DISCONNECT reason=0x8b reason_string=bye",
};

static uint8_t conversation[1024];
static size_t conversation_len;

static void write_conversation(void) {
  conversation_len = 0;
  for (size_t i = 0; i < sizeof script / sizeof script[0]; i++) {
    size_t len;
    uint8_t *bytes = packet_text_bytes(script[i], 5, &len);
    cr_assert(bytes != NULL, "%s", script[i]);
    cr_assert_lt(conversation_len + len, sizeof conversation);
    memcpy(conversation + conversation_len, bytes, len);
    conversation_len += len;
    free(bytes);
  }
}

static void send_up_to(size_t n) {
  size_t head = n < CONNACK_LEN ? n : CONNACK_LEN;
  HEARS(&r, "CONNECT ...");
  broker_sends(r.b.link, conversation, head);
  if (n <= CONNACK_LEN)
    return;
  HEARS(&r, "SUBSCRIBE id=1 ...");
  HEARS(&r, "PUBLISH id=2 ...");
  HEARS(&r, "PUBLISH id=3 ...");
  broker_sends(r.b.link, conversation + head, n - head);
}

static void begin(void) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 2};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_subscribe(&r.g, "t", 1);
  guest_publish(&r.g, "t", "x", 1);
  guest_publish(&r.g, "t", "y", 2);
  guest_connect(&r.g);
}

static void no_message_twice_at_qos_2(void) {
  const char *first = strstr(r.g.log, "message t 2");
  cr_expect(first == NULL || strstr(first + 1, "message t 2") == NULL);
}

static void cut_after(size_t n, bool reset) {
  begin();
  send_up_to(n);
  rig_rest(&r, 1);
  r.b.polite = true; /* the next one says it all */
  if (reset)
    broker_resets(&r.b);
  else
    broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  int code = r.g.error.code;
  cr_expect(code == UV_EOF || code == UV_ECONNRESET ||
                (n == conversation_len && code == UVMQTT_EDISCONNECTED),
            "after %zu: %s", n, uvmqtt_err_name(code));
  if (code == UVMQTT_EDISCONNECTED) /* 0x8b asks for patience */
    guest_connect(&r.g);
  UNTIL(&r, r.g.n[COMPLETED] == r.g.requests || r.g.n[DISCONNECTED] > 1);
  cr_expect_eq(r.g.n[DISCONNECTED], 1, "after %zu:\n%s", n, r.g.log);
  for (unsigned i = 0; i < r.g.requests; i++)
    cr_expect_eq(r.g.status[i], 0, "after %zu: %u", n, i);
  no_message_twice_at_qos_2();
  rig_close(&r);
}

/* O05 */
Test(faults, an_end_after_any_byte_loses_nothing) {
  write_conversation();
  for (size_t n = 0; n <= conversation_len; n++)
    cut_after(n, false);
}

/* O05 */
Test(faults, a_reset_after_any_byte_loses_nothing) {
  write_conversation();
  for (size_t n = 0; n <= conversation_len; n++)
    cut_after(n, true);
}

/* Descriptors. */

static int n_open_files(void) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  cr_assert(dir != NULL);
  while (readdir(dir) != NULL)
    n++;
  closedir(dir);
  return n;
}

/* As many files as are open now, and `more`. */
static struct rlimit allow_files(int more) {
  struct rlimit before, now;
  int highest = fcntl(STDIN_FILENO, F_DUPFD, 0); /* the lowest that is free */
  cr_assert_geq(highest, 0);
  close(highest);
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
  now = before;
  now.rlim_cur = (rlim_t)(highest + more);
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
  return before;
}

/* O11: at socket. */
Test(faults, without_descriptors_it_waits_and_recovers) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 5,
                        .reconnect_max = 20};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  int files = n_open_files();
  struct rlimit limit = allow_files(0);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 3);
  cr_expect_eq(r.g.error.code, UV_EMFILE, "%s",
               uvmqtt_err_name(r.g.error.code));
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_CONNECT);
  cr_expect(strstr(r.g.hint, "ulimit") != NULL, "%s", r.g.hint);
  setrlimit(RLIMIT_NOFILE, &limit);
  cr_expect_leq(n_open_files(), files);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_close(&r);
}

/* O11: at the dup that waits for room in the kernel. */
Test(faults, without_descriptors_a_long_write_ends_and_is_made_again) {
  static char payload[2 * 1024 * 1024];
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 2};
  rig_open(&r);
  r.b.rcvbuf = 4096;
  broker_refuses(&r.b);
  broker_listens(&r.b);
  rig_online(&r, &o, NULL);
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
  struct rlimit limit = allow_files(0);
  memset(payload, 'x', sizeof payload - 1);
  for (int i = 0; i < 4; i++)
    cr_assert_eq(guest_publish(&r.g, "t", payload, 1), 0);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_EMFILE, "%s",
               uvmqtt_err_name(r.g.error.code));
  r.b.polite = true;
  setrlimit(RLIMIT_NOFILE, &limit);
  UNTIL(&r, r.g.n[COMPLETED] == 4);
  for (unsigned i = 0; i < 4; i++)
    cr_expect_eq(r.g.status[i], 0);
  rig_close(&r);
}

/* O19: every 50 ms everything is reset; what is left is no more than before. */
Test(faults, a_flapping_network_leaks_nothing_and_all_arrives) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 10};
  rig_open(&r);
  r.b.polite = true;
  guest_open(&r, &r.g, &o);
  r.g.quiet = true;
  int files = n_open_files();
  guest_connect(&r.g);
  for (int i = 0; i < 40; i++) {
    guest_publish(&r.g, "t", "x", (uint8_t)(1 + i % 2));
    rig_rest(&r, 50);
    if (r.b.link != NULL && !r.b.link->closing)
      broker_resets(&r.b);
  }
  UNTIL(&r, r.g.n[COMPLETED] == r.g.requests);
  for (unsigned i = 0; i < r.g.requests; i++)
    cr_expect_eq(r.g.status[i], 0);
  cr_expect_geq(r.g.n[CONNECTED], 20, "%u", r.g.n[CONNECTED]);
  cr_expect_leq(n_open_files(), files + 2); /* both ends of one connection */
  rig_close(&r);
}
