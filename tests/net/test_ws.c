#include "net/filter.h"
#include "net/ws.h"
#include "support/suite.h"
#include "ws_peer.h"
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/message.h>

SUITE(ws);

enum { TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8A };
enum { BEGIN = 0x02, MORE = 0x00, LAST = 0x80 };

static um_layer *const layers[] = {um_ws_new};

/* The handshake. */

static void begin(struct tower *t) {
  tower_init(t);
  tower_up(t, layers, 1);
}

static void refused(const char *answer, int status, const char *text) {
  struct tower t;
  begin(&t);
  ws_answer(&t, answer);
  cr_expect_eq(t.status, UVMQTT_EWSHANDSHAKE, "%s", answer);
  cr_expect_eq(t.fault.status, status, "%s", answer);
  cr_expect_not_null(strstr(t.fault.text, text), "%s", t.fault.text);
  cr_expect_eq(t.count[CONNECTED], 0);
  tower_done(&t);
}

static void accepted(const char *answer) {
  struct tower t;
  begin(&t);
  ws_answer(&t, answer);
  cr_expect_eq(t.count[CONNECTED], 1, "%s: %s", answer, t.fault.text);
  tower_done(&t);
}

#define SWITCH "HTTP/1.1 101 x\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: %s\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: mqtt\r\n"
#define END "\r\n"

/* [MQTT-6.0.0-3/both] */
Test(ws, asks_for_the_path_at_the_host_for_mqtt) {
  static const char before[] =
      "GET /a?b=c HTTP/1.1\r\nHost: broker.example:1883\r\n"
      "Connection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  static const char after[] =
      "\r\nSec-WebSocket-Protocol: mqtt\r\nX-A: 1\r\nX-B: \r\n\r\n";
  static const uvmqtt_header_t headers[] = {{"X-A", "1"}, {"X-B", ""}};
  struct tower t;
  tower_init(&t);
  t.ws.path = "/a?b=c";
  t.ws.headers = headers;
  t.ws.n_headers = 2;
  tower_up(&t, layers, 1);
  cr_assert_eq(t.m->out.len, sizeof before - 1 + 24 + sizeof after - 1);
  const char *said = (char *)um_buf_head(&t.m->out);
  cr_assert_eq(memcmp(said, before, sizeof before - 1), 0);
  cr_assert_eq(memcmp(said + sizeof before - 1 + 24, after, sizeof after - 1),
               0);
  tower_done(&t);
}

Test(ws, names_the_server_that_the_socket_has_reached) {
  static const struct um_server servers[] = {{"a.example", 80, "/a"},
                                             {"::1", 80, "/b"}};
  static const char said[] = "GET /b HTTP/1.1\r\nHost: [::1]\r\n";
  struct tower t;
  tower_init(&t);
  t.route.servers = servers;
  t.route.n_servers = 2;
  cr_assert_eq(tower_open(&t, layers, 1), 0);
  tower_connect(&t);
  t.m->stream.server = 1;
  tower_connected(&t);
  cr_assert_eq(memcmp(um_buf_head(&t.m->out), said, sizeof said - 1), 0);
  tower_done(&t);
}

Test(ws, each_connection_has_a_key_of_its_own) {
  char first[32], second[32];
  for (int i = 0; i < 2; i++) {
    struct tower t;
    begin(&t);
    ws_accept_of(&t, i == 0 ? first : second);
    tower_done(&t);
  }
  cr_assert_str_neq(first, second);
}

/* W01 */
Test(ws, w01_any_other_status_ends_it_and_redirects_are_not_followed) {
  refused("HTTP/1.1 200 OK\r\n\r\n", 200, "200: OK");
  refused("HTTP/1.1 404 Not Found\r\n\r\n", 404, "404: Not Found");
  refused("HTTP/1.1 301 Moved\r\nLocation: ws://x/\r\n\r\n", 301,
          "not followed");
  refused("HTTP/1.1 302 Found\r\nLocation: ws://x/\r\n\r\n", 302,
          "not followed");
  refused("HTTP/1.1 401\r\n\r\n", 401, "401");
  refused("\x20\x02\x00\x00 MQTT\r\n\r\n", 0, "HTTP");
}

