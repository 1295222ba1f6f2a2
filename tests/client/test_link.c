/* Getting online and staying there. */
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(link);

static struct rig r;

/* Fast back-off for tests. */
#define FAST .reconnect_min = 4, .reconnect_max = 40

static void begin(const uvmqtt_options_t *o) {
  rig_open(&r);
  guest_open(&r, &r.g, o);
}

static void greeted(void) {
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
}

Test(link, the_way_online_and_back_is_told_step_by_step) {
  begin(NULL);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_OFFLINE);
  guest_connect(&r.g);
  cr_expect_eq(guest_connect(&r.g), 0, "again does nothing");
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(guest_connect(&r.g), 0, "again does nothing");
  rig_hears_nothing(&r, 10);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  rig_hears_end(&r);
  broker_hangs_up(&r.b);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  cr_expect_str_eq(r.g.log, "state offline>connecting\n"
                            "state connecting>online\n"
                            "connected 5 sp=0\n"
                            "state online>disconnecting\n"
                            "disconnected OK online=1 attempt=1 for good\n"
                            "left OK\n"
                            "state disconnecting>offline\n");
  cr_expect_eq(r.b.accepted, 1);
  rig_close(&r);
}

/* O01 */
Test(link, refused_connections_are_tried_again_with_growing_jittered_delay) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  uint64_t spans[] = {4, 8, 16, 32, 40, 40};
  begin(&o);
  broker_refuses(&r.b);
  rig_rest(&r, 1);
  guest_connect(&r.g);
  for (unsigned i = 0; i < 6; i++) {
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    cr_expect_eq(r.g.error.code, UV_ECONNREFUSED);
    cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_CONNECT);
    cr_expect_eq(r.g.attempt, i + 1);
    cr_expect_not(r.g.was_online);
    cr_expect(r.g.retry_in >= 1 && r.g.retry_in <= (int64_t)spans[i],
              "attempt %u: %d ms", i + 1, (int)r.g.retry_in);
    cr_expect_str_eq(r.g.address, r.b.url + strlen("mqtt://"));
    cr_expect(*r.g.hint != '\0');
    uint64_t before = rig_clock();
    unsigned states = r.g.n[STATE];
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING ||
                  r.g.n[STATE] > states + 1);
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_CONNECTING);
    cr_expect(rig_clock() - before + 1 >= (uint64_t)r.g.retry_in,
              "tried too early");
  }
  UNTIL(&r, uvmqtt_state(r.g.m) != UVMQTT_STATE_CONNECTING);
  broker_listens(&r.b);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_close(&r);
}

Test(link, delays_are_jittered) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1000000};
  int64_t delays[8];
  bool differ = false;
  begin(&o);
  broker_refuses(&r.b);
  for (unsigned i = 0; i < 8; i++) {
    guest_connect(&r.g);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    delays[i] = r.g.retry_in;
    cr_expect(delays[i] >= 1 && delays[i] <= 60000);
    differ = differ || delays[i] != delays[0];
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  }
  cr_expect(differ);
  rig_close(&r);
}

Test(link, one_attempt_only_when_reconnecting_is_off) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_max = UVMQTT_OFF};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE &&
                r.g.n[DISCONNECTED] == 1);
  cr_expect_str_eq(r.g.log,
                   "state offline>connecting\n"
                   "state connecting>disconnecting\n"
                   "disconnected ECONNREFUSED online=0 attempt=1 for good\n"
                   "state disconnecting>offline\n");
  rig_rest(&r, 20);
  cr_expect_eq(guest_stats(&r.g).attempts, 1);
  broker_listens(&r.b);
  guest_connect(&r.g); /* asked for again: one more */
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.retry_in, UVMQTT_OFF);
  rig_rest(&r, 20);
  cr_expect_eq(r.b.accepted, 1);
  rig_close(&r);
}

static void connect_again(struct guest *g) {
  if (g->n[DISCONNECTED] < 1000)
    guest_connect(g);
}

/* DESIGN 3.6: nothing retries at speed. */
Test(link, asking_again_in_on_disconnect_does_not_retry_at_speed) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_max = UVMQTT_OFF};
  begin(&o);
  broker_refuses(&r.b);
  r.g.on[DISCONNECTED] = connect_again;
  guest_connect(&r.g);
  rig_rest(&r, 300);
  cr_expect_leq(guest_stats(&r.g).attempts, 20, "%u attempts in 300 ms",
                (unsigned)guest_stats(&r.g).attempts);
  rig_close(&r);
}

