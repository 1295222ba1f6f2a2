/* One sentence for each error, and the right one. */
#include "client/hints.h"

#include "net/fault.h"
#include "support/suite.h"
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

SUITE(hints);

static char buffer[UM_HINT_MAX];

static void expect(struct um_hint_facts facts, const char *part) {
  const char *hint = um_hint(&facts, buffer);
  cr_expect(strstr(hint, part) != NULL, "%s, not %s", hint, part);
}

Test(hints, there_is_none_when_all_is_well) {
  struct um_hint_facts none = {.code = 0, .reason = UVMQTT_REASON_BANNED};
  cr_expect_str_eq(um_hint(&none, buffer), "");
}

Test(hints, the_server_s_reason_comes_first) {
  expect((struct um_hint_facts){.code = UVMQTT_EREFUSED,
                                .phase = UVMQTT_PHASE_HANDSHAKE,
                                .reason = 0x86},
         "user name or password");
  expect((struct um_hint_facts){.code = UVMQTT_EDISCONNECTED,
                                .phase = UVMQTT_PHASE_ONLINE,
                                .reason = 0x8E},
         "same client identifier");
  expect((struct um_hint_facts){.code = UVMQTT_EREFUSED,
                                .phase = UVMQTT_PHASE_HANDSHAKE,
                                .reason = 0x9F},
         "too many connections");
}

