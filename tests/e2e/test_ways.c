/* Every way to a mosquitto: TLS, WebSocket, both, and unix sockets, straight
 * and through proxies, at each QoS in both versions. */
#include "e2e/peer.h"

#include "support/pki.h"
#include "support/suite.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SUITE(ways);

/* mosquitto 2.0 takes 4 KiB each 100 ms from a WebSocket. */
#define BIG (16u * 1024)
static char big[BIG];

/* A mosquitto with all its listeners, and the proxies a test asks for. */
struct place {
  struct broker b;
  char directory[64];
  char ws_url[64], unix_url[128], tls_url[64], wss_url[64];
  uvmqtt_tls_t *tls; /* trusts it */
};

struct proxy {
  char directory[96];
  char url[128];
  struct program program;
};

/* The lines that give a listener its certificate. */
static void make_certificate(struct place *p, char *ret, size_t size) {
  struct pki ca = pki_ca("e2e"), server = pki_server(&ca);
  snprintf(ret, size, "certfile %s\nkeyfile %s\n",
           pki_file("server.pem", server.pem),
           pki_file("server.key", pki_plain_key(&server)));
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &p->tls), 0);
  cr_assert_eq(uvmqtt_tls_load_verify_locations(p->tls, ca.pem), 0);
  pki_done(&ca);
  pki_done(&server);
}

static void make_conf(struct place *p, char *ret, size_t size) {
  /* without socket_domain it listens on all interfaces */
  static const char ws[] = "protocol websockets\nsocket_domain ipv4\n";
  char certificate[512];
  unsigned port[] = {site_free_port(), site_free_port(), site_free_port()};
  make_certificate(p, certificate, sizeof certificate);
  snprintf(ret, size,
           "listener %u 127.0.0.1\n%slistener %u 127.0.0.1\n%s"
           "listener %u 127.0.0.1\n%s%slistener 0 %s/m.sock",
           port[0], ws, port[1], certificate, port[2], ws, certificate,
           p->directory);
  snprintf(p->ws_url, sizeof p->ws_url, "ws://127.0.0.1:%u", port[0]);
  snprintf(p->tls_url, sizeof p->tls_url, "mqtts://127.0.0.1:%u", port[1]);
  snprintf(p->wss_url, sizeof p->wss_url, "wss://localhost:%u", port[2]);
  snprintf(p->unix_url, sizeof p->unix_url, "unix://%s/m.sock", p->directory);
}

static void open_place(struct host *h, struct place *p) {
  char conf[2048];
  strcpy(p->directory, "/tmp/uvmqtt-ways-XXXXXX");
  cr_assert_not_null(mkdtemp(p->directory));
  make_conf(p, conf, sizeof conf);
  broker_start(h, &p->b, conf);
}

static void wipe(struct host *h, struct program *p, const char *directory) {
  const char *argv[] = {"/bin/rm", "-rf", directory, NULL};
  program_run(h, p, argv);
}

static void close_place(struct host *h, struct place *p) {
  broker_end(h, &p->b);
  wipe(h, &p->b.program, p->directory);
  uvmqtt_tls_free(p->tls);
  pki_files_done();
}

/* name: microsocks, danted or tinyproxy */
static void open_proxy(struct host *h, struct proxy *p, const char *name,
                       const char *scheme) {
  int port = 0;
  strcpy(p->directory, "/tmp/uvmqtt-proxy-XXXXXX");
  cr_assert_not_null(mkdtemp(p->directory));
  const char *argv[] = {getenv("UVMQTT_BROKER_CTL"), "start", name,
                        p->directory, NULL};
  program_run(h, &p->program, argv);
  cr_assert_eq(sscanf(p->program.text, "PORT=%d", &port), 1);
  snprintf(p->url, sizeof p->url, "%s://user:p%%61ssword@127.0.0.1:%d", scheme,
           port);
}

static void close_proxy(struct host *h, struct proxy *p) {
  const char *stop[] = {getenv("UVMQTT_BROKER_CTL"), "stop", p->directory,
                        "KILL", NULL};
  program_run(h, &p->program, stop);
  wipe(h, &p->program, p->directory);
}

