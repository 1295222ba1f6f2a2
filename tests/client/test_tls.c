/* mqtts:// from end to end of the client, with OpenSSL's server in the same
 * loop in front of the scripted peer. */
#include "base/alloc.h"
#include "client/rig.h"
#include "support/suite.h"
#include "support/tls_front.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

SUITE(tls);

static struct rig r;
static struct tls_front front;
static uvmqtt_tls_t *tls; /* the test's own reference */

static void open_all(void) {
  rig_open(&r);
  r.crowded = true;
  tls_front_open(&front, &r.loop, r.b.port);
  tls = tls_front_context(&front);
}

static void close_all(void) {
  uvmqtt_tls_free(tls);
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  tls_front_close(&front);
  rig_close(&r);
  tls_front_done(&front);
}

static uvmqtt_options_t secure(void) {
  return (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, .url = front.url, .tls = tls,
                            .reconnect_min = 1, .reconnect_max = 20};
}

static void go_online(const uvmqtt_options_t *o) {
  r.b.polite = true;
  rig_online(&r, o, NULL);
}

static uvmqtt_limits_t limits(void) {
  uvmqtt_limits_t l = {.size = sizeof l};
  cr_assert_eq(uvmqtt_get_limits(r.g.m, &l), 0);
  return l;
}

/* The attempt ended like this, and the server heard nothing inside of TLS. */
static void refuses(const uvmqtt_options_t *o, int code) {
  guest_open(&r, &r.g, o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, code, "%s", uvmqtt_err_name(r.g.error.code));
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_TLS);
  cr_expect_neq(*r.g.error.hint, '\0');
  rig_rest(&r, 20);
  cr_expect_eq(front.plain, 0);
}

Test(tls, carries_a_conversation) {
  open_all();
  uvmqtt_options_t o = secure();
  rig_online(&r, &o, NULL);
  uvmqtt_limits_t l = limits();
  cr_expect_eq(l.security, UVMQTT_SECURITY_VERIFIED);
  cr_expect_str_eq(l.tls_version, "TLSv1.3");
  cr_expect_neq(*l.tls_cipher, '\0');
  cr_expect_not(l.tls_resumed);
  guest_publish(&r.g, "t", "hello", 1);
  HEARS(&r, "PUBLISH topic=t payload=hello qos=1 id=1");
  SAYS(&r, "PUBACK id=1");
  UNTIL(&r, r.g.completions[0] == 1);
  SAYS(&r, "PUBLISH topic=u payload=world");
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "DISCONNECT ...");
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.left, 0);
  cr_expect_eq(r.g.n[NOTICE], 0);
  close_all();
}

Test(tls, clear_text_says_so) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  uvmqtt_limits_t l = limits();
  cr_expect_eq(l.security, UVMQTT_SECURITY_NONE);
  cr_expect_null(l.tls_version);
  rig_close(&r);
}

/* The user's reference may go as soon as the client was made. */
Test(tls, a_context_is_shared_by_clients_and_outlives_its_maker) {
  open_all();
  uvmqtt_options_t o = secure();
  struct guest *other = calloc(1, sizeof *other);
  guest_open(&r, other, &o);
  guest_open(&r, &r.g, &o);
  uvmqtt_tls_free(tls);
  tls = NULL;
  go_online(NULL);
  guest_connect(other);
  UNTIL(&r, other->n[CONNECTED] == 1);
  cr_expect_eq(front.shaken, 2);
  guest_close(other);
  UNTIL(&r, other->m == NULL);
  guest_publish(&r.g, "t", "x", 1);
  UNTIL(&r, r.g.completions[0] == 1);
  free(other);
  close_all();
}

Test(tls, without_a_context_the_cas_of_the_system_count) {
  open_all();
  uvmqtt_options_t o = secure();
  o.tls = NULL;
  setenv("SSL_CERT_FILE", pki_file("system.pem", front.ca.pem), 1);
  go_online(&o);
  cr_expect_eq(limits().security, UVMQTT_SECURITY_VERIFIED);
  close_all();
}

Test(tls, credentials_travel_under_tls) {
  open_all();
  uvmqtt_options_t o = secure();
  o.username = "u";
  o.password = (uvmqtt_bytes_t){"p", 1};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT username=u password=p ...");
  close_all();
}

