/* Bytes through the layer: handshake, cuts, pauses, ends. */
#include "net/tls_rig.h"
#include "support/suite.h"
#include <openssl/err.h>
#include <string.h>
#include <uvmqtt/error.h>
#include <uvmqtt/message.h>

SUITE(tls);

static struct tls_rig r;

static void pin_version(int version) {
  SSL_CTX_set_min_proto_version(r.peer_ctx, version);
  SSL_CTX_set_max_proto_version(r.peer_ctx, version);
}

static void echo(const char *text) {
  size_t len = strlen(text);
  cr_assert_eq(rig_write(&r, text, len), 0);
  rig_carry(&r);
  cr_assert_eq(r.peer_got.len, len);
  cr_assert_arr_eq(um_buf_head(&r.peer_got), text, len);
  rig_peer_write(&r, text, len);
  rig_carry(&r);
  cr_assert_eq(r.got.len, len);
  cr_assert_arr_eq(um_buf_head(&r.got), text, len);
}

Test(tls, carries_bytes_over_1_3) {
  rig_init(&r);
  rig_up(&r);
  cr_expect_str_eq(r.version, "TLSv1.3");
  cr_expect(r.security.verified);
  cr_expect_not(r.security.resumed);
  cr_expect_str_eq(r.security.protocol, "");
  echo("MQTT");
  cr_expect_eq(r.taken, 4);
  rig_done(&r);
}

Test(tls, carries_bytes_over_1_2) {
  rig_init(&r);
  pin_version(TLS1_2_VERSION);
  rig_up(&r);
  cr_expect_str_eq(r.version, "TLSv1.2");
  cr_expect(r.security.verified);
  echo("MQTT");
  rig_done(&r);
}

Test(tls, tells_the_phase) {
  rig_init(&r);
  rig_connect(&r);
  cr_expect_eq(r.s->phase, UVMQTT_PHASE_TLS);
  cr_expect_null(r.s->security);
  rig_done(&r);
}

/* Every cut of everything the server says, in both versions. */
static void survives_cuts(int version, bool low_memory) {
  char text[300];
  memset(text, 'x', sizeof text);
  for (size_t cut = 1; cut < 400; cut = cut < 40 ? cut + 1 : cut * 3) {
    rig_init(&r);
    pin_version(version);
    uvmqtt_tls_set_low_memory(r.tls, low_memory);
    r.cut = cut;
    rig_up(&r);
    for (int i = 0; i < 5; i++)
      rig_peer_write(&r, text, sizeof text);
    rig_carry(&r);
    cr_assert_eq(r.got.len, 5 * sizeof text, "cut at %zu", cut);
    rig_done(&r);
  }
}
Test(tls, survives_cuts_at_every_byte_on_1_3) {
  survives_cuts(TLS1_3_VERSION, false);
  survives_cuts(TLS1_3_VERSION, true);
}
Test(tls, survives_cuts_at_every_byte_on_1_2) {
  survives_cuts(TLS1_2_VERSION, false);
  survives_cuts(TLS1_2_VERSION, true);
}

/* One flush of the owner is one record: 22 bytes more than it, not 22 for each
 * packet. */
Test(tls, writes_one_record_for_one_flush) {
  char text[1000];
  memset(text, 'x', sizeof text);
  rig_init(&r);
  rig_up(&r);
  size_t before = r.sent;
  rig_write(&r, text, sizeof text);
  rig_carry(&r);
  cr_expect_eq(r.sent - before, sizeof text + 22);
  rig_done(&r);
}

/* T26: what the kernel does not take waits as cipher text. */
Test(tls, writes_large_amounts_through_a_narrow_stream) {
  static char text[300000];
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (char)(i * 7 + i / 251);
  rig_init(&r);
  rig_up(&r);
  r.below->room = 1;
  cr_assert_eq(rig_write(&r, text, sizeof text), 0);
  cr_assert(r.s->busy);
  cr_assert_eq(r.taken, 0);
  for (size_t step = 1; r.s->busy; step = step * 5 % 7001 + 1) {
    memstream_take(r.below, step);
    rig_carry(&r);
  }
  cr_expect_eq(r.taken, sizeof text, "counted in the owner's bytes");
  cr_assert_eq(r.peer_got.len, sizeof text);
  cr_assert_arr_eq(um_buf_head(&r.peer_got), text, sizeof text);
  rig_done(&r);
}

static void pause_reading(struct tls_rig *rig) {
  rig->s->ops->read(rig->s, false);
}

/* Three records in one delivery; the owner wants one at a time. */
Test(tls, pauses_between_records) {
  rig_init(&r);
  rig_up(&r);
  r.on[BYTES] = pause_reading;
  for (int i = 0; i < 3; i++)
    rig_peer_write(&r, "abc", 3);
  rig_carry(&r);
  for (size_t n = 1; n <= 3; n++) {
    cr_assert_eq(r.got.len, 3 * n);
    rig_turn(&r);
    cr_assert_eq(r.got.len, 3 * n, "it was paused");
    rig_read(&r, true);
    cr_assert_eq(r.got.len, 3 * n, "not inside the call");
    rig_turn(&r);
  }
  cr_assert_eq(r.got.len, 9);
  rig_done(&r);
}

