/* The umqtt calls over TLS (.ssl), against a mosquitto with certificates of the
 * test's own. */
#include "e2e/chaos.h"

#include "support/pki.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>
#include <uvmqtt/robust.h>

SUITE(umqtt_tls);

#define BOUND 20000 /* ms */

struct place {
  struct broker b;
  struct pki ca, server, device;
  uvmqtt_tls_t *ssl;
  uvmqtt_simple_options_t options;
  unsigned heard, warned;
};

static void on_log(const char *text, void *arg) {
  struct place *p = arg;
  (void)text;
  p->warned++;
}

static void on_message(const char *topic, uvmqtt_bytes_t payload, void *arg) {
  struct place *p = arg;
  (void)topic, (void)payload;
  p->heard++;
}

static void start(struct host *h, struct place *p, const char *more) {
  char conf[2000];
  snprintf(conf, sizeof conf, "cafile %s\ncertfile %s\nkeyfile %s\n%s",
           pki_file("ca.pem", p->ca.pem), pki_file("server.pem", p->server.pem),
           pki_file("server.key", pki_plain_key(&p->server)), more);
  broker_start(h, &p->b, conf);
}

static void open_place(struct host *h, struct place *p, const char *more) {
  memset(p, 0, sizeof *p);
  p->ca = pki_ca("the CA");
  p->server = pki_server(&p->ca);
  p->device = pki_make(&(struct pki_wish){.cn = "device"}, &p->ca);
  start(h, p, more);
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &p->ssl), 0);
  p->options =
      (uvmqtt_simple_options_t){UVMQTT_SIMPLE_OPTIONS_INIT,
                                .client_id = "umqtt",
                                .server = "localhost",
                                .port = (uint16_t)site_port(&p->b.site),
                                .user = "u",
                                .password = "p",
                                .timeout_ms = BOUND,
                                .log = on_log,
                                .log_arg = p,
                                .ssl = p->ssl};
}

static void close_place(struct host *h, struct place *p) {
  broker_end(h, &p->b);
  uvmqtt_tls_free(p->ssl);
  pki_done(&p->ca);
  pki_done(&p->server);
  pki_done(&p->device);
  pki_files_done();
}

static uvmqtt_simple_t *simple(struct place *p) {
  uvmqtt_simple_t *c;
  cr_assert_eq(uvmqtt_simple_new(&p->options, &c), 0);
  uvmqtt_simple_set_callback(c, on_message, p);
  return c;
}

static void talk(struct place *p, uvmqtt_simple_t *c) {
  uvmqtt_bytes_t hello = {"hello", 5};
  cr_assert_eq(uvmqtt_simple_connect(c, true, BOUND), 0, "%s",
               uvmqtt_simple_error_text(c));
  cr_assert_eq(uvmqtt_simple_subscribe(c, "tls", 2), 0);
  for (uint8_t qos = 0; qos <= 2; qos++)
    cr_assert_eq(uvmqtt_simple_publish(c, "tls", hello, false, qos), 0);
  while (p->heard < 3)
    cr_assert_eq(uvmqtt_simple_wait_msg(c, BOUND), 1);
  cr_assert_eq(uvmqtt_simple_check_msg(c), 0);
  cr_assert_eq(uvmqtt_simple_ping(c), 0);
  cr_assert_eq(uvmqtt_simple_disconnect(c), 0);
}

/* The object has a reference of its own, and nothing is in clear text. */
static void simple_works(struct host *h) {
  struct place p;
  open_place(h, &p, "");
  cr_assert_eq(uvmqtt_tls_load_verify_locations(p.ssl, p.ca.pem), 0);
  uvmqtt_simple_t *c = simple(&p);
  uvmqtt_tls_free(p.ssl);
  p.ssl = NULL;
  talk(&p, c);
  cr_assert_eq(p.warned, 0);
  uvmqtt_simple_free(c);
  close_place(h, &p);
}
Test(umqtt_tls, simple_works) {
  alone(simple_works);
}

/* Unlike MicroPython's context, ours verifies unless it is told not to. */
static void who_cannot_be_verified_is_refused(struct host *h) {
  struct place p;
  open_place(h, &p, "");
  uvmqtt_simple_t *c = simple(&p);
  cr_assert_eq(uvmqtt_simple_connect(c, true, BOUND), UVMQTT_ECERT);
  cr_assert_str_not_empty(uvmqtt_simple_error_text(c));
  cr_assert_eq(uvmqtt_tls_set_verify_mode(p.ssl, UVMQTT_CERT_NONE), 0);
  talk(&p, c);
  uvmqtt_simple_free(c);
  close_place(h, &p);
}
Test(umqtt_tls, who_cannot_be_verified_is_refused) {
  alone(who_cannot_be_verified_is_refused);
}

static void a_certificate_of_ones_own(struct host *h) {
  struct place p;
  open_place(h, &p, "require_certificate true\n");
  cr_assert_eq(uvmqtt_tls_load_verify_locations(p.ssl, p.ca.pem), 0);
  uvmqtt_simple_t *c = simple(&p);
  cr_assert_lt(uvmqtt_simple_connect(c, true, BOUND), 0);
  cr_assert_eq(
      uvmqtt_tls_load_cert_chain(p.ssl, p.device.pem, p.device.key_pem), 0);
  talk(&p, c);
  uvmqtt_simple_free(c);
  close_place(h, &p);
}
Test(umqtt_tls, a_certificate_of_ones_own) {
  alone(a_certificate_of_ones_own);
}

static void robust_comes_back(struct host *h) {
  uvmqtt_robust_options_t robust = {UVMQTT_ROBUST_OPTIONS_INIT, .delay_min = 1,
                                    .delay_max = 30};
  struct place p;
  struct chaos chaos;
  uvmqtt_robust_t *c;
  open_place(h, &p, "");
  cr_assert_eq(uvmqtt_tls_load_verify_locations(p.ssl, p.ca.pem), 0);
  cr_assert_eq(uvmqtt_robust_new(&p.options, &robust, &c), 0);
  uvmqtt_robust_set_callback(c, on_message, &p);
  cr_assert_eq(uvmqtt_robust_connect(c, true, BOUND), 0);
  cr_assert_eq(uvmqtt_robust_subscribe(c, "tls", 1), 0);
  chaos_open(&chaos, &p.b);
  for (int end = 0; end < CHAOS_ENDS; end++) {
    chaos_begin(&chaos, (enum chaos_end)end, 0);
    chaos_end(&chaos);
    p.heard = 0;
    cr_assert_eq(
        uvmqtt_robust_publish(c, "tls", (uvmqtt_bytes_t){"x", 1}, false, 1), 0);
    while (p.heard == 0)
      cr_assert_eq(uvmqtt_robust_wait_msg(c, BOUND), 1);
  }
  chaos_close(&chaos);
  uvmqtt_robust_free(c);
  close_place(h, &p);
}
Test(umqtt_tls, robust_comes_back) {
  alone(robust_comes_back);
}

Test(umqtt_tls, has_a_port_of_its_own) {
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT,
                               .server = "127.0.0.1"};
  uvmqtt_simple_t *c;
  cr_assert_eq(uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &o.ssl), 0);
  cr_assert_eq(uvmqtt_simple_new(&o, &c), 0);
  uvmqtt_tls_free(o.ssl);
  cr_assert_lt(uvmqtt_simple_connect(c, true, 2000), 0);
  cr_assert_not_null(strstr(uvmqtt_simple_error_text(c), "127.0.0.1:8883"));
  uvmqtt_simple_free(c);
}