Test(tls, large_messages_both_ways) {
  static char payload[900001];
  memset(payload, 'x', sizeof payload - 1);
  open_all();
  uvmqtt_options_t o = secure();
  r.b.echo = true;
  go_online(&o);
  r.g.quiet = true;
  guest_publish(&r.g, "t", payload, 0);
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  for (int i = 0; i < 50; i++)
    guest_publish(&r.g, "t", "x", 0);
  UNTIL(&r, r.g.n[MESSAGE] == 51);
  close_all();
}

/* Refusals. */

Test(tls, an_unknown_ca_hears_nothing) {
  open_all();
  uvmqtt_options_t o = secure();
  struct pki other = pki_ca("somebody else");
  tls_front_use(&front, pki_server(&other));
  refuses(&o, UVMQTT_ECERT);
  cr_expect_geq(r.g.retry_in, 30000, "nothing to be hurried");
  pki_done(&other);
  close_all();
}

Test(tls, another_name_hears_nothing) {
  open_all();
  uvmqtt_options_t o = secure();
  tls_front_use(
      &front, pki_make(&(struct pki_wish){.cn = "x", .san = "DNS:example.com"},
                       &front.ca));
  refuses(&o, UVMQTT_EHOSTNAME);
  close_all();
}

Test(tls, an_old_version_hears_nothing_and_there_is_no_fall_back) {
  open_all();
  uvmqtt_options_t o = secure();
  SSL_CTX_set_security_level(front.ctx, 0);
  SSL_CTX_set_max_proto_version(front.ctx, TLS1_1_VERSION);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 4);
  cr_expect_eq(r.g.error.code, UVMQTT_ETLS);
  cr_expect_eq(front.plain, 0);
  cr_expect_eq(r.g.n[NOTICE], 0, "neither in TLS nor in MQTT");
  close_all();
}

/* T15 */

static void swallow(struct broker_link *l, const uint8_t *data, size_t len) {
  unsigned *first = l->broker->arg;
  cr_expect_gt(len, 0);
  if (*first == 0)
    *first = data[0];
}

Test(tls, T15_a_server_without_tls_hears_no_mqtt) {
  char url[64];
  static unsigned first; /* of what the broker hears */
  open_all();
  uvmqtt_options_t o = secure();
  snprintf(url, sizeof url, "mqtts://localhost:%u", (unsigned)r.b.port);
  o.url = url;
  r.b.bytes = swallow;
  r.b.arg = &first;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, *(unsigned *)r.b.arg != 0);
  cr_expect_eq(first, 0x16, "a ClientHello and no CONNECT");
  broker_sends(r.b.link, "\x20\x02\x00\x00\x20", 5);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_ETLS);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_TLS);
  cr_expect_not_null(strstr(r.g.error.hint, "plain MQTT"), "%s",
                     r.g.error.hint);
  close_all();
}

Test(tls, T15_a_server_of_tls_on_the_plain_port_is_no_mqtt) {
  char url[64];
  open_all();
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url, .reconnect_min = 1,
                        .reconnect_max = 1};
  snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", (unsigned)front.port);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] >= 1);
  cr_expect_eq(r.g.n[CONNECTED], 0);
  cr_expect_eq(front.plain, 0);
  close_all();
}

static void hang_up(struct broker_link *l, const uint8_t *data, size_t len) {
  (void)data;
  (void)len;
  broker_hangs_up(l->broker);
}

/* As servers do that want another client certificate and say so to nobody. */
Test(tls, a_server_that_closes_after_connect_is_not_asked_for_tls) {
  open_all();
  uvmqtt_options_t o = secure();
  r.b.bytes = hang_up;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  cr_expect_not_null(strstr(r.g.hint, "client certificate"), "%s", r.g.hint);
  close_all();
}

/* T16: the handshake stalls at each flight. */
Test(tls, T16_a_stalled_handshake_ends_in_time) {
  static const size_t flights[] = {0, 250, 400};
  for (size_t i = 0; i < 3; i++) {
    open_all();
    uvmqtt_options_t o = secure();
    o.connect_timeout = 60;
    if (i < 2)
      SSL_CTX_set_max_proto_version(front.ctx, TLS1_2_VERSION);
    front.stall_after = flights[i];
    guest_open(&r, &r.g, &o);
    guest_connect(&r.g);
    UNTIL(&r, r.g.n[DISCONNECTED] == 1);
    cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
    cr_expect_eq(front.plain, 0);
    close_all();
  }
}

