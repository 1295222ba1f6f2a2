/* Several servers, sockets, and the time each phase may take. */
#include "client/rig.h"
#include "client/servers.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

SUITE(servers);

static struct rig r;

static int try_servers(const char *const *servers, size_t n) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://127.0.0.1",
                        .servers = servers, .n_servers = n};
  int result = guest_try(&r, &r.g, &o);
  if (result == 0) {
    guest_close(&r.g);
    UNTIL(&r, r.g.m == NULL);
  }
  return result;
}

Test(servers, a_list_is_checked) {
  const char *many[UVMQTT_SERVERS_MAX + 1];
  for (size_t i = 0; i < UVMQTT_SERVERS_MAX + 1; i++)
    many[i] = "mqtt://127.0.0.2";
  rig_open(&r);
  cr_expect_eq(try_servers(many, UVMQTT_SERVERS_MAX), 0);
  cr_expect_eq(try_servers(many, UVMQTT_SERVERS_MAX + 1), UV_EINVAL);
  cr_expect_eq(try_servers(NULL, 1), UV_EINVAL);
  many[1] = NULL;
  cr_expect_eq(try_servers(many, 2), UVMQTT_EURL);
  many[1] = "ftp://127.0.0.2";
  cr_expect_eq(try_servers(many, 2), UVMQTT_EURL);
  many[1] = "mqtt://u:p@127.0.0.2"; /* those of url go everywhere */
  cr_expect_eq(try_servers(many, 2), UVMQTT_EURL);
  rig_close(&r);
}

/* By which it is remembered what is spoken where. */
Test(servers, a_number_stands_for_host_port_and_transport) {
  struct um_server a = {.host = "h.example", .port = 1883};
  struct um_server same = {.host = "H.Example", .port = 1883, .path = "/x"};
  struct um_server others[] = {{.host = "h.exampl", .port = 1883},
                               {.host = "h.example", .port = 1884},
                               {.host = "h.examplf", .port = 1883}};
  uint64_t n = um_servers_number(UM_TRANSPORT_TCP, &a, 7);
  cr_expect_eq(um_servers_number(UM_TRANSPORT_TCP, &same, 7), n);
  cr_expect_neq(um_servers_number(UM_TRANSPORT_TLS, &a, 7), n);
  cr_expect_neq(um_servers_number(UM_TRANSPORT_TCP, &a, 8), n);
  for (size_t i = 0; i < 3; i++)
    cr_expect_neq(um_servers_number(UM_TRANSPORT_TCP, &others[i], 7), n);
  cr_expect_neq(um_servers_number(UM_TRANSPORT_UNIX, &same, 7),
                um_servers_number(UM_TRANSPORT_UNIX, &a, 7), "a path");
}

static char texts[4][64];

static const char *at(int i, const char *ip, uint16_t port) {
  snprintf(texts[i], sizeof texts[i], "mqtt://%s:%u", ip, (unsigned)port);
  return texts[i];
}

Test(servers, the_next_is_reached_when_the_first_refuses) {
  rig_open(&r);
  uvmqtt_options_t o = {
      UVMQTT_OPTIONS_INIT, .url = at(0, "127.0.0.2", r.b.port),
      .servers = (const char *const[]){at(1, "127.0.0.3", r.b.port), r.b.url},
      .n_servers = 2};
  rig_online(&r, &o, NULL);
  cr_expect_eq(r.g.n[DISCONNECTED], 0, "one attempt is enough");
  rig_close(&r);
}

Test(servers, each_error_of_an_attempt_at_all_is_one_attempt) {
  rig_open(&r);
  broker_refuses(&r.b);
  uvmqtt_options_t o = {
      UVMQTT_OPTIONS_INIT, .url = at(0, "127.0.0.2", r.b.port),
      .servers = (const char *const[]){at(1, "127.0.0.3", r.b.port)},
      .n_servers = 1, .reconnect_max = UVMQTT_OFF};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_ECONNREFUSED);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_CONNECT);
  rig_close(&r);
}