Test(tls, pauses_in_the_middle_of_a_record) {
  static char text[16384];
  char *data;
  rig_init(&r);
  rig_up(&r);
  rig_peer_write(&r, text, sizeof text);
  long n = BIO_get_mem_data(r.peer_out, &data);
  memstream_feed(r.below, data, 5000);
  cr_assert_eq(r.got.len, 0);
  rig_read(&r, false);
  memstream_feed(r.below, data + 5000, (size_t)n - 5000);
  rig_turn(&r);
  cr_assert_eq(r.got.len, 0);
  rig_read(&r, true);
  rig_turn(&r);
  cr_assert_eq(r.got.len, sizeof text);
  (void)BIO_reset(r.peer_out);
  rig_done(&r);
}

/* T25 */
Test(tls, does_not_mind_errors_of_others_in_openssls_queue) {
  rig_init(&r);
  r.poison = true;
  r.cut = 3;
  rig_up(&r);
  echo("MQTT");
  memstream_feed(r.below, "\x17\x03", 2); /* nothing whole: WANT_READ */
  cr_expect_eq(r.count[ENDED], 0);
  rig_poison();
  rig_turn(&r);
  rig_done(&r);
}

Test(tls, leaves_no_errors_of_its_own_behind) {
  rig_init(&r);
  rig_use_server(&r, pki_make(&(struct pki_wish){.cn = "x"}, NULL));
  rig_connect(&r);
  rig_carry(&r);
  cr_assert_eq(r.count[ENDED], 1);
  cr_expect_eq(ERR_peek_error(), 0);
  rig_done(&r);
}

/* Ends. */

/* T18 */
Test(tls, ends_with_eof_when_below_does_without_close_notify) {
  rig_init(&r);
  rig_up(&r);
  memstream_end(r.below, UV_EOF);
  cr_expect_eq(r.status, UV_EOF);
  rig_done(&r);
}

Test(tls, ends_with_eof_at_close_notify) {
  rig_init(&r);
  rig_up(&r);
  SSL_shutdown(r.peer);
  rig_carry(&r);
  cr_expect_eq(r.count[ENDED], 1);
  cr_expect_eq(r.status, UV_EOF);
  rig_done(&r);
}

Test(tls, says_close_notify_before_it_finishes_below) {
  rig_init(&r);
  rig_up(&r);
  r.s->ops->finish(r.s);
  cr_expect(r.below->finished);
  rig_carry(&r);
  cr_expect_eq(r.peer_error, SSL_ERROR_ZERO_RETURN);
  rig_done(&r);
}

Test(tls, names_an_end_in_the_middle_of_the_handshake) {
  rig_init(&r);
  rig_connect(&r);
  memstream_end(r.below, UV_EOF);
  cr_expect_eq(r.status, UV_EOF);
  cr_expect_not_null(strstr(r.fault.text, "handshake"));
  cr_expect_not(r.fault.answered);
  rig_done(&r);
}

Test(tls, names_an_end_after_the_server_s_first_word) {
  rig_init(&r);
  rig_connect(&r);
  memstream_feed(r.below, "\x16\x03\x03", 3);
  memstream_end(r.below, UV_ECONNRESET);
  cr_expect_eq(r.status, UV_ECONNRESET);
  cr_expect(r.fault.answered);
  rig_done(&r);
}

/* T17 */
static void ends_with_error(const char *text) {
  cr_assert_eq(r.count[ENDED], 1);
  cr_expect_eq(r.status, UVMQTT_ETLS);
  cr_expect_not_null(strstr(r.fault.text, text), "%s", r.fault.text);
  cr_expect_null(strstr(r.fault.text, "fatal"), "%s", r.fault.text);
}

Test(tls, ends_at_a_bad_mac) {
  char *data;
  rig_init(&r);
  rig_up(&r);
  rig_peer_write(&r, "hello", 5);
  long n = BIO_get_mem_data(r.peer_out, &data);
  data[n - 1] ^= 1;
  rig_carry(&r);
  ends_with_error("bad record mac");
  cr_expect_eq(r.got.len, 0);
  cr_expect_eq(r.fault.alert, SSL_AD_BAD_RECORD_MAC);
  cr_expect(r.fault.alert_ours);
  rig_done(&r);
}

Test(tls, ends_at_a_record_that_is_too_large) {
  rig_init(&r);
  rig_up(&r);
  memstream_feed(r.below, "\x17\x03\x03\xff\xff", 5);
  ends_with_error("too long");
  rig_done(&r);
}

Test(tls, ends_at_an_alert) {
  rig_init(&r);
  pin_version(TLS1_2_VERSION);
  rig_connect(&r);
  memstream_feed(r.below, "\x15\x03\x03\x00\x02\x02\x28", 7);
  ends_with_error("handshake failure");
  cr_expect_eq(r.fault.alert, SSL_AD_HANDSHAKE_FAILURE);
  cr_expect_not(r.fault.alert_ours);
  rig_done(&r);
}