/* Notices. */

Test(tls, T28_each_connect_without_verification_is_told) {
  open_all();
  uvmqtt_options_t o = secure();
  tls_front_use(&front, pki_make(&(struct pki_wish){.cn = "?"}, NULL));
  uvmqtt_tls_set_verify_mode(tls, UVMQTT_CERT_NONE);
  go_online(&o);
  cr_expect_eq(r.g.n[NOTICE], 1);
  cr_expect_not_null(strstr(r.g.log, "not verified"));
  cr_expect_eq(limits().security, UVMQTT_SECURITY_UNVERIFIED);
  tls_front_cut(&front);
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_eq(r.g.n[NOTICE], 2);
  close_all();
}

/* What the connection is, not what the next one will be. */
Test(tls, T28_verification_switched_on_too_late_is_told) {
  open_all();
  uvmqtt_options_t o = secure();
  tls_front_use(&front, pki_make(&(struct pki_wish){.cn = "?"}, NULL));
  uvmqtt_tls_set_verify_mode(tls, UVMQTT_CERT_NONE);
  r.b.polite = true;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, front.accepted == 1);
  cr_assert_eq(front.shaken, 0);
  uvmqtt_tls_set_verify_mode(tls, UVMQTT_CERT_REQUIRED);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(r.g.n[NOTICE], 1);
  cr_expect_eq(limits().security, UVMQTT_SECURITY_UNVERIFIED);
  close_all();
}

static void close_there(struct guest *g) {
  guest_close(g);
}

Test(tls, the_client_may_be_closed_in_the_notice) {
  open_all();
  uvmqtt_options_t o = secure();
  uvmqtt_tls_set_verify_mode(tls, UVMQTT_CERT_NONE);
  guest_open(&r, &r.g, &o);
  r.g.on[NOTICE] = close_there;
  guest_connect(&r.g);
  UNTIL(&r, r.g.m == NULL);
  cr_expect_eq(front.plain, 0);
  close_all();
}

Test(tls, a_key_file_that_others_may_read_is_told) {
  open_all();
  uvmqtt_options_t o = secure();
  struct pki own = pki_make(&(struct pki_wish){.cn = "me"}, &front.ca);
  const char *key = pki_file("key", own.key_pem);
  chmod(key, 0644);
  cr_assert_eq(uvmqtt_tls_load_cert_chain(tls, own.pem, key), 0);
  go_online(&o);
  cr_expect_not_null(strstr(r.g.log, "others may read"));
  pki_done(&own);
  close_all();
}

/* Reconnecting. */

Test(tls, a_reconnect_resumes_the_session) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    open_all();
    SSL_CTX_set_max_proto_version(front.ctx, version);
    uvmqtt_options_t o = secure();
    go_online(&o);
    guest_publish(&r.g, "t", "x", 1); /* tickets come before its answer */
    UNTIL(&r, r.g.completions[0] == 1);
    for (unsigned i = 2; i < 6; i++) {
      tls_front_cut(&front);
      UNTIL(&r, r.g.n[CONNECTED] == i);
      cr_expect(limits().tls_resumed);
      cr_expect_eq(limits().security, UVMQTT_SECURITY_VERIFIED);
      guest_publish(&r.g, "t", "x", 1);
      UNTIL(&r, r.g.completions[i - 1] == 1);
    }
    cr_expect_eq(front.resumed, 4);
    close_all();
  }
}

Test(tls, a_renewed_certificate_is_used_without_a_new_client) {
  open_all();
  uvmqtt_options_t o = secure();
  SSL_CTX_set_verify(front.ctx,
                     SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(front.ctx), front.ca.cert);
  struct pki own = pki_make(&(struct pki_wish){.cn = "me"}, &front.ca);
  struct pki bad = pki_make(&(struct pki_wish){.cn = "bad"}, NULL);
  const char *cert = pki_file("cert", bad.pem);
  const char *key = pki_file("key", bad.key_pem);
  cr_assert_eq(uvmqtt_tls_load_cert_chain(tls, cert, key), 0);
  r.b.polite = true;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] >= 1);
  cr_expect_eq(r.g.n[CONNECTED], 0);
  cr_expect_eq(r.g.error.code, UVMQTT_ETLS);
  pki_file("key", own.key_pem);
  pki_file("cert", own.pem);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  pki_done(&own);
  pki_done(&bad);
  close_all();
}

