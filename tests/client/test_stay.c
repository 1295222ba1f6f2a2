/* Sleep, changed networks, kernels that take nothing. */
#include "client/stay.h"

#include "client/client.h"
#include "client/rig.h"
#include "support/suite.h"
#include <string.h>
#include <unistd.h>

SUITE(stay);

static struct rig r;

static uint64_t slept; /* ms */

static uint64_t slept_clock(void) {
  return slept;
}

/* The machine's own sleep does not disturb the test. */
static void online(const uvmqtt_options_t *o) {
  rig_open(&r);
  guest_open(&r, &r.g, o);
  r.g.m->loop->slept_clock = slept_clock;
  r.g.m->loop->slept = slept = 1000;
  rig_online(&r, NULL, NULL);
}

/* An event of the loop, more than a second after the last look. */
static void wake_up_after(uint64_t ms) {
  slept += ms;
  r.g.m->loop->looked -= 1000;
  SAYS(&r, "PUBLISH topic=t");
}

/* O14 */
Test(stay, a_client_that_slept_asks_the_server_at_once) {
  online(NULL);
  wake_up_after(3600 * 1000);
  HEARS(&r, "PINGREQ");
  rig_hears_nothing(&r, 20); /* one, no storm */
  SAYS(&r, "PINGRESP");
  wake_up_after(0);
  rig_hears_nothing(&r, 20);
  wake_up_after(1900); /* too short to matter */
  rig_hears_nothing(&r, 20);
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  rig_close(&r);
}

/* O14: the server forgot us meanwhile and nobody told. */
Test(stay, an_unanswered_question_after_sleep_ends_the_connection_soon) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 2,
                        .reconnect_min = 1};
  online(&o);
  wake_up_after(5000);
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  uint64_t before = rig_clock();
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  uint64_t took = rig_clock() - before;
  cr_expect(took >= 900 && took < 1500, "%d ms", (int)took);
  cr_expect_eq(r.g.error.code, UVMQTT_EKEEPALIVE);
  HEARS(&r, "PINGREQ");
  rig_close(&r);
}

/* O14, O20 */
Test(stay, sleep_and_poke_end_the_wait_for_the_next_attempt) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1000000,
                        .reconnect_max = 1000000};
  online(&o);
  broker_hangs_up(&r.b);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  slept += 5000;
  r.g.m->loop->looked -= 1000;
  um_loop_enter(r.g.m->loop); /* as a callback of any client would */
  um_loop_exit(r.g.m->loop);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  broker_hangs_up(&r.b);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  int result;
  IN_CALL(&r, result, uvmqtt_poke(r.g.m));
  cr_assert_eq(result, 0);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

/* O20 */
Test(stay, a_poke_is_a_ping_and_any_byte_answers_it) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 2};
  int result;
  online(&o);
  IN_CALL(&r, result, uvmqtt_poke(r.g.m));
  cr_assert_eq(result, 0);
  HEARS(&r, "PINGREQ");
  rig_rest(&r, 500);
  SAYS(&r, "PUBLISH topic=t");
  rig_rest(&r, 700); /* the probe would be over */
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  rig_close(&r);
}

Test(stay, a_poke_matters_only_online_and_waiting) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_expect_eq(uvmqtt_poke(NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_poke(r.g.m), 0); /* offline: no handle, no wish */
  uv_run(&r.loop, UV_RUN_NOWAIT);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_OFFLINE);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  cr_expect_eq(uvmqtt_poke(r.g.m), 0);
  rig_hears_nothing(&r, 20);
  guest_close(&r.g);
  cr_expect_eq(uvmqtt_poke(r.g.m), UV_ECANCELED);
  rig_close(&r);
}

/* Writing into a wall. */

static void stop_reading(void) {
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
}

static void fill(void) { /* 24 MB */
  static char payload[60001];
  memset(payload, 'x', sizeof payload - 1);
  for (int i = 0; i < 400; i++)
    if (guest_publish(&r.g, "t", payload, 0))
      return;
}

static uint64_t walled_since; /* the first byte that may wait */

static void walled(const uvmqtt_options_t *o) {
  rig_open(&r);
  r.b.rcvbuf = 4096;
  broker_refuses(&r.b);
  broker_listens(&r.b);
  guest_open(&r, &r.g, o);
  r.g.quiet = true;
  rig_online(&r, NULL, NULL);
  stop_reading();
  walled_since = rig_clock();
  fill();
}

/* O07: bounded, and not for ever. */
Test(stay, a_server_that_takes_nothing_is_given_up) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = UVMQTT_OFF,
                        .write_timeout = 300, .queue_bytes = 8 * 1024 * 1024};
  walled(&o);
  cr_expect_leq(guest_stats(&r.g).queued_bytes, 8 * 1024 * 1024);
  cr_expect_eq(guest_publish(&r.g, "t", "x", 0), 0, "a small one fits");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_ESTALLED);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_ONLINE);
  cr_expect(strstr(r.g.hint, ".write_timeout") != NULL);
  cr_expect(rig_clock() - walled_since >= 300);
  rig_close(&r);
}

/* O07: the PINGREQ cannot even be written; twice the Keep Alive at most. */
Test(stay, without_the_option_the_keep_alive_ends_it) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 1};
  walled(&o);
  uint64_t before = rig_clock();
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  uint64_t took = rig_clock() - before;
  cr_expect(r.g.error.code == UVMQTT_EKEEPALIVE ||
            r.g.error.code == UVMQTT_ESTALLED);
  cr_expect(took >= 900 && took <= 2500, "%d ms", (int)took);
  rig_close(&r);
}

/* O08: it takes little, but it takes. */
Test(stay, a_slow_server_is_no_dead_server) {
  static char room[65536];
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = UVMQTT_OFF,
                        .write_timeout = 400};
  walled(&o);
  uv_os_fd_t fd;
  cr_assert_eq(uv_fileno((uv_handle_t *)&r.b.link->tcp, &fd), 0);
  uint64_t before = rig_clock();
  while (rig_clock() - before < 1500) {
    for (int i = 0; i < 20; i++)
      (void)!read(fd, room, sizeof room);
    rig_rest(&r, 2);
    if (guest_stats(&r.g).queued_bytes < 1024 * 1024)
      fill();
  }
  cr_expect_gt(guest_stats(&r.g).queued_bytes, 0, "too fast to prove it");
  cr_expect_eq(r.g.n[DISCONNECTED], 0, "%s", uvmqtt_err_name(r.g.error.code));
  rig_close(&r);
}

/* O21: while we slept in a callback the kernel might have taken it. */
Test(stay, a_blocked_loop_is_no_stall) {
  static char room[65536];
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = UVMQTT_OFF,
                        .write_timeout = 200};
  uv_os_fd_t fd;
  ssize_t n = 1;
  walled(&o);
  rig_rest(&r, 5);
  cr_assert_eq(uv_fileno((uv_handle_t *)&r.b.link->tcp, &fd), 0);
  uv_sleep(400);
  while (n > 0) { /* the peer reads all meanwhile */
    n = read(fd, room, sizeof room);
    if (n < 0)
      uv_sleep(10);
    if (n < 0)
      n = read(fd, room, sizeof room);
  }
  rig_rest(&r, 20);
  cr_expect_eq(r.g.n[DISCONNECTED], 0, "%s", uvmqtt_err_name(r.g.error.code));
  rig_close(&r);
}