Test(link, an_end_before_connack_is_an_attempt_that_failed) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .version = UVMQTT_VERSION_5};
  begin(&o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_EOF);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  cr_expect_not(r.g.was_online);
  HEARS(&r, "CONNECT version=5 ...");
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UV_ECONNRESET);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_close(&r);
}

/* N67 */
Test(link, a_refusing_connack_is_told_in_the_servers_words) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .username = "u",
                        .password = {"p", 1}};
  begin(&o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT username=u password=p ...");
  SAYS(&r, "CONNACK reason=0x86 reason_string=no");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_EREFUSED);
  cr_expect_eq(r.g.error.reason, UVMQTT_REASON_BAD_USER_NAME_OR_PASSWORD);
  cr_expect_str_eq(r.g.error.reason_string, "no");
  cr_expect(strstr(r.g.hint, "password") != NULL);
  cr_expect_geq(r.g.retry_in, 30000);
  rig_hears_end(&r);
  rig_close(&r);
}

Test(link, a_refusing_connack_of_311_is_translated) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = UVMQTT_VERSION_311};
  static const struct {
    const char *connack;
    uint8_t reason;
  } rows[] = {{"20 02 00 01", 0x84},
              {"20 02 00 02", 0x85},
              {"20 02 00 03", 0x88},
              {"20 02 00 04", 0x86},
              {"20 02 00 05", 0x87}};
  begin(&o);
  for (unsigned i = 0; i < 5; i++) {
    guest_connect(&r.g); /* while waiting: at once */
    HEARS(&r, "CONNECT version=4 ...");
    SAYS(&r, rows[i].connack);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    cr_expect_eq(r.g.error.reason, rows[i].reason);
    rig_hears_end(&r);
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  }
  rig_close(&r);
}

/* N66 */
Test(link, connack_has_a_deadline) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .connect_timeout = 60};
  begin(&o);
  uint64_t before = rig_clock();
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  uint64_t took = rig_clock() - before;
  cr_expect(took >= 60 && took < 1000, "%d ms", (int)took);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  rig_hears_end(&r);
  rig_close(&r);
}

/* The peer answers, and then the host keeps the loop: the timer is looked at
 * before the socket is. */
static void answer_and_block(struct broker_link *l, const uint8_t *data,
                             size_t len) {
  (void)data;
  (void)len;
  broker_sends(l, "\x20\x03\0\0\0", 5);
  uv_sleep(60);
}

/* No verdict before the socket had a chance to be read. */
Test(link, a_blocked_loop_is_no_reason_to_miss_connack) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .connect_timeout = 40};
  begin(&o);
  r.b.bytes = answer_and_block;
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[CONNECTED] + r.g.n[DISCONNECTED] > 0);
  cr_expect_eq(r.g.n[CONNECTED], 1, "%s", r.g.log);
  rig_close(&r);
}

Test(link, a_lost_connection_is_made_anew) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  begin(&o);
  rig_online(&r, NULL, NULL);
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT client_id=c keep_alive=60 maximum_packet_size=1048576 "
            "receive_maximum=64 session_expiry_interval=300 version=5");
  SAYS(&r, "CONNACK sp=1");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_str_eq(r.g.states, "connecting online disconnecting waiting "
                               "connecting online");
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  cr_expect_eq(r.g.error.code, UV_EOF);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_ONLINE);
  cr_expect(r.g.was_online);
  cr_expect_eq(r.g.attempt, 1);
  rig_close(&r);
}

/* Without waiting for the delay, however short it is. */
static void kick(struct guest *g) {
  if (uvmqtt_state(g->m) == UVMQTT_STATE_WAITING)
    guest_connect(g);
}