/* Who answers is verified by the name by which it was reached. */

static uvmqtt_redirect_verdict_t follow(uvmqtt_t *m,
                                        const uvmqtt_redirect_t *redirect) {
  (void)m;
  (void)redirect;
  return UVMQTT_REDIRECT_FOLLOW;
}

static void redirect_to_address(const char *san) {
  char line[128];
  open_all();
  tls_front_use(&front,
                pki_make(&(struct pki_wish){.cn = "x", .san = san}, &front.ca));
  uvmqtt_options_t o = secure();
  o.on_redirect = follow;
  snprintf(line, sizeof line,
           "CONNACK reason=0x9d server_reference=127.0.0.1:%u",
           (unsigned)front.port);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, line);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
}

Test(tls, a_redirect_leads_to_a_server_of_that_name) {
  redirect_to_address("DNS:localhost,IP:127.0.0.1");
  HEARS(&r, "CONNECT ...");
  cr_expect_eq(front.shaken, 2);
  close_all();
}

Test(tls, a_redirect_to_another_name_is_refused) {
  redirect_to_address("DNS:localhost");
  size_t before = front.plain;
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UVMQTT_EHOSTNAME);
  cr_expect_eq(front.plain, before);
  close_all();
}

static void second_server(const char *san) {
  static char url[64];
  static const char *servers[] = {url};
  open_all();
  tls_front_use(&front,
                pki_make(&(struct pki_wish){.cn = "x", .san = san}, &front.ca));
  uvmqtt_options_t o = secure();
  snprintf(url, sizeof url, "mqtts://127.0.0.1:%u", (unsigned)front.port);
  o.url = "mqtts://localhost:1"; /* nobody listens there */
  o.servers = servers;
  o.n_servers = 1;
  r.b.polite = true;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] + r.g.n[CONNECTED] >= 1);
}

Test(tls, each_server_of_a_list_has_its_own_name) {
  second_server("IP:127.0.0.1");
  cr_expect_eq(r.g.n[CONNECTED], 1, "%s", r.g.log);
  close_all();
  second_server("DNS:localhost");
  cr_expect_eq(r.g.error.code, UVMQTT_EHOSTNAME, "%s", r.g.log);
  cr_expect_eq(front.plain, 0);
  close_all();
}

/* With SIGPIPE as a host finds it: writing to a peer that has reset must not
 * end the process. */
Test(tls, a_dead_peer_raises_no_signal) {
  static char payload[500001];
  memset(payload, 'x', sizeof payload - 1);
  open_all();
  signal(SIGPIPE, SIG_DFL);
  uvmqtt_options_t o = secure();
  go_online(&o);
  r.g.quiet = true;
  for (unsigned i = 1; i < 6; i++) {
    UNTIL(&r, r.g.n[CONNECTED] == i);
    tls_front_cut(&front);
    for (int n = 0; n < 5; n++)
      guest_publish(&r.g, "t", payload, 0);
    UNTIL(&r, r.g.n[DISCONNECTED] == i && r.g.n[COMPLETED] == 5 * i);
  }
  close_all();
}

/* Options. */

static int try_url(const char *url, uvmqtt_tls_t *context) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url, .tls = context};
  int result = guest_try(&r, &r.g, &o);
  if (result == 0) {
    guest_close(&r.g);
    UNTIL(&r, r.g.m == NULL);
  } else {
    r.g.m = NULL;
  }
  return result;
}

Test(tls, options_that_contradict_each_other_are_refused) {
  open_all();
  cr_expect_eq(try_url("mqtts://h", tls), 0);
  cr_expect_eq(try_url("mqtt://h", tls), UVMQTT_ETLSCONFIG);
  cr_expect_eq(try_url("mqtts://b\xc3\xbc"
                       "cher.example",
                       tls),
               UVMQTT_EURL);
  const char *ca = pki_file("ca", front.ca.pem);
  uvmqtt_tls_t *gone;
  uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &gone);
  cr_assert_eq(uvmqtt_tls_load_verify_locations(gone, ca), 0);
  cr_expect_eq(try_url("mqtts://h", gone), 0);
  uvmqtt_tls_free(gone);
  close_all();
}