/* W01 */
Test(ws, w01_interim_answers_are_none) {
  accepted("HTTP/1.1 100 Continue\r\n\r\n"
           "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" SWITCH UPGRADE
               CONNECTION ACCEPT PROTOCOL END);
  refused("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n", 403,
          "403: No");
}

/* W02 */
Test(ws, w02_the_accept_must_be_there_once_and_right) {
  refused(SWITCH UPGRADE CONNECTION PROTOCOL END, 101, "Accept");
  refused(SWITCH UPGRADE CONNECTION PROTOCOL
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
          101, "Accept");
  refused(SWITCH UPGRADE CONNECTION PROTOCOL ACCEPT
          "Sec-WebSocket-Accept: x\r\n" END,
          101, "Accept");
  refused(SWITCH UPGRADE CONNECTION PROTOCOL
          "Sec-WebSocket-Accept: %sx\r\n" END,
          101, "Accept");
  refused(SWITCH UPGRADE CONNECTION PROTOCOL "Sec-WebSocket-Accept:\r\n" END,
          101, "Accept");
}

/* W03 */
Test(ws, w03_the_tokens_must_be_there_in_whatever_case) {
  refused(SWITCH CONNECTION ACCEPT PROTOCOL END, 101, "upgrade");
  refused(SWITCH UPGRADE ACCEPT PROTOCOL END, 101, "upgrade");
  refused(SWITCH "Upgrade: h2c\r\n" CONNECTION ACCEPT PROTOCOL END, 101,
          "upgrade");
  refused(SWITCH UPGRADE "Connection: close\r\n" ACCEPT PROTOCOL END, 101,
          "upgrade");
  accepted(SWITCH
           "UPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n"
           "sec-websocket-accept:%s \r\nSEC-WEBSOCKET-PROTOCOL: mqtt\r\n" END);
}

/* W04 [MQTT-6.0.0-4/both] */
Test(ws, w04_the_sub_protocol_must_come_back) {
  refused(SWITCH UPGRADE CONNECTION ACCEPT END, 101, "MQTT");
  refused(SWITCH UPGRADE CONNECTION ACCEPT
          "Sec-WebSocket-Protocol: mqttv3.1\r\n" END,
          101, "MQTT");
  refused(SWITCH UPGRADE CONNECTION ACCEPT PROTOCOL PROTOCOL END, 101, "MQTT");
  refused(SWITCH UPGRADE CONNECTION ACCEPT
          "Sec-WebSocket-Protocol: mqtt, x\r\n" END,
          101, "MQTT");
}

static void answer_leniently(const char *answer, bool good) {
  struct tower t;
  tower_init(&t);
  t.ws.lenient = true;
  tower_up(&t, layers, 1);
  ws_answer(&t, answer);
  cr_expect_eq(t.count[CONNECTED], good, "%s", answer);
  tower_done(&t);
}

/* W04 */
Test(ws, w04_a_missing_sub_protocol_may_be_allowed) {
  answer_leniently(SWITCH UPGRADE CONNECTION ACCEPT END, true);
  answer_leniently(SWITCH UPGRADE CONNECTION ACCEPT
                   "Sec-WebSocket-Protocol: chat\r\n" END,
                   false);
}

/* W05 */
Test(ws, w05_an_extension_nobody_offered_ends_it) {
  refused(SWITCH UPGRADE CONNECTION ACCEPT PROTOCOL
          "Sec-WebSocket-Extensions: permessage-deflate\r\n" END,
          101, "extension");
}

/* W06; test_http.c has the limits one by one */
Test(ws, w06_a_head_beyond_the_limits_ends_it) {
  struct tower t;
  char line[1026];
  begin(&t);
  memset(line, 'x', sizeof line);
  memcpy(line, "A: ", 3);
  memcpy(line + sizeof line - 2, "\r\n", 2);
  tower_feed_text(&t, SWITCH);
  for (int i = 0; i < 15; i++)
    tower_feed(&t, line, sizeof line);
  cr_assert_eq(t.count[ENDED], 0);
  tower_feed(&t, line, sizeof line);
  cr_assert_eq(t.status, UVMQTT_EWSHANDSHAKE);
  cr_assert_not_null(strstr(t.fault.text, "too long"));
  tower_done(&t);
  refused(SWITCH "A: b\n\r\n", 0, "control");
  refused(SWITCH "A: b\r\n c\r\n\r\n", 0, "folded");
}