/* O18: reset only after having been online for a while. */
Test(link, backoff_keeps_growing_while_connections_do_not_last) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 1000000};
  begin(&o);
  r.g.on[STATE] = kick;
  guest_connect(&r.g);
  unsigned i = 0;
  for (; i < 12; i++) {
    greeted();
    UNTIL(&r, r.g.n[CONNECTED] == i + 1);
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    cr_expect_eq(r.g.attempt, i + 1);
  }
  bool grown = false; /* the span is 4,096 ms now, and is 1 after a reset */
  for (unsigned k = 0; k < 4; k++, i++) {
    greeted();
    UNTIL(&r, r.g.n[CONNECTED] == i + 1);
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    grown = grown || r.g.retry_in > 2;
  }
  cr_expect(grown);
  rig_close(&r);
}

Test(link, backoff_and_attempts_begin_anew_after_a_stable_connection) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 2,
                        .reconnect_max = 1000000, .reconnect_stable = 30};
  begin(&o);
  r.g.on[STATE] = kick;
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 10);
  broker_listens(&r.b);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_rest(&r, 35);
  unsigned before = r.g.n[DISCONNECTED];
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == before + 1);
  cr_expect(r.g.retry_in <= 2, "%d ms", (int)r.g.retry_in);
  cr_expect_geq(r.g.attempt, 1, "attempts count from 1");
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  rig_close(&r);
}

Test(link, connect_while_waiting_tries_at_once) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  broker_listens(&r.b);
  uint64_t before = rig_clock();
  guest_connect(&r.g);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_lt(rig_clock() - before, 500);
  cr_expect_str_eq(r.g.states,
                   "connecting disconnecting waiting connecting online");
  rig_close(&r);
}

/* Credentials in clear text. */

static bool other_address(char *ret, size_t size) {
  uv_interface_address_t *list;
  int n;
  bool found = false;
  if (uv_interface_addresses(&list, &n))
    return false;
  for (int i = 0; i < n && !found; i++) {
    found =
        !list[i].is_internal && list[i].address.address4.sin_family == AF_INET;
    if (found)
      uv_ip4_name(&list[i].address.address4, ret, size);
  }
  uv_free_interface_addresses(list, n);
  return found;
}

static const char *elsewhere_by; /* .auth_method */

static void unasked(uvmqtt_t *m, const uvmqtt_auth_t *auth) {
  (void)m, (void)auth;
  cr_assert_fail("asked for what may not be said");
}

/* U07 */
static void connects_elsewhere(const char *user, bool plain, int expected) {
  char ip[64], url[100];
  if (!other_address(ip, sizeof ip)) {
    cr_log_warn("no address but loopback here");
    cr_skip_test("no address but loopback here");
  }
  rig_open(&r);
  broker_refuses(&r.b);
  broker_listens_at(&r.b, ip);
  snprintf(url, sizeof url, "mqtt://%s%s:%u", user, ip, r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .auth_method = elsewhere_by, .on_auth = unasked,
                        .plain_credentials = plain};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  if (expected == 0) {
    greeted();
    UNTIL(&r, r.g.n[CONNECTED] == 1);
  } else {
    UNTIL(&r, r.g.n[DISCONNECTED] == 1);
    cr_expect_eq(r.g.error.code, expected);
    cr_expect_geq(r.g.retry_in, 30000, "at speed: %d", (int)r.g.retry_in);
    cr_expect(*r.g.hint != '\0');
    rig_hears_end(&r); /* not a byte of it */
  }
  rig_close(&r);
}

Test(link, credentials_stay_here_when_the_peer_is_not_this_host) {
  connects_elsewhere("u:p@", false, UVMQTT_EINSECURE);
}

Test(link, a_user_name_alone_is_a_secret_too) {
  connects_elsewhere("u@", false, UVMQTT_EINSECURE);
}

Test(link, an_authentication_method_is_a_secret_too) {
  elsewhere_by = "m";
  connects_elsewhere("", false, UVMQTT_EINSECURE);
}

Test(link, credentials_go_elsewhere_when_that_is_allowed) {
  connects_elsewhere("u:p@", true, 0);
}

Test(link, without_credentials_every_address_is_fine) {
  connects_elsewhere("", false, 0);
}

Test(link, loopback_is_all_of_127) {
  char url[64];
  rig_open(&r);
  broker_refuses(&r.b);
  broker_listens_at(&r.b, "127.4.5.6");
  snprintf(url, sizeof url, "mqtt://u:p@127.4.5.6:%u", r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT username=u password=p ...");
  rig_close(&r);
}