/* T15 */
Test(tls, does_not_take_plain_mqtt_for_tls) {
  rig_init(&r);
  rig_connect(&r);
  memstream_feed(r.below, "\x20\x02\x00\x00", 4);
  ends_with_error("is no TLS"); /* and does not wait for a whole record */
  cr_expect_eq(r.fault.n_first, 4);
  cr_expect_arr_eq(r.fault.first, "\x20\x02\x00\x00", 4);
  rig_done(&r);
}

Test(tls, tells_what_was_said_instead_of_tls) {
  static const char http[] = "HTTP/1.1 400 Bad Request\r\n";
  rig_init(&r);
  rig_connect(&r);
  memstream_feed(r.below, http, sizeof http - 1);
  ends_with_error("is no TLS");
  cr_expect_eq(r.fault.n_first, sizeof r.fault.first);
  cr_expect_arr_eq(r.fault.first, http, sizeof r.fault.first);
  rig_done(&r);
}

Test(tls, takes_close_notify_in_the_handshake_for_an_end) {
  rig_init(&r);
  rig_connect(&r);
  memstream_feed(r.below, "\x15\x03\x03\x00\x02\x01\x00", 7);
  cr_assert_eq(r.count[ENDED], 1);
  cr_expect_eq(r.status, UV_EOF, "%d", r.status);
  cr_expect_not_null(strstr(r.fault.text, "in the middle of the handshake"));
  rig_done(&r);
}

/* T14 */
Test(tls, refuses_1_1) {
  rig_init(&r);
  SSL_CTX_set_cipher_list(r.peer_ctx, "ALL:@SECLEVEL=0");
  pin_version(TLS1_1_VERSION);
  rig_refuses(&r, UVMQTT_ETLS, "protocol version");
  rig_done(&r);
}

/* T19: a HelloRequest */
Test(tls, refuses_renegotiation) {
  rig_init(&r);
  pin_version(TLS1_2_VERSION);
  rig_up(&r);
  size_t before = r.sent;
  SSL_renegotiate(r.peer);
  SSL_do_handshake(r.peer);
  rig_carry(&r);
  cr_expect_lt(r.sent - before, 60, "an alert, no ClientHello");
  cr_expect(r.count[ENDED] == 0 || r.status == UVMQTT_ETLS);
  rig_done(&r);
}

/* T20 */
Test(tls, bounds_its_answers_to_a_flood_of_key_updates) {
  rig_init(&r);
  rig_up(&r);
  r.below->room = 0;
  for (int i = 0; i < 20000 && r.count[ENDED] == 0; i++) {
    SSL_key_update(r.peer, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(r.peer);
    rig_peer_write(&r, "x", 1);
    rig_carry(&r);
  }
  cr_expect_eq(r.count[ENDED], 1);
  cr_expect_not_null(strstr(r.fault.text, "asks without end"));
  rig_done(&r);
}

/* T21 */
Test(tls, refuses_an_endless_chain) {
  rig_init(&r);
  for (int i = 0; i < 400; i++)
    SSL_CTX_add1_chain_cert(r.peer_ctx, r.ca.cert);
  rig_refuses(&r, UVMQTT_ETLS, "excessive message size");
  rig_done(&r);
}

/* Closing at any moment. */

static void close_inside(struct tls_rig *rig) {
  rig->closing = true;
  rig->s->ops->close(rig->s);
}

Test(tls, may_be_closed_in_every_state_and_callback) {
  for (enum moment m = PROGRESS; m <= ENDED; m++) {
    rig_init(&r);
    r.on[m] = close_inside;
    rig_connect(&r);
    rig_carry(&r);
    if (!r.closing)
      rig_read(&r, true);
    if (!r.closing)
      r.below->room = 0, rig_write(&r, "abc", 3);
    if (!r.closing)
      memstream_take(r.below, 1000);
    if (!r.closing)
      rig_peer_write(&r, "abc", 3), rig_peer_write(&r, "abc", 3);
    if (!r.closing)
      rig_carry(&r);
    if (!r.closing)
      memstream_end(r.below, UV_ECONNRESET);
    cr_expect(r.closing, "moment %d", (int)m);
    rig_done(&r);
  }
}

Test(tls, may_be_closed_before_anything) {
  rig_init(&r);
  rig_open(&r);
  rig_done(&r);
}

Test(tls, may_be_closed_in_the_middle_of_the_handshake) {
  for (size_t bytes = 0; bytes < 1500; bytes += 97) {
    char *data;
    rig_init(&r);
    rig_connect(&r);
    r.peer_mute = true;
    rig_carry(&r);
    long n = BIO_get_mem_data(r.peer_out, &data);
    if ((long)bytes < n)
      memstream_feed(r.below, data, bytes);
    rig_done(&r);
  }
}