/* W06 one byte a second: the owner's deadline is what ends it */
Test(ws, w06_a_slow_head_is_still_a_handshake) {
  struct tower t;
  begin(&t);
  for (const char *c = SWITCH UPGRADE; *c != '\0'; c++)
    tower_feed(&t, c, 1);
  cr_assert_eq(t.count[CONNECTED] + t.count[ENDED], 0);
  cr_assert_eq(t.s->phase, UVMQTT_PHASE_WEBSOCKET);
  tower_done(&t);
}

static void read_on(struct tower *t) {
  tower_read(t, true);
}

/* W07 */
Test(ws, w07_frames_right_after_the_head_are_frames) {
  struct tower t;
  begin(&t);
  t.on[CONNECTED] = read_on;
  ws_answer(&t, SWITCH UPGRADE CONNECTION ACCEPT PROTOCOL END "\x82\x03"
                                                              "abc");
  tower_got_text(&t, "abc");
  tower_done(&t);
  begin(&t);
  ws_answer(&t, SWITCH UPGRADE CONNECTION ACCEPT PROTOCOL END "\x82\x03"
                                                              "abc");
  tower_got_text(&t, "");
  tower_read(&t, true);
  tower_turn(&t);
  tower_got_text(&t, "abc");
  tower_done(&t);
}

/* W08 is at the call: test_http.c, client/test_way.c */

Test(ws, a_server_that_closes_instead_of_answering_ends_it) {
  struct tower t;
  begin(&t);
  memstream_end(t.m, UV_EOF);
  cr_assert_eq(t.status, UV_EOF);
  cr_assert_not_null(strstr(t.fault.text, "instead of an answer"));
  tower_done(&t);
}

/* Headers of the owner's. */

static unsigned asked;

static void ask(void *arg) {
  (void)arg;
  asked++;
}

static void begin_asking(struct tower *t) {
  asked = 0;
  tower_init(t);
  t->ws.ask = ask;
  t->ws.plain_logins = true;
  tower_up(t, layers, 1);
  cr_assert_eq(asked, 1);
  cr_assert_eq(t->m->out.len, 0, "nothing is sent before the answer");
}

Test(ws, headers_may_come_later) {
  static const uvmqtt_header_t h = {"Authorization", "secret"};
  struct tower t;
  begin_asking(&t);
  tower_turn(&t);
  t.in_call = true;
  cr_assert_eq(um_ws_answer(t.s, &h, 1, 0), 0);
  t.in_call = false;
  cr_assert_eq(um_ws_answer(t.s, &h, 1, 0), UV_EALREADY);
  cr_assert_eq(um_buf_append(&t.m->out, "", 1), 0);
  t.m->out.len--;
  cr_assert_not_null(strstr((char *)um_buf_head(&t.m->out),
                            "\r\nAuthorization: secret\r\n\r\n"));
  ws_greet(&t);
  cr_assert_eq(t.count[CONNECTED], 1);
  cr_assert_eq(um_ws_answer(t.s, NULL, 0, 0), UV_EALREADY);
  tower_done(&t);
}

/* Not a byte leaves before that is known. */
Test(ws, logins_go_in_clear_text_to_this_machine_only_or_when_allowed) {
  static const uvmqtt_header_t logins[] = {
      {"authorization", "x"}, {"Cookie", "x"}, {"Proxy-Authorization", "x"}};
  for (size_t i = 0; i < 3; i++)
    for (int how = 0; how < 6; how++) {
      struct tower t;
      asked = 0;
      tower_init(&t);
      t.ws.headers = how < 4 ? &logins[i] : NULL;
      t.ws.n_headers = how < 4;
      t.ws.plain_logins = how == 1 || how == 5;
      t.ws.ask = how < 4 ? NULL : ask;
      cr_assert_eq(tower_open(&t, layers, 1), 0);
      tower_connect(&t);
      t.m->stream.loopback = how == 2;
      t.m->stream.security = how == 3 ? (const void *)&t : NULL;
      tower_connected(&t);
      if (how >= 4)
        cr_assert_eq(um_ws_answer(t.s, &logins[i], 1, 0), 0);
      tower_turn(&t);
      bool kept_back = how == 0 || how == 4;
      cr_assert_eq(t.status, kept_back ? UVMQTT_EINSECURE : 0, "%d", how);
      cr_assert_eq(t.m->out.len == 0, kept_back);
      tower_done(&t);
    }
}