/* A server that accepts connections and no client does not hold us. */
Test(servers, one_that_connects_and_is_no_good_goes_last) {
  struct broker second = {0};
  rig_open(&r);
  r.crowded = true;
  broker_open(&second, &r.loop);
  second.polite = true;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = r.b.url,
                        .servers = (const char *const[]){second.url},
                        .n_servers = 1, .reconnect_min = 1};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(r.b.accepted, 1);
  cr_expect_eq(second.accepted, 1);
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  broker_close(&second);
  rig_close(&r);
}

/* The first is tried again first when it has come back. */
Test(servers, a_lost_connection_is_no_grudge) {
  struct broker second = {0};
  rig_open(&r);
  r.crowded = true;
  r.b.polite = true;
  broker_open(&second, &r.loop);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = r.b.url,
                        .servers = (const char *const[]){second.url},
                        .n_servers = 1, .reconnect_min = 1};
  rig_online(&r, &o, NULL);
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_eq(r.b.accepted, 2);
  cr_expect_eq(second.accepted, 0);
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  broker_close(&second);
  rig_close(&r);
}

static uvmqtt_redirect_verdict_t follow(uvmqtt_t *m,
                                        const uvmqtt_redirect_t *redirect) {
  (void)m;
  (void)redirect;
  return UVMQTT_REDIRECT_FOLLOW;
}

/* 4.11: and back to the list when that comes to nothing. */
Test(servers, a_redirect_leads_to_its_server_alone) {
  struct broker second = {0};
  char line[128];
  rig_open(&r);
  r.crowded = true;
  broker_open(&second, &r.loop);
  second.polite = true;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = r.b.url,
                        .servers = (const char *const[]){second.url},
                        .n_servers = 1,
                        .on_redirect = follow,
                        .reconnect_min = 1};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  snprintf(line, sizeof line, "CONNACK reason=0x9c server_reference=%s",
           "127.0.0.4:1");
  SAYS(&r, line);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UV_ECONNREFUSED);
  cr_expect_str_eq(r.g.address, "127.0.0.4:1");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(second.accepted, 1, "url has failed last, so it goes last");
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  broker_close(&second);
  rig_close(&r);
}

/* Time. */

Test(servers, connack_has_its_own_time) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .connack_timeout = 50,
                        .reconnect_max = UVMQTT_OFF};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  rig_close(&r);
}

Test(servers, all_phases_share_the_time_for_all) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .connack_timeout = 60000,
                        .connect_timeout = 50, .reconnect_max = UVMQTT_OFF};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  rig_close(&r);
}

/* Sockets. */

static unsigned hooked;
static void (*in_hook)(uvmqtt_t *m);

static int on_socket(uvmqtt_t *m, int fd, int family) {
  int type = 0;
  socklen_t len = sizeof type;
  cr_expect_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len), 0);
  cr_expect_eq(family, AF_INET);
  hooked++;
  if (in_hook != NULL)
    in_hook(m);
  return 0;
}

Test(servers, the_socket_hook_is_called_for_each_attempt) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,         .on_socket = on_socket,
                        .bind_address = "127.0.0.5", .interface = "lo",
                        .tcp_keepalive = 10,         .tcp_user_timeout = 20000,
                        .reconnect_min = 1};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  cr_expect_eq(hooked, 1);
  broker_resets(&r.b);
  UNTIL(&r, hooked == 2);
  rig_close(&r);
}

static void close_in_hook(uvmqtt_t *m) {
  guest_close(uvmqtt_get_data(m));
}

Test(servers, close_in_the_socket_hook) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_socket = on_socket};
  rig_open(&r);
  in_hook = close_in_hook;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.m == NULL);
  cr_expect_eq(hooked, 1);
  rig_close(&r);
}

Test(servers, what_a_socket_cannot_be_is_refused) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .bind_address = "localhost"};
  rig_open(&r);
  cr_expect_eq(guest_try(&r, &r.g, &o), UV_EINVAL);
  o = (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, .interface = ""};
  cr_expect_eq(guest_try(&r, &r.g, &o), UV_EINVAL);
  o.interface = "a123456789abcdef";
  cr_expect_eq(guest_try(&r, &r.g, &o), UV_EINVAL);
  o = (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, .tcp_keepalive = 40000};
  cr_expect_eq(guest_try(&r, &r.g, &o), UV_EINVAL);
  rig_close(&r);
}
