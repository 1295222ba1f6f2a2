/* mqtts:// against a real mosquitto with certificates of the test's own. */
#include "e2e/peer.h"

#include "support/pki.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SUITE(tls);

struct place {
  struct host *h;
  struct broker b;
  struct pki ca, server;
  char url[64];
  struct site site;
  uvmqtt_tls_t *tls; /* trusts ca */
};

static const char *server_conf(const struct place *p, const char *more) {
  static char conf[2000];
  snprintf(conf, sizeof conf, "cafile %s\ncertfile %s\nkeyfile %s\n%s",
           pki_file("ca.pem", p->ca.pem), pki_file("server.pem", p->server.pem),
           pki_file("server.key", pki_plain_key(&p->server)), more);
  return conf;
}

static void start(struct host *h, struct place *p, const char *conf) {
  broker_start(h, &p->b, conf);
  snprintf(p->url, sizeof p->url, "mqtts://localhost:%d",
           site_port(&p->b.site));
  p->site = p->b.site;
  p->site.url = p->url;
}

static void open_place(struct host *h, struct place *p, const char *more) {
  memset(p, 0, sizeof *p);
  p->h = h;
  p->ca = pki_ca("the CA");
  p->server = pki_server(&p->ca);
  start(h, p, server_conf(p, more));
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &p->tls), 0);
  cr_assert_eq(uvmqtt_tls_load_verify_locations(p->tls, p->ca.pem), 0);
}

static void close_place(struct place *p) {
  broker_end(p->h, &p->b);
  uvmqtt_tls_free(p->tls);
  pki_done(&p->ca);
  pki_done(&p->server);
  pki_files_done();
}

static struct peer *visitor(struct place *p, const char *name) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .tls = p->tls,
                        .client_id = unique(name), .reconnect_min = 1,
                        .reconnect_max = 50};
  return peer_new(p->h, &p->site, &o);
}

static uvmqtt_limits_t limits(const struct peer *p) {
  uvmqtt_limits_t l = {.size = sizeof l};
  cr_assert_eq(uvmqtt_get_limits(p->m, &l), 0);
  return l;
}

/* Each QoS, there and back. */
static void talk(struct peer *p) {
  size_t before = p->n_heard;
  const char *topic = unique("talk");
  peer_subscribe(p, topic, 2);
  for (uint8_t qos = 0; qos <= 2; qos++) {
    peer_publish(p, topic, "hello", qos);
    peer_hears(p, before + qos, topic, "hello");
  }
}

static void fails(struct peer *p, int code) {
  cr_assert_eq(uvmqtt_connect(p->m), 0);
  UNTIL(p->host, p->disconnects >= 1);
  cr_expect_eq(p->connects, 0);
  cr_expect_eq(p->error.code, code, "%s", uvmqtt_err_name(p->error.code));
}

static void both_versions_carry_each_qos(struct host *h) {
  static const uvmqtt_tls_version_t versions[] = {UVMQTT_TLS_1_2,
                                                  UVMQTT_TLS_1_3};
  static const char *const names[] = {"TLSv1.2", "TLSv1.3"};
  struct place place;
  open_place(h, &place, "");
  for (size_t i = 0; i < 2; i++) {
    uvmqtt_tls_set_versions(place.tls, versions[i], versions[i]);
    struct peer *p = visitor(&place, "either");
    peer_connect(p);
    cr_expect_str_eq(limits(p).tls_version, names[i]);
    cr_expect_eq(limits(p).security, UVMQTT_SECURITY_VERIFIED);
    talk(p);
    peer_leave(p);
    peer_close(p);
  }
  close_place(&place);
}
Test(tls, both_versions_carry_each_qos) {
  alone(both_versions_carry_each_qos);
}

static void the_wrong_name_and_the_wrong_ca_are_refused(struct host *h) {
  struct place place;
  open_place(h, &place, "");
  uvmqtt_tls_set_server_name(place.tls, "example.com");
  struct peer *p = visitor(&place, "name");
  fails(p, UVMQTT_EHOSTNAME);
  peer_close(p);
  uvmqtt_tls_free(place.tls);
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &place.tls), 0);
  p = visitor(&place, "ca");
  fails(p, UVMQTT_ECERT);
  peer_close(p);
  close_place(&place);
}
Test(tls, the_wrong_name_and_the_wrong_ca_are_refused) {
  alone(the_wrong_name_and_the_wrong_ca_are_refused);
}