/* Closing, and hosts that do not care. */

Test(tls, the_client_may_be_closed_at_any_turn) {
  for (int turns = 0; turns < 24; turns++) {
    open_all();
    r.b.polite = true;
    uvmqtt_options_t o = secure();
    guest_open(&r, &r.g, &o);
    guest_connect(&r.g);
    guest_publish(&r.g, "t", "x", 1);
    for (int i = 0; i < turns; i++)
      uv_run(&r.loop, UV_RUN_NOWAIT);
    close_all();
  }
}

static void close_blindly(uv_handle_t *h, void *arg) {
  (void)arg;
  if (!rig_owns(&r, h) && h->data != &front && !uv_is_closing(h))
    uv_close(h, NULL);
}

Test(tls, the_host_may_close_all_handles_at_any_turn) {
  for (int turns = 0; turns < 24; turns++) {
    open_all();
    r.b.polite = true;
    uvmqtt_options_t o = secure();
    guest_open(&r, &r.g, &o);
    guest_connect(&r.g);
    guest_publish(&r.g, "t", "x", 1);
    for (int i = 0; i < turns; i++)
      uv_run(&r.loop, UV_RUN_NOWAIT);
    uv_walk(&r.loop, close_blindly, NULL);
    close_all();
  }
}

/* One context in several threads at once, each with a loop of its own. */

struct outside {
  uv_thread_t thread;
  uvmqtt_t *m;
  unsigned connects;
};

static void on_outside(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  struct outside *o = uvmqtt_get_data(m);
  (void)connack;
  if (++o->connects < 20) {
    uvmqtt_disconnect(m, NULL, NULL, NULL);
    uvmqtt_connect(m);
  } else {
    uvmqtt_close(m, NULL, NULL);
  }
}

static void live_outside(void *arg) {
  struct outside *o = arg;
  uv_loop_t loop;
  uv_loop_init(&loop);
  uvmqtt_options_t options = secure();
  options.on_connect = on_outside;
  options.data = o;
  if (uvmqtt_new(&loop, &options, &o->m) == 0)
    uvmqtt_connect(o->m);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) != 0)
    o->connects = 0;
}

Test(tls, a_context_is_shared_by_threads) {
  static struct outside threads[3];
  open_all();
  r.b.polite = true;
  for (int i = 0; i < 3; i++)
    uv_thread_create(&threads[i].thread, live_outside, &threads[i]);
  for (int i = 0; i < 10; i++) { /* while they use it */
    rig_rest(&r, 5);
    uvmqtt_tls_set_low_memory(tls, i % 2 == 0);
  }
  UNTIL(&r, front.shaken >= 60 && front.links == NULL);
  for (int i = 0; i < 3; i++)
    uv_thread_join(&threads[i].thread);
  for (int i = 0; i < 3; i++)
    cr_expect_eq(threads[i].connects, 20);
  close_all();
}

/* Each allocation of ours fails once while the client connects, says something
 * and is heard. The broker has a thread of its own and the rest of the peer
 * uses malloc, so only the client's allocations count. */

static struct broker_thread peer;

static uint64_t life(uint64_t n) {
  rig_open(&r);
  r.crowded = true;
  tls_front_open(&front, &r.loop, peer.b.port);
  tls = tls_front_context(&front);
  uvmqtt_options_t o = secure();
  um_alloc_fail_at(n, false);
  int result = guest_try(&r, &r.g, &o);
  if (result == 0) {
    if (guest_publish(&r.g, "t", "x", 1) != 0)
      guest_publish(&r.g, "t", "x", 1);
    if (guest_connect(&r.g) != 0)
      guest_connect(&r.g);
    UNTIL(&r, r.g.completions[0] == 1);
  } else {
    cr_assert_eq(result, UV_ENOMEM);
    r.g.m = NULL;
  }
  uint64_t calls = um_alloc_calls();
  um_alloc_fail_at(0, false);
  close_all();
  return calls;
}

Test(tls, each_allocation_fails_once) {
  broker_start(&peer);
  uint64_t all = life(UINT32_MAX);
  cr_assert_gt(all, 20);
  for (uint64_t n = 1; n <= all; n++)
    life(n);
  broker_stop(&peer);
}
