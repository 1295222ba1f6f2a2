/* Many clients on one loop: scale storm | idle | tls | wakes. Prints what it
 * measured, a line each; the exit status says whether that is good enough. */
#include "sink.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>
#include <uvmqtt.h>

enum {
  STORM = 1000, /* clients */
  BUDGET = 200, /* the default of uvmqtt_loop_limits */
  AWAY = 10000, /* ms */
  ALL_BACK = 90000,
  CROWD = 10000,
  CROWD_KEEP_ALIVE = 5,  /* s */
  CROWD_WATCHED = 12000, /* ms */
  BYTES_LIMIT = 2048,    /* per client, beyond libuv's own handles */
  SECURE = 1000,         /* clients */
  SECURE_LIMIT = 40960,  /* bytes per client, all in all */
  WAKES_KEEP_ALIVE = 1,  /* s */
  WAKES_WATCHED = 10000, /* ms */
  TRIES_MAX = 200000,
};

static uv_loop_t loop;
static struct sink sink;
static uvmqtt_t *clients[CROWD];
static unsigned online, losses, closed;
static uint64_t tried[TRIES_MAX];
static uint32_t n_tried;
static bool failed;
static char *root;        /* PEM; NULL: in clear text */
static uvmqtt_tls_t *tls; /* the clients' */

/* A line, and whether it is good. */
static void say(bool good, const char *what, double measured, double limit) {
  printf("%s %s: %.0f (limit %.0f)\n", good ? "ok" : "FAIL", what, measured,
         limit);
  fflush(stdout);
  failed = failed || !good;
}

static void at_most(const char *what, double measured, double limit) {
  say(measured <= limit, what, measured, limit);
}

static void exactly(const char *what, double measured, double wanted) {
  say(measured == wanted, what, measured, wanted);
}

static void must(int r, const char *what) {
  if (r == 0)
    return;
  fprintf(stderr, "scale: %s: %s\n", what, uvmqtt_strerror(r));
  exit(1);
}

/* The most in any second that begins with one of them, from `from` on. */
static uint32_t most(const uint64_t *at, uint32_t n, uint64_t from) {
  uint32_t ret = 0;
  for (uint32_t i = 0, k = 0; i < n; i++) {
    if (at[i] < from) {
      k = i + 1;
      continue;
    }
    while (at[i] - at[k] >= 1000)
      k++;
    if (i - k + 1 > ret)
      ret = i - k + 1;
  }
  return ret;
}

/* Clients. */

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  (void)m;
  (void)connack;
  online++;
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  (void)m;
  online -= d->was_online;
  losses += d->was_online;
}

static void on_state(uvmqtt_t *m, const uvmqtt_transition_t *t) {
  (void)m;
  if (t->to == UVMQTT_STATE_CONNECTING && n_tried < TRIES_MAX)
    tried[n_tried++] = clock_ms();
}

static void open_clients(unsigned n, int64_t keep_alive) {
  char url[64];
  snprintf(url, sizeof url, "%s://127.0.0.1:%u", root ? "mqtts" : "mqtt",
           (unsigned)sink.port);
  uvmqtt_options_t o = {
      UVMQTT_OPTIONS_INIT,      .url = url,
      .keep_alive = keep_alive, .tls = tls,
      .on_connect = on_connect, .on_disconnect = on_disconnect,
      .on_state = on_state};
  for (unsigned i = 0; i < n; i++)
    must(uvmqtt_new(&loop, &o, &clients[i]), "uvmqtt_new");
}

static void connect_clients(unsigned n) {
  for (unsigned i = 0; i < n; i++)
    must(uvmqtt_connect(clients[i]), "uvmqtt_connect");
}

static void on_closed(void *arg) {
  (void)arg;
  closed++;
}