/* The certificate is who we are. */
#define MUTUAL "require_certificate true\nuse_identity_as_username true\n"

static void a_client_shows_its_certificate(struct host *h) {
  struct place place;
  open_place(h, &place, MUTUAL);
  struct peer *p = visitor(&place, "nobody");
  fails(p, UVMQTT_ETLS);
  peer_close(p);
  struct pki own = pki_make(&(struct pki_wish){.cn = "me"}, &place.ca);
  cr_assert_eq(uvmqtt_tls_load_cert_chain(place.tls, own.pem, own.key_pem), 0);
  p = visitor(&place, "me");
  peer_connect(p);
  talk(p);
  peer_close(p);
  pki_done(&own);
  close_place(&place);
}
Test(tls, a_client_shows_its_certificate) {
  alone(a_client_shows_its_certificate);
}

/* examples/mutual_tls.c */
static void the_example_shows_its_certificate(struct host *h) {
  struct place p;
  struct program example;
  char program[512];
  open_place(h, &p, "require_certificate true");
  struct pki me = pki_make(&(struct pki_wish){.cn = "me"}, &p.ca);
  snprintf(program, sizeof program, "%s/mutual_tls", getenv("UVMQTT_EXAMPLES"));
  const char *argv[] = {program,
                        p.url,
                        pki_file("root.pem", p.ca.pem),
                        pki_file("me.pem", me.pem),
                        pki_file("me.key", me.key_pem),
                        NULL};
  program_run(h, &example, argv);
  cr_assert_str_eq(example.text, "published\n");
  pki_done(&me);
  close_place(&p);
}
Test(tls, the_example_shows_its_certificate) {
  alone(the_example_shows_its_certificate);
}

/* The same example with a key that never leaves its TPM, which tests/e2e/tpm
 * plays; the server lets nobody else publish. */
static void start_tpm(struct host *h, const struct place *p,
                      struct program *example) {
  char tpm[512], program[512];
  snprintf(tpm, sizeof tpm, "%s", getenv("UVMQTT_TPM"));
  snprintf(program, sizeof program, "%s/mutual_tls", getenv("UVMQTT_EXAMPLES"));
  const char *argv[] = {tpm,
                        pki_file("tpm-ca.pem", p->ca.pem),
                        pki_file("tpm-ca.key", p->ca.key_pem),
                        program,
                        p->url,
                        pki_file("root.pem", p->ca.pem),
                        NULL};
  program_start(h, example, argv);
}

static char no_tpm[400]; /* why not */

static void a_key_may_lie_in_a_tpm(struct host *h) {
  struct place p;
  struct program example;
  char more[400];
  snprintf(more, sizeof more, MUTUAL "acl_file %s\n",
           pki_file("acl", "user tpm\ntopic write mutual/tls\n"));
  open_place(h, &p, more);
  start_tpm(h, &p, &example);
  UNTIL(h, program_ended(&example));
  close_place(&p);
  cr_assert(example.status == 0 || example.status == 77, "%s", example.text);
  if (example.status == 77)
    snprintf(no_tpm, sizeof no_tpm, "%.300s", example.text);
  else
    cr_assert_str_eq(example.text, "published\n");
}
Test(tls, a_key_may_lie_in_a_tpm) {
  alone(a_key_may_lie_in_a_tpm);
  if (*no_tpm != '\0')
    cr_skip_test("%s", no_tpm);
}

/* What the server does not take is replaced while the client keeps trying. */
static void a_certificate_file_is_read_again(struct host *h) {
  struct place place;
  open_place(h, &place, MUTUAL);
  struct pki other = pki_ca("somebody else");
  struct pki bad = pki_make(&(struct pki_wish){.cn = "me"}, &other);
  struct pki own = pki_make(&(struct pki_wish){.cn = "me"}, &place.ca);
  const char *cert = pki_file("me.pem", bad.pem);
  const char *key = pki_file("me.key", bad.key_pem);
  cr_assert_eq(uvmqtt_tls_load_cert_chain(place.tls, cert, key), 0);
  struct peer *p = visitor(&place, "me");
  fails(p, UVMQTT_ETLS);
  pki_file("me.pem", own.pem);
  pki_file("me.key", own.key_pem);
  UNTIL(h, p->online);
  talk(p);
  peer_close(p);
  pki_done(&other);
  pki_done(&bad);
  pki_done(&own);
  close_place(&place);
}
Test(tls, a_certificate_file_is_read_again) {
  alone(a_certificate_file_is_read_again);
}