static void exchange(struct peer *p) {
  static const size_t lengths[] = {0, 1, BIG};
  peer_subscribe(p, unique("#"), 2);
  for (uint8_t qos = 0; qos <= 2; qos++)
    for (size_t i = 0; i < 3; i++) {
      uvmqtt_message_t m = {
          .topic = unique("way"), .payload = {big, lengths[i]}, .qos = qos};
      size_t n = qos * 3u + i;
      peer_send(p, &m);
      UNTIL(p->host, p->n_heard > n);
      cr_assert_eq(p->heard[n].len, lengths[i]);
      cr_assert_eq(memcmp(p->heard[n].payload, big, lengths[i]), 0);
      cr_assert_eq(p->heard[n].qos, qos);
    }
  peer_sync(p);
  cr_assert_eq(p->n_heard, 9);
}

static bool is_secure(const char *url) {
  return strncmp(url, "mqtts:", 6) == 0 || strncmp(url, "wss:", 4) == 0;
}

static void go(struct host *h, struct place *at, const char *url,
               const char *proxy) {
  static const uvmqtt_protocol_t versions[] = {UVMQTT_VERSION_5,
                                               UVMQTT_VERSION_311};
  for (size_t i = 0; i < BIG; i++)
    big[i] = (char)(i * 31 + i / 256);
  for (size_t i = 0; i < 2; i++) {
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url, .proxy = proxy,
                          .tls = is_secure(url) ? at->tls : NULL,
                          .client_id = unique("way")};
    at->b.site.version = versions[i];
    struct peer *p = peer_new(h, &at->b.site, &o);
    peer_connect(p);
    cr_assert_eq(p->connack.version, versions[i]);
    exchange(p);
    peer_leave(p);
    cr_assert_eq(p->error.code, 0);
    peer_close(p);
  }
}

static void by_websocket(struct host *h) {
  struct place at;
  open_place(h, &at);
  go(h, &at, at.ws_url, NULL);
  close_place(h, &at);
}

/* A login by headers, and a way that is known at the last moment only. */

static uvmqtt_change_t found;

static void find_the_way(uvmqtt_t *m, const uvmqtt_attempt_t *attempt) {
  found.id = attempt->id;
  cr_assert_eq(uvmqtt_go(m, attempt->attempt == 1 ? NULL : &found), 0);
}

static uvmqtt_retry_t soon(uvmqtt_t *m, const uvmqtt_error_t *error,
                           uvmqtt_retry_t proposed) {
  (void)m, (void)error, (void)proposed;
  return UVMQTT_RETRY_TRANSIENT;
}

/* The first attempt must fail, and the second one goes as told. */
static void go_as_found(struct host *h, struct place *at, const char *url,
                        int code) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = url,
                        .client_id = unique("way"),
                        .reconnect_min = 1,
                        .on_before_connect = find_the_way,
                        .on_retry = soon};
  struct peer *p = peer_new(h, &at->b.site, &o);
  cr_assert_eq(uvmqtt_connect(p->m), 0);
  UNTIL(h, p->disconnects == 1);
  cr_expect_eq(p->error.code, code, "%s", uvmqtt_strerror(p->error.code));
  UNTIL(h, p->online);
  exchange(p);
  peer_leave(p);
  cr_assert_eq(p->error.code, 0);
  peer_close(p);
}

static void found_before_an_attempt(struct host *h) {
  static const uvmqtt_header_t login = {"Authorization", "Bearer x"};
  struct place at;
  char gone[64];
  open_place(h, &at);
  snprintf(gone, sizeof gone, "mqtt://127.0.0.1:%u", site_free_port());
  found = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .url = at.ws_url,
                            .ws_path = "/mqtt?at=last", .ws_headers = &login,
                            .n_ws_headers = 1};
  go_as_found(h, &at, gone, UV_ECONNREFUSED);
  found =
      (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .url = at.wss_url, .tls = at.tls};
  go_as_found(h, &at, gone, UV_ECONNREFUSED);
  found = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .tls = at.tls};
  go_as_found(h, &at, at.tls_url, UVMQTT_ECERT);
  close_place(h, &at);
}