static void close_clients(unsigned n) {
  for (unsigned i = 0; i < n; i++)
    uvmqtt_close(clients[i], on_closed, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  exactly("close callbacks", closed, n);
  exactly("uv_loop_close", uv_loop_close(&loop), 0);
}

/* Waiting. */

static void on_time(uv_timer_t *timer) {
  *(bool *)timer->data = true;
}

/* Until so many are online, or for so long. Returns the time it took. */
static uint64_t run_until(unsigned wanted, uint64_t ms) {
  uint64_t before = clock_ms();
  uv_timer_t timer;
  bool late = false;
  uv_timer_init(&loop, &timer);
  timer.data = &late;
  uv_timer_start(&timer, on_time, ms, 0);
  while (!late && online != wanted)
    uv_run(&loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
  return clock_ms() - before;
}

enum { NEVER_REACHED = CROWD + 1 };

static void run_for(uint64_t ms) {
  run_until(NEVER_REACHED, ms);
}

/* O17: the broker is away for a while and comes back. */
static void storm(void) {
  uint32_t n;
  open_clients(STORM, 60);
  connect_clients(STORM);
  run_until(STORM, ALL_BACK);
  exactly("storm: clients online at first", online, STORM);
  const uint64_t *accepted = sink_accepted(&sink, &n);
  at_most("storm: first connects in any second", most(accepted, n, 0),
          BUDGET * 1.2);
  uint64_t left = clock_ms();
  sink_away(&sink, 1);
  run_for(AWAY);
  exactly("storm: clients online while away", online, 0);
  at_most("storm: attempts in any second while away",
          most(tried, n_tried, left), BUDGET);
  uint32_t before = n;
  sink_away(&sink, 0);
  uint64_t back = clock_ms(), took = run_until(STORM, ALL_BACK);
  exactly("storm: clients online again", online, STORM);
  at_most("storm: ms until all are", (double)took, ALL_BACK);
  sink_accepted(&sink, &n);
  exactly("storm: connections accepted for that", n - before, STORM);
  at_most("storm: accepted in any second when back", most(accepted, n, back),
          BUDGET * 1.2);
  close_clients(STORM);
}

static size_t held(void) {
  return mallinfo2().uordblks;
}

/* What each holds after a while of nothing but pings. */
static double idle_bytes(unsigned n) {
  uvmqtt_loop_limits_t limits = {UVMQTT_LOOP_LIMITS_INIT, .handshakes = 1000,
                                 .reconnects = 2000};
  size_t before = held();
  open_clients(n, CROWD_KEEP_ALIVE);
  must(uvmqtt_loop_limits(&loop, &limits), "uvmqtt_loop_limits");
  connect_clients(n);
  run_until(n, ALL_BACK);
  exactly("idle: clients online", online, n);
  run_for(CROWD_WATCHED);
  exactly("idle: clients still online", online, n);
  exactly("idle: connections lost", losses, 0);
  say(sink_pings(&sink) >= n, "idle: pings answered, at least",
      sink_pings(&sink), n);
  return (double)(held() - before) / n;
}

static void idle(void) {
  size_t handles = sizeof(uv_tcp_t) + sizeof(uv_timer_t);
  double bytes = idle_bytes(CROWD) - (double)handles;
  at_most("idle: bytes per client beyond libuv's handles", bytes, BYTES_LIMIT);
  close_clients(CROWD);
}

/* In low-memory mode, with all that OpenSSL holds. */
static void secure(void) {
  must(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &tls), "uvmqtt_tls_new");
  must(uvmqtt_tls_load_verify_locations(tls, root), "the sink's certificate");
  must(uvmqtt_tls_set_low_memory(tls, true), "low memory");
  at_most("tls: bytes per client in low-memory mode", idle_bytes(SECURE),
          SECURE_LIMIT);
  close_clients(SECURE);
  uvmqtt_tls_free(tls);
  free(root);
}

static void on_check(uv_check_t *check) {
  ++*(unsigned *)check->data;
}

/* Each turn of the loop that found something to do is a wake-up. */
static void wakes(void) {
  unsigned turns = 0, before;
  uint32_t pings;
  uv_check_t check;
  open_clients(1, WAKES_KEEP_ALIVE);
  connect_clients(1);
  run_until(1, ALL_BACK);
  uv_check_init(&loop, &check);
  check.data = &turns;
  uv_check_start(&check, on_check);
  run_for(WAKES_KEEP_ALIVE * 1500);
  before = turns;
  pings = sink_pings(&sink);
  run_for(WAKES_WATCHED);
  /* two of them are the timer of run_for */
  pings = sink_pings(&sink) - pings;
  at_most("wakes: turns of the loop", turns - before - 2, 2.0 * pings);
  say(pings + 2 >= WAKES_WATCHED / 1000 / WAKES_KEEP_ALIVE,
      "wakes: keepalives, about", pings,
      WAKES_WATCHED / 1000.0 / WAKES_KEEP_ALIVE);
  uv_close((uv_handle_t *)&check, NULL);
  close_clients(1);
}

static void want_descriptors(void) {
  struct rlimit limit;
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  if (limit.rlim_cur < CROWD + 100) {
    fprintf(stderr, "scale: only %llu descriptors\n",
            (unsigned long long)limit.rlim_cur);
    exit(77);
  }
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } parts[] = {
      {"storm", storm}, {"idle", idle}, {"tls", secure}, {"wakes", wakes}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (argc != 2 || strcmp(argv[1], parts[i].name) != 0)
      continue;
    want_descriptors();
    if (parts[i].run == secure)
      sink_secure(&root);
    sink_start(&sink);
    must(uv_loop_init(&loop), "uv_loop_init");
    parts[i].run();
    sink_stop(&sink);
    return failed;
  }
  fprintf(stderr, "usage: scale storm|idle|tls|wakes\n");
  return 2;
}