/* The question stays open, as if nobody had answered. */
Test(ws, an_answer_that_does_not_fit_leaves_nothing_behind) {
  static char endless[70000];
  const uvmqtt_header_t h[] = {{"Authorization", "x"}, {"A", endless}};
  struct tower t;
  asked = 0;
  memset(endless, 'x', sizeof endless - 1);
  tower_init(&t);
  t.ws.ask = ask;
  tower_up(&t, layers, 1);
  cr_assert_eq(um_ws_answer(t.s, h, 2, 0), UV_ENOMEM);
  cr_assert_eq(um_ws_answer(t.s, NULL, 0, 0), 0);
  tower_turn(&t);
  cr_assert_eq(t.status, 0, "no login is to be kept back");
  cr_assert_neq(t.m->out.len, 0);
  tower_done(&t);
}

Test(ws, no_headers_to_be_had_end_it_later) {
  struct tower t;
  begin_asking(&t);
  t.in_call = true;
  cr_assert_eq(um_ws_answer(t.s, NULL, 0, UVMQTT_EHEADERS), 0);
  t.in_call = false;
  tower_turn(&t);
  cr_assert_eq(t.status, UVMQTT_EHEADERS);
  cr_assert_eq(um_ws_answer(t.s, NULL, 0, 0), UV_EALREADY);
  tower_done(&t);
}

Test(ws, a_server_that_speaks_before_the_request_is_refused) {
  struct tower t;
  begin_asking(&t);
  tower_feed_text(&t, "HTTP");
  cr_assert_eq(t.status, UVMQTT_EWSHANDSHAKE);
  tower_done(&t);
}

/* Frames from the server. */

static void violates(const void *frame, size_t len, unsigned code) {
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x82\x01z", 3);
  tower_feed(&t, frame, len);
  cr_expect_eq(t.status, UVMQTT_EWSPROTOCOL, "%02x: %d",
               ((const uint8_t *)frame)[0], t.status);
  ws_hears_close(&t, code);
  tower_got_text(&t, "z");
  cr_expect_str_neq(t.fault.text, "");
  tower_done(&t);
}

#define VIOLATES(bytes, code) violates(bytes, sizeof bytes - 1, code)

/* W09 */
Test(ws, w09_a_masked_frame_is_a_violation) {
  VIOLATES("\x82\x81\x01\x02\x03\x04x", 1002);
  VIOLATES("\x82\x80\x01\x02\x03\x04", 1002);
  VIOLATES("\x89\x80\x01\x02\x03\x04", 1002);
}

/* W10 */
Test(ws, w10_reserved_bits_and_opcodes_are_violations) {
  VIOLATES("\xC2\x01x", 1002);
  VIOLATES("\xA2\x01x", 1002);
  VIOLATES("\x92\x01x", 1002);
  VIOLATES("\xC9\x00", 1002);
  for (unsigned opcode = 3; opcode <= 15; opcode++)
    if (opcode < 8 || opcode > 10) {
      uint8_t frame[] = {(uint8_t)(0x80 | opcode), 0};
      violates(frame, sizeof frame, 1002);
    }
}

/* W11 [MQTT-6.0.0-1/both] */
Test(ws, w11_a_text_frame_is_unsupported) {
  VIOLATES("\x81\x01x", 1003);
  VIOLATES("\x01\x00", 1003);
}

/* W12 */
Test(ws, w12_control_frames_are_short_and_whole) {
  VIOLATES("\x89\x7E\x00\x7E", 1002);
  VIOLATES("\x88\x7E\x00\x80", 1002);
  VIOLATES("\x09\x00", 1002);
  VIOLATES("\x08\x00", 1002);
  VIOLATES("\x0A\x01x", 1002);
}

/* W13 */
Test(ws, w13_fragments_follow_each_other) {
  VIOLATES("\x80\x01x", 1002);
  VIOLATES("\x00\x01x", 1002);
  VIOLATES("\x02\x00\x82\x01x", 1002);
  VIOLATES("\x02\x00\x02\x01x", 1002);
}

/* W14 */
Test(ws, w14_a_length_is_said_in_the_shortest_way) {
  VIOLATES("\x82\x7E\x00\x7D", 1002);
  VIOLATES("\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", 1002);
  VIOLATES("\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x00", 1002);
}

