/* The handshake: W01 to W08 of the fault list. What goes after it is in
 * test_ws_frames.c. */
#include "net/ws.h"
#include "support/planted.h"
#include "support/suite.h"
#include "ws_peer.h"
#include <string.h>
#include <uvmqtt/message.h>

SUITE(ws);

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
  refused(SWITCH UPGRADE CONNECTION ACCEPT END, 101, "does not confirm");
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
  static const uvmqtt_header_t h = {"Authorization", PLANTED_SECRET};
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
                            "\r\nAuthorization: " PLANTED_SECRET "\r\n\r\n"));
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