static void by_tls(struct host *h) {
  struct place at;
  open_place(h, &at);
  go(h, &at, at.tls_url, NULL);
  go(h, &at, at.wss_url, NULL);
  close_place(h, &at);
}

static void by_unix_socket(struct host *h) {
  struct place at;
  open_place(h, &at);
  go(h, &at, at.unix_url, NULL);
  close_place(h, &at);
}

static void through(struct host *h, const char *name, const char *scheme) {
  struct place at;
  struct proxy proxy;
  open_place(h, &at);
  open_proxy(h, &proxy, name, scheme);
  go(h, &at, at.b.url, proxy.url);
  go(h, &at, at.ws_url, proxy.url);
  go(h, &at, at.tls_url, proxy.url);
  go(h, &at, at.wss_url, proxy.url);
  close_proxy(h, &proxy);
  close_place(h, &at);
}

static void through_socks5(struct host *h) {
  through(h, "microsocks", "socks5h");
}

static void through_dante(struct host *h) {
  through(h, "danted", "socks5h");
  through(h, "danted", "socks5");
}

static void through_http(struct host *h) {
  through(h, "tinyproxy", "http");
}

Test(ways, by_websocket) {
  alone(by_websocket);
}

Test(ways, by_what_is_found_before_an_attempt) {
  alone(found_before_an_attempt);
}

Test(ways, by_tls_with_and_without_websocket) {
  alone(by_tls);
}

Test(ways, by_unix_socket) {
  alone(by_unix_socket);
}

Test(ways, through_a_socks5_proxy_plain_by_tls_and_by_websocket) {
  alone(through_socks5);
}

/* With the names looked up there, and here. */
Test(ways, through_another_socks5_proxy) {
  if (access("/usr/sbin/danted", X_OK) != 0)
    cr_skip_test("no danted here");
  alone(through_dante);
}

Test(ways, through_an_http_proxy_plain_by_tls_and_by_websocket) {
  alone(through_http);
}

static void fails(struct host *h, struct place *at, const char *url,
                  const char *proxy, int code) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url, .proxy = proxy,
                        .client_id = unique("way")};
  struct peer *p = peer_new(h, &at->b.site, &o);
  cr_assert_eq(uvmqtt_connect(p->m), 0);
  UNTIL(h, p->disconnects > 0);
  cr_expect_eq(p->error.code, code, "%s: %s", url,
               uvmqtt_strerror(p->error.code));
  cr_expect_eq(p->error.phase, UVMQTT_PHASE_PROXY);
  peer_close(p);
}

/* Each wrong in a way of its own: no such server, bad login, no proxy. */
static void refused_by(struct host *h, const char *name, const char *scheme) {
  struct place at;
  struct proxy proxy;
  char bad[64], gone[64];
  open_place(h, &at);
  open_proxy(h, &proxy, name, scheme);
  snprintf(bad, sizeof bad, "%s://user:wrong@127.0.0.1:%s", scheme,
           strrchr(proxy.url, ':') + 1);
  snprintf(gone, sizeof gone, "mqtt://127.0.0.1:%u", site_free_port());
  fails(h, &at, at.b.url, bad, UVMQTT_EPROXYAUTH);
  fails(h, &at, gone, proxy.url, UVMQTT_EPROXY);
  close_proxy(h, &proxy);
  close_place(h, &at);
}

static void refused_by_socks5(struct host *h) {
  refused_by(h, "microsocks", "socks5h");
}

static void refused_by_http(struct host *h) {
  refused_by(h, "tinyproxy", "http");
}

Test(ways, a_socks5_proxy_may_refuse) {
  alone(refused_by_socks5);
}

Test(ways, an_http_proxy_may_refuse) {
  alone(refused_by_http);
}