static void reconnect_resumes(struct place *place) {
  struct peer *p = visitor(place, "again");
  peer_connect(p);
  cr_expect_not(limits(p).tls_resumed);
  for (int i = 0; i < 3; i++) {
    talk(p);
    peer_leave(p);
    peer_connect(p);
    cr_expect(limits(p).tls_resumed);
    cr_expect_eq(limits(p).security, UVMQTT_SECURITY_VERIFIED);
  }
  peer_close(p);
}

static void a_reconnect_resumes_the_session(struct host *h) {
  struct place place;
  open_place(h, &place, "");
  reconnect_resumes(&place);
  uvmqtt_tls_set_versions(place.tls, UVMQTT_TLS_1_2, UVMQTT_TLS_1_2);
  reconnect_resumes(&place);
  close_place(&place);
}
Test(tls, a_reconnect_resumes_the_session) {
  alone(a_reconnect_resumes_the_session);
}

/* mosquitto 2.0 speaks it on 1.2 only. */
static void a_shared_key_is_enough(struct host *h) {
  static const char secret[] = "0123456789abcdef";
  char conf[400];
  struct place place = {.h = h};
  snprintf(conf, sizeof conf, "psk_hint hint\npsk_file %s\n",
           pki_file("psk", "me:30313233343536373839616263646566\n"));
  start(h, &place, conf);
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &place.tls), 0);
  cr_assert_eq(
      uvmqtt_tls_set_psk(place.tls, "me", (uvmqtt_bytes_t){secret, 16}), 0);
  struct peer *p = visitor(&place, "psk");
  peer_connect(p);
  cr_expect_eq(limits(p).security, UVMQTT_SECURITY_VERIFIED);
  talk(p);
  peer_close(p);
  cr_assert_eq(uvmqtt_tls_set_psk(place.tls, "me",
                                  (uvmqtt_bytes_t){"another key here", 16}),
               0);
  p = visitor(&place, "psk");
  fails(p, UVMQTT_ETLS);
  peer_close(p);
  close_place(&place);
}
Test(tls, a_shared_key_is_enough) {
  alone(a_shared_key_is_enough);
}

/* Its second listener may open a moment after the first. */
static bool answers(unsigned port) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((uint16_t)port)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int r = connect(fd, (struct sockaddr *)&a, sizeof a);
  close(fd);
  return r == 0;
}

/* mosquitto wants another listener beside that of WebSocket, and socket_domain
 * or it listens everywhere. */
static void wss_is_both(struct host *h) {
  struct place place;
  char more[1500];
  unsigned port = site_free_port();
  struct pki ca = pki_ca("the CA of wss");
  struct pki server = pki_server(&ca);
  snprintf(more, sizeof more,
           "listener %u 127.0.0.1\nprotocol websockets\nsocket_domain ipv4\n"
           "certfile %s\nkeyfile %s\n",
           port, pki_file("wss.pem", server.pem),
           pki_file("wss.key", pki_plain_key(&server)));
  open_place(h, &place, more);
  snprintf(place.url, sizeof place.url, "wss://localhost:%u", port);
  UNTIL(h, answers(port));
  struct peer *p = visitor(&place, "wss");
  fails(p, UVMQTT_ECERT);
  peer_close(p);
  cr_assert_eq(uvmqtt_tls_load_verify_locations(place.tls, ca.pem), 0);
  p = visitor(&place, "wss");
  peer_connect(p);
  cr_expect_eq(limits(p).security, UVMQTT_SECURITY_VERIFIED);
  talk(p);
  peer_leave(p);
  peer_close(p);
  pki_done(&ca);
  pki_done(&server);
  close_place(&place);
}
Test(tls, wss_is_both) {
  alone(wss_is_both);
}