/* W15 */
Test(ws, w15_a_frame_of_any_size_is_no_memory) {
  VIOLATES("\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFx", 1009);
  VIOLATES("\x82\x7F\x00\x00\x00\x00\x40\x00\x00\x01x", 1009);
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x82\x7F\x00\x00\x00\x00\x40\x00\x00\x00x", 11);
  tower_got_text(&t, "x"); /* a gigabyte announced, passed on as it comes */
  cr_assert_eq(t.count[ENDED], 0);
  tower_done(&t);
}

static void put_conversation(struct um_buf *b, const uint8_t *data,
                             size_t len) {
  ws_put(b, BEGIN, data, 1);
  ws_put(b, PING, "p", 1);
  ws_put(b, MORE, data + 1, 0);
  ws_put(b, MORE, data + 1, 126);
  ws_put(b, PONG, "", 0);
  ws_put(b, LAST, data + 127, 10);
  ws_put(b, BINARY, data + 137, len - 137);
}

/* W16 [MQTT-6.0.0-2/both] */
Test(ws, w16_frames_may_be_cut_anywhere) {
  uint8_t data[400];
  struct um_buf b;
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (uint8_t)(i * 7);
  um_buf_init(&b, SIZE_MAX, NULL);
  put_conversation(&b, data, sizeof data);
  for (size_t at = 0; at <= b.len; at++) {
    struct tower t;
    ws_open(&t, true);
    tower_feed(&t, b.data, at);
    tower_feed(&t, b.data + at, b.len - at);
    tower_got(&t, data, sizeof data);
    ws_hears(&t, PONG, "p", 1);
    tower_done(&t);
  }
  for (size_t cut = 1; cut < 20; cut++) {
    struct tower t;
    ws_open(&t, true);
    t.m->cut = cut;
    tower_feed(&t, b.data, b.len);
    tower_got(&t, data, sizeof data);
    tower_done(&t);
  }
  um_buf_done(&b);
}

/* W16 */
Test(ws, w16_many_frames_in_one_read_are_handed_up_at_once) {
  struct tower t;
  struct um_buf b;
  ws_open(&t, true);
  um_buf_init(&b, SIZE_MAX, NULL);
  for (int i = 0; i < 100; i++)
    ws_put(&b, BINARY, "ab", 2);
  tower_feed(&t, b.data, b.len);
  cr_assert_eq(t.count[BYTES], 1);
  cr_assert_eq(t.got.len, 200);
  for (size_t i = 0; i < 100; i++)
    cr_assert_eq(memcmp(t.got.data + 2 * i, "ab", 2), 0);
  um_buf_done(&b);
  tower_done(&t);
}

/* W16 */
Test(ws, w16_a_large_frame_goes_up_as_it_comes) {
  struct tower t;
  struct um_buf b;
  size_t len = 300000;
  uint8_t *data = malloc(len);
  for (size_t i = 0; i < len; i++)
    data[i] = (uint8_t)(i % 251);
  ws_open(&t, true);
  um_buf_init(&b, SIZE_MAX, NULL);
  ws_put(&b, BINARY, data, len);
  t.m->cut = 65536;
  tower_feed(&t, b.data, b.len);
  cr_assert_eq(t.count[BYTES], 5);
  tower_got(&t, data, len);
  um_buf_done(&b);
  free(data);
  tower_done(&t);
}

/* W17 */
Test(ws, w17_frames_that_say_nothing_are_counted) {
  static const char *const floods[] = {"\x89\x00", "\x8A\x00", "\x82\x00"};
  for (size_t i = 0; i < 3; i++) {
    struct tower t;
    ws_open(&t, true);
    unsigned n = 0;
    while (t.count[ENDED] == 0 && n++ < 1000)
      tower_feed(&t, floods[i], 2);
    cr_assert_eq(n, 201);
    cr_assert_eq(t.status, UVMQTT_EWSPROTOCOL);
    for (unsigned pong = 0; i == 0 && pong < 200; pong++)
      ws_hears(&t, PONG, "", 0);
    ws_hears_close(&t, 1008);
    tower_done(&t);
  }
}

/* W17 */
Test(ws, w17_endless_fragments_too) {
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x02\x00", 2);
  for (int i = 0; i < 300 && t.count[ENDED] == 0; i++)
    tower_feed(&t, "\x00\x00", 2);
  ws_hears_close(&t, 1008);
  tower_done(&t);
}