Test(hints, a_code_may_mean_different_things_in_different_phases) {
  static const struct {
    int code;
    uvmqtt_phase_t phase;
    const char *part;
  } rows[] = {
      {UV_ETIMEDOUT, UVMQTT_PHASE_CONNECT, "firewall"},
      {UV_ETIMEDOUT, UVMQTT_PHASE_RESOLVE, "name server"},
      {UV_ETIMEDOUT, UVMQTT_PHASE_PREPARE, "uvmqtt_go"},
      {UV_ETIMEDOUT, UVMQTT_PHASE_HANDSHAKE, "CONNACK"},
      {UV_EOF, UVMQTT_PHASE_HANDSHAKE, "does it want TLS"},
      {UV_EOF, UVMQTT_PHASE_TLS, "speak TLS"},
      {UV_EOF, UVMQTT_PHASE_ONLINE, "closed the connection"},
      {UV_ETIMEDOUT, UVMQTT_PHASE_TLS, "does this port speak TLS"},
      {UV_ETIMEDOUT, UVMQTT_PHASE_WEBSOCKET, "does this port speak HTTP"},
      {UV_ETIMEDOUT, UVMQTT_PHASE_PROXY, "the proxy"},
      {UV_EOF, UVMQTT_PHASE_WEBSOCKET, "during the WebSocket handshake"},
      {UV_EOF, UVMQTT_PHASE_PROXY, "the proxy closed"},
      {UV_ECONNREFUSED, UVMQTT_PHASE_CONNECT, "nothing listens"},
      {UV_EPIPE, UVMQTT_PHASE_ONLINE, "closed the connection"},
      {UV_ETIMEDOUT, UVMQTT_PHASE_ONLINE, "network is gone"},
      {UV_EMFILE, UVMQTT_PHASE_CONNECT, "ulimit"},
      {UV_ENOENT, UVMQTT_PHASE_CONNECT, "no such unix socket"},
      {UV_EADDRNOTAVAIL, UVMQTT_PHASE_CONNECT, ".bind_address"},
      {UV_ENODEV, UVMQTT_PHASE_CONNECT, ".interface"},
      {UV_ENODEV, UVMQTT_PHASE_RESOLVE, "no such network interface"},
      {UV_EACCES, UVMQTT_PHASE_CONNECT, "does not allow"},
      {UV_EPERM, UVMQTT_PHASE_CONNECT, "does not allow"},
      {UV_EINVAL, UVMQTT_PHASE_CONNECT, "fe80::1%eth0"},
      {UV_EAFNOSUPPORT, UVMQTT_PHASE_CONNECT, "IPv6"},
      {UV_EAI_FAIL, UVMQTT_PHASE_RESOLVE, "name server cannot"},
      {UV_EAI_ADDRFAMILY, UVMQTT_PHASE_RESOLVE, "has no address"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    expect((struct um_hint_facts){.code = rows[i].code, .phase = rows[i].phase},
           rows[i].part);
}

Test(hints, who_was_not_reached_is_named) {
  static const struct {
    int code;
    enum um_hint_peer peer;
    uvmqtt_phase_t phase;
    const char *part;
  } rows[] = {
      {UV_ECONNREFUSED, UM_HINT_PROXY, UVMQTT_PHASE_CONNECT, "of the proxy"},
      {UV_ETIMEDOUT, UM_HINT_PROXY, UVMQTT_PHASE_CONNECT, "the proxy"},
      {UV_EAI_NONAME, UM_HINT_PROXY, UVMQTT_PHASE_RESOLVE, "of the proxy"},
      {UV_EAI_NODATA, UM_HINT_PROXY, UVMQTT_PHASE_RESOLVE, "of the proxy"},
      {UV_ENETUNREACH, UM_HINT_PROXY, UVMQTT_PHASE_CONNECT, "no network"},
      {UV_EOF, UM_HINT_PROXY, UVMQTT_PHASE_ONLINE, "the server closed"},
      {UV_ENOENT, UM_HINT_SOCKET, UVMQTT_PHASE_CONNECT, "this path"},
      {UV_EACCES, UM_HINT_SOCKET, UVMQTT_PHASE_CONNECT, "no permission"},
      {UV_EPROTOTYPE, UM_HINT_SOCKET, UVMQTT_PHASE_CONNECT, "another kind"},
      {UV_ECONNREFUSED, UM_HINT_SOCKET, UVMQTT_PHASE_CONNECT, "this socket"},
      {UV_ETIMEDOUT, UM_HINT_SOCKET, UVMQTT_PHASE_CONNECT, "this socket"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    expect((struct um_hint_facts){.code = rows[i].code,
                                  .peer = rows[i].peer,
                                  .phase = rows[i].phase},
           rows[i].part);
}

Test(hints, a_signature_that_does_not_come_is_not_the_servers_fault) {
  struct um_hint_facts facts = {.code = UV_ETIMEDOUT,
                                .phase = UVMQTT_PHASE_WEBSOCKET,
                                .unsigned_yet = true};
  expect(facts, "on_ws_headers");
  facts.code = UV_ECONNRESET;
  expect(facts, "during the WebSocket handshake");
}

/* What becomes of a request, or is said at the call, ends no attempt. */
static bool ends_no_attempt(int code) {
  static const int codes[] = {
      UVMQTT_EREASON,   UVMQTT_ESESSIONLOST, UVMQTT_EEXPIRED, UVMQTT_EDROPPED,
      UVMQTT_ESTALE,    UVMQTT_ETOPIC,       UVMQTT_EFILTER,  UVMQTT_EPROPERTY,
      UVMQTT_EUTF8,     UVMQTT_EQOS,         UVMQTT_EFULL,    UVMQTT_EDEADLOCK,
      UVMQTT_ECONFLICT, UVMQTT_ENOCALLBACK,  UVMQTT_ETHREAD,
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (codes[i] == code)
      return true;
  return false;
}

static const char *hint_of(int code) {
  struct um_hint_facts facts = {.code = code};
  return um_hint(&facts, NULL);
}

Test(hints, every_code_that_ends_an_attempt_has_one_of_its_own) {
#define X(name, number, text) number,
  static const int codes[] = {UVMQTT_ERRNO_MAP(X)};
#undef X
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    const char *hint = hint_of(codes[i]);
    cr_expect_gt(strlen(hint), 5, "%d", codes[i]);
    if (ends_no_attempt(codes[i]))
      continue;
    cr_expect_str_neq(hint, uvmqtt_strerror(codes[i]), "%d", codes[i]);
    for (size_t j = 0; j < i; j++)
      cr_expect_str_neq(hint, hint_of(codes[j]), "%d %d", codes[i], codes[j]);
  }
}

/* Pain 17: what speaks there when it is not MQTT. */
Test(hints, the_first_bytes_tell_who_speaks) {
  static const struct {
    const char *bytes, *part;
  } rows[] = {{"\x15\x03\x03", "mqtts://"}, {"HTTP/1.1", "ws://"},
              {"SSH-2.0-", "SSH"},          {"220 mail", "SMTP"},
              {"\x90\x03", "was not MQTT"}, {"\x15", "was not MQTT"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    expect((struct um_hint_facts){.code = UVMQTT_EMALFORMED,
                                  .phase = UVMQTT_PHASE_HANDSHAKE,
                                  .first = (const uint8_t *)rows[i].bytes,
                                  .n_first = strlen(rows[i].bytes)},
           rows[i].part);
  expect((struct um_hint_facts){.code = UVMQTT_EMALFORMED, /* later it is not */
                                .phase = UVMQTT_PHASE_ONLINE,
                                .first = (const uint8_t *)"\x15\x03",
                                .n_first = 2},
         "was not MQTT");
}

static void expect_fault(struct um_fault fault, uvmqtt_phase_t phase,
                         const char *part) {
  expect((struct um_hint_facts){.code = UV_EPROTO,
                                .phase = phase,
                                .fault = &fault},
         part);
}

static void expect_verdict(int code, struct um_fault fault,
                           uvmqtt_phase_t phase, const char *part) {
  expect((struct um_hint_facts){.code = code, .phase = phase, .fault = &fault},
         part);
}

Test(hints, certificates_say_what_is_wrong_with_them) {
  expect_fault((struct um_fault){.names = "a.example, b.example",
                                 .verify_code = 62,
                                 .alert = -1},
               UVMQTT_PHASE_TLS, "for another name: a.example, b.example");
  expect_fault((struct um_fault){.names = "a\x1b[31m", .alert = -1},
               UVMQTT_PHASE_TLS, "name: a?[31m");
  expect_fault((struct um_fault){.expired_days = 12,
                                 .subject = "CN=x",
                                 .verify_code = 10,
                                 .alert = 45},
               UVMQTT_PHASE_TLS, "expired 12 days ago: CN=x");
  expect_fault((struct um_fault){.expired_days = 1, .verify_code = 10},
               UVMQTT_PHASE_TLS, "expired 1 day ago;");
  expect_fault((struct um_fault){.verify_code = 18, .alert = 48},
               UVMQTT_PHASE_TLS, "signed by itself");
  expect_fault((struct um_fault){.verify_code = 9, .alert = -1},
               UVMQTT_PHASE_TLS, "not valid yet");
}

/* Whoever is over TLS is not asked whether he should be. */
Test(hints, over_tls_silence_means_something_else) {
  static const struct {
    int code;
    const char *part;
  } rows[] = {{UV_EOF, "client certificate"},
              {UV_ECONNRESET, "client certificate"},
              {UV_ETIMEDOUT, "is this an MQTT port?"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    expect((struct um_hint_facts){.code = rows[i].code,
                                  .phase = UVMQTT_PHASE_HANDSHAKE,
                                  .over_tls = true},
           rows[i].part);
}

Test(hints, who_spoke_tls_and_broke_off_is_not_asked_whether_he_does) {
  struct um_fault fault = {.alert = -1, .answered = true};
  expect_verdict(UV_EOF, fault, UVMQTT_PHASE_TLS, "client certificate");
  expect_verdict(UV_ECONNRESET, fault, UVMQTT_PHASE_TLS, "client certificate");
  fault.answered = false;
  expect_verdict(UV_EOF, fault, UVMQTT_PHASE_TLS, "does this port speak TLS");
}

Test(hints, each_fault_of_a_certificate_has_words_of_its_own) {
  static const int codes[] = {2,  3,  7,  9,  10, 11, 12, 18, 19, 20,
                              21, 22, 23, 25, 26, 27, 28, 34, 47, 62,
                              64, 66, 67, 68, 73, 74, 75, 79};
  const char *hints[sizeof codes / sizeof codes[0]];
  const char *usual = hint_of(UVMQTT_ECERT);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    struct um_fault fault = {.verify_code = codes[i], .alert = 42};
    struct um_hint_facts facts = {.code = UVMQTT_ECERT, .fault = &fault};
    hints[i] = um_hint(&facts, NULL);
    cr_expect_str_neq(hints[i], usual, "%d", codes[i]);
    for (size_t k = 0; k < i; k++)
      cr_expect_str_neq(hints[i], hints[k], "%d and %d", codes[i], codes[k]);
  }
}

Test(hints, who_does_not_speak_tls_is_named) {
  static const struct {
    const char *bytes, *part;
  } rows[] = {{"\x20\x02", "plain MQTT"},
              {"\xe0\x01", "plain MQTT"},
              {"HTTP/1.1", "ws://"},
              {"SSH-2.0-", "SSH"},
              {"HT", "does not speak TLS"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct um_fault fault = {.alert = -1, .n_first = strlen(rows[i].bytes)};
    memcpy(fault.first, rows[i].bytes, fault.n_first);
    expect_fault(fault, UVMQTT_PHASE_TLS, rows[i].part);
  }
  /* afterwards it did speak it */
  expect_verdict(UVMQTT_ETLS,
                 (struct um_fault){.alert = 70,
                                   .alert_ours = true,
                                   .text = "wrong version number"},
                 UVMQTT_PHASE_ONLINE, "no version of TLS");
}

Test(hints, alerts_and_foreign_words_are_understood) {
  expect_fault((struct um_fault){.alert = 116}, UVMQTT_PHASE_TLS,
               "wants a client certificate");
  expect_fault(
      (struct um_fault){.alert = 40, .text = "ssl: wrong version number"},
      UVMQTT_PHASE_TLS, "does not speak TLS");
  expect_fault((struct um_fault){.alert = 1}, UVMQTT_PHASE_TLS,
               uvmqtt_strerror(UV_EPROTO));
}

/* Alerts that we send ourselves, and replies that mean something else there. */
Test(hints, our_own_verdict_is_not_blamed_on_the_server) {
  expect_verdict(UVMQTT_EPIN, (struct um_fault){.alert = 40}, UVMQTT_PHASE_TLS,
                 "pinned");
  expect_verdict(UVMQTT_ECERT, (struct um_fault){.alert = 42}, UVMQTT_PHASE_TLS,
                 "not accepted here");
  expect_verdict(UVMQTT_ECERT, (struct um_fault){.verify_code = 1, .alert = 51},
                 UVMQTT_PHASE_TLS, "not accepted here");
  expect_verdict(UVMQTT_EHOSTNAME, (struct um_fault){.alert = 42},
                 UVMQTT_PHASE_TLS, "another name");
  expect_verdict(UVMQTT_EPROXYAUTH, (struct um_fault){.status = 1, .alert = -1},
                 UVMQTT_PHASE_PROXY, "user name and a password");
  expect_verdict(UVMQTT_EPROXY, (struct um_fault){.status = 1, .alert = -1},
                 UVMQTT_PHASE_PROXY, "the proxy failed");
}

Test(hints, an_alert_of_ours_is_not_the_servers) {
  expect_verdict(UVMQTT_ETLS, (struct um_fault){.alert = 80}, UVMQTT_PHASE_TLS,
                 "the server failed inside");
  expect_verdict(UVMQTT_ETLS,
                 (struct um_fault){.alert = 80, .alert_ours = true},
                 UVMQTT_PHASE_TLS, ".detail");
  expect_verdict(UVMQTT_ETLS,
                 (struct um_fault){.alert = 70, .alert_ours = true},
                 UVMQTT_PHASE_TLS, "no version of TLS in common");
}

Test(hints, replies_on_the_way_are_understood_in_their_phase) {
  expect_fault((struct um_fault){.status = 404, .alert = -1},
               UVMQTT_PHASE_WEBSOCKET, "/mqtt");
  expect_fault((struct um_fault){.status = 407, .alert = -1},
               UVMQTT_PHASE_PROXY, "user name and a password");
  expect_fault((struct um_fault){.status = 5, .alert = -1}, UVMQTT_PHASE_PROXY,
               "says the proxy");
  expect_fault((struct um_fault){.status = 502, .alert = -1},
               UVMQTT_PHASE_WEBSOCKET, "broker behind it");
  expect_fault((struct um_fault){.status = 101, .alert = -1},
               UVMQTT_PHASE_WEBSOCKET, ".ws_any_subprotocol");
  expect_fault((struct um_fault){.status = 403, .alert = -1},
               UVMQTT_PHASE_PROXY, "not allow");
  expect_fault((struct um_fault){.status = 404, .alert = -1},
               UVMQTT_PHASE_PROXY, "may be a web server");
  expect_fault((struct um_fault){.status = 501, .alert = -1},
               UVMQTT_PHASE_PROXY, "no tunnels");
  expect_fault((struct um_fault){.status = 502, .alert = -1},
               UVMQTT_PHASE_PROXY, "not reach the server");
}

/* The longest of others' words fits, and without memory there is still one. */
Test(hints, no_words_are_too_long) {
  struct um_fault fault = {.expired_days = 100000, .verify_code = 10};
  memset(fault.subject, 'x', sizeof fault.subject - 1);
  struct um_hint_facts facts = {
      .code = UV_EPROTO, .fault = &fault, .phase = UVMQTT_PHASE_TLS};
  cr_expect(strstr(um_hint(&facts, buffer), "clock right?") != NULL);
  cr_expect(strstr(um_hint(&facts, NULL), "has expired") != NULL);
  memset(fault.names, 'x', sizeof fault.names - 1);
  cr_expect_gt(strlen(um_hint(&facts, buffer)), 255);
  cr_expect(strstr(um_hint(&facts, NULL), "has expired") != NULL);
}