/* W17: a ping now and then is none of that */
Test(ws, w17_the_count_is_by_the_second) {
  struct tower t;
  ws_open(&t, true);
  for (int i = 0; i < 2; i++) {
    for (int n = 0; n < 150; n++)
      tower_feed(&t, "\x8A\x00", 2);
    uint64_t until = uv_hrtime() + 1100000000u;
    while (uv_hrtime() < until && i == 0)
      uv_run(&t.loop, UV_RUN_NOWAIT);
    uv_update_time(&t.loop);
  }
  cr_assert_eq(t.count[ENDED], 0);
  tower_done(&t);
}

static void closed_by(const void *frame, size_t len, int status,
                      const char *text) {
  struct tower t;
  uint8_t echo[2];
  ws_open(&t, true);
  tower_feed(&t, frame, len);
  cr_expect_eq(t.status, status, "%d", t.status);
  cr_expect_str_eq(t.fault.text, text);
  memcpy(echo, (const uint8_t *)frame + 2, len > 2 ? 2 : 0);
  ws_hears(&t, CLOSE, echo, len > 2 ? 2 : 0);
  tower_done(&t);
}

#define CLOSED_BY(bytes, status, text)                                         \
  closed_by(bytes, sizeof bytes - 1, status, text)

Test(ws, a_close_is_answered_and_ends_it) {
  CLOSED_BY("\x88\x02\x03\xE8", UV_EOF, "WebSocket closed with code 1000");
  CLOSED_BY("\x88\x00", UV_EOF, "WebSocket closed with code 1005");
  CLOSED_BY("\x88\x05\x03\xE9"
            "bye",
            UV_EOF, "WebSocket closed with code 1001: bye");
  CLOSED_BY("\x88\x02\x03\xF3", UVMQTT_EWSCLOSED,
            "WebSocket closed with code 1011");
  CLOSED_BY("\x88\x02\x13\x87", UVMQTT_EWSCLOSED,
            "WebSocket closed with code 4999");
}

/* W18 */
Test(ws, w18_a_close_must_be_well_formed) {
  VIOLATES("\x88\x01\x03", 1002);
  static const unsigned codes[] = {0,    999,  1004, 1005, 1006,
                                   1015, 1016, 2999, 5000, 65535};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    uint8_t frame[] = {CLOSE, 2, (uint8_t)(codes[i] >> 8), (uint8_t)codes[i]};
    violates(frame, sizeof frame, 1002);
  }
  VIOLATES("\x88\x04\x03\xE8\xC3\x28", 1002);
}

/* W18 */
Test(ws, w18_what_comes_after_a_close_is_ignored) {
  struct tower t;
  ws_open(&t, true);
  tower_feed(&t, "\x82\x01x\x88\x02\x03\xE8\x82\x01y\xFF\xFF", 12);
  tower_got_text(&t, "x");
  cr_assert_eq(t.status, UV_EOF);
  ws_hears_close(&t, 1000);
  tower_done(&t);
}

static void pause_reading(struct tower *t) {
  tower_read(t, false);
}

/* As an end of the socket, which nobody looks for meanwhile: the owner may have
 * put aside what came before. */
Test(ws, a_close_or_a_violation_waits_until_the_owner_reads_on) {
  static const struct {
    const char *bytes;
    size_t len;
    int status;
  } ends[] = {{"\x82\x01z\x88\x00", 5, UV_EOF},
              {"\x82\x01z\x81\x00", 5, UVMQTT_EWSPROTOCOL}};
  for (size_t i = 0; i < 2; i++) {
    struct tower t;
    ws_open(&t, true);
    t.on[BYTES] = pause_reading;
    tower_feed(&t, ends[i].bytes, ends[i].len);
    tower_got_text(&t, "z");
    tower_turn(&t);
    cr_assert_eq(t.count[ENDED], 0);
    tower_read(&t, true);
    tower_turn(&t);
    cr_assert_eq(t.count[ENDED], 1);
    cr_assert_eq(t.status, ends[i].status);
    tower_done(&t);
  }
}

/* W19 */
Test(ws, w19_an_unsolicited_pong_is_ignored) {
  struct tower t;
  ws_open(&t, true);
  ws_say(&t, PONG, "whatever");
  ws_say(&t, BINARY, "x");
  tower_got_text(&t, "x");
  tower_hears(&t, "", 0);
  tower_done(&t);
}

Test(ws, a_ping_is_answered_with_its_own_bytes) {
  struct tower t;
  char longest[126];
  memset(longest, 'x', 125);
  longest[125] = '\0';
  ws_open(&t, true);
  ws_say(&t, PING, longest);
  ws_hears(&t, PONG, longest, 125);
  ws_say(&t, PING, "");
  ws_hears(&t, PONG, "", 0);
  tower_done(&t);
}

/* W20 */
Test(ws, w20_keys_are_random_and_never_the_same_for_long) {
  enum { FRAMES = 4000 };
  struct tower t;
  unsigned ones[32] = {0}, repeats = 0;
  uint8_t last[4] = {0};
  ws_open(&t, true);
  for (int i = 0; i < FRAMES; i++) {
    struct ws_frame f;
    tower_write(&t, "x", 1);
    ws_hear(&t, &f);
    repeats += memcmp(f.key, last, 4) == 0;
    memcpy(last, f.key, 4);
    for (unsigned bit = 0; bit < 32; bit++)
      ones[bit] += f.key[bit / 8] >> (bit % 8) & 1;
    um_buf_done(&f.data);
  }
  cr_assert_leq(repeats, 1);
  for (unsigned bit = 0; bit < 32; bit++) /* 6 sigma are 190 */
    cr_assert(ones[bit] > FRAMES / 2 - 250 && ones[bit] < FRAMES / 2 + 250);
  tower_done(&t);
}

/* W21 */
Test(ws, w21_an_end_without_a_close_is_a_lost_connection) {
  struct tower t;
  ws_open(&t, true);
  memstream_end(t.m, UV_EOF);
  cr_assert_eq(t.status, UV_EOF);
  tower_hears(&t, "", 0);
  tower_done(&t);
  ws_open(&t, true);
  tower_feed(&t, "\x82\x05x", 3);
  memstream_end(t.m, UV_ECONNRESET);
  tower_got_text(&t, "x");
  cr_assert_eq(t.status, UV_ECONNRESET);
  tower_done(&t);
}

/* Frames to the server. */

/* [MQTT-6.0.0-1/both] */
Test(ws, each_write_is_one_binary_frame) {
  static const size_t sizes[] = {1, 125, 126, 65535, 65536, 100000};
  struct tower t;
  ws_open(&t, true);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    uint8_t *data = malloc(sizes[i]);
    memset(data, (int)('a' + i), sizes[i]);
    cr_assert_eq(tower_write(&t, data, sizes[i]), 0);
    ws_hears(&t, BINARY, data, sizes[i]);
    tower_hears(&t, "", 0);
    free(data);
  }
  cr_assert_eq(t.taken, 1 + 125 + 126 + 65535 + 65536 + 100000);
  tower_done(&t);
}

/* A mask hides nothing. */
Test(ws, the_copy_of_a_secret_is_one) {
  struct tower t;
  struct um_buf bytes;
  size_t taken;
  ws_open(&t, true);
  struct um_filter *f = (struct um_filter *)t.s;
  um_buf_done(&f->out); /* the request was one, too */
  t.m->room = 0;
  um_buf_init(&bytes, SIZE_MAX, NULL);
  cr_assert_eq(um_buf_append(&bytes, "secret", 6), 0);
  bytes.secret = true;
  cr_assert_eq(t.s->ops->write(t.s, &bytes, &taken), 0);
  cr_assert_gt(t.m->rest.len, 0);
  cr_assert(t.m->rest.secret);
  um_buf_done(&bytes);
  tower_done(&t);
}

Test(ws, finish_says_close_and_the_servers_close_ends_it) {
  struct tower t;
  ws_open(&t, true);
  tower_finish(&t);
  ws_hears_close(&t, 1000);
  cr_assert(t.m->finished);
  ws_say(&t, PING, "late");
  tower_hears(&t, "", 0);
  tower_feed(&t, "\x82\x01x\x88\x02\x03\xE8", 7);
  tower_got_text(&t, "x");
  cr_assert_eq(t.status, UV_EOF);
  tower_hears(&t, "", 0);
  tower_done(&t);
}
