/* HTTP CONNECT: what is said, what is understood, what is refused. */
#include "net/tunnel.h"
#include "proxied.h"
#include "support/planted.h"
#include "support/suite.h"
#include <string.h>
#include <uvmqtt/message.h>

SUITE(tunnel);

static um_layer *const tunnel[] = {um_tunnel_new};

Test(tunnel, asks_for_host_and_port) {
  struct tower t;
  proxied_open(&t, tunnel, "broker.example", NULL, NULL);
  cr_assert_eq(t.s->phase, UVMQTT_PHASE_PROXY);
  HEARS(&t, "CONNECT broker.example:1883 HTTP/1.1\r\n"
            "Host: broker.example:1883\r\n\r\n");
  SAYS(&t, "HTTP/1.1 200 Connection established\r\n\r\n");
  proxied_works(&t);
  proxied_open(&t, tunnel, "::1", NULL, NULL);
  HEARS(&t, "CONNECT [::1]:1883 HTTP/1.1\r\nHost: [::1]:1883\r\n\r\n");
  SAYS(&t, "HTTP/1.0 204\r\nProxy-Agent: x\r\n\r\n");
  proxied_works(&t);
}

/* RFC 9110, 15.2 */
Test(tunnel, waits_while_the_proxy_says_wait) {
  struct tower t;
  proxied_open(&t, tunnel, "h", NULL, NULL);
  HEARS(&t, "CONNECT h:1883 HTTP/1.1\r\nHost: h:1883\r\n\r\n");
  SAYS(&t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n");
  cr_assert_eq(t.count[CONNECTED] + t.count[ENDED], 0);
  SAYS(&t, "\r\nHTTP/1.1 200 OK\r\n\r\n");
  proxied_works(&t);
}

Test(tunnel, logs_in) {
  struct tower t;
  proxied_open(&t, tunnel, "h", PLANTED_SECRET, "p:w");
  HEARS(&t, "CONNECT h:1883 HTTP/1.1\r\nHost: h:1883\r\n"
            "Proxy-Authorization: Basic cDFhbnRlZFMzY3JldDpwOnc=\r\n\r\n");
  SAYS(&t, "HTTP/1.1 200 OK\r\n\r\n");
  proxied_works(&t);
}

static void connect_fails(const char *answer, int code, int status,
                          const char *text) {
  struct tower t;
  proxied_open(&t, tunnel, "h", NULL, NULL);
  tower_feed_text(&t, answer);
  cr_expect_eq(t.status, code, "%s: %d", answer, t.status);
  cr_expect_eq(t.fault.status, status, "%s", answer);
  cr_expect_not_null(strstr(t.fault.text, text), "%s", t.fault.text);
  tower_done(&t);
}

Test(tunnel, tells_each_refusal_in_words) {
  connect_fails("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                UVMQTT_EPROXYAUTH, 407, "407: Proxy Auth");
  connect_fails("HTTP/1.1 401 Unauthorized\r\n\r\n", UVMQTT_EPROXYAUTH, 401,
                "401: Unauth"); /* tinyproxy */
  connect_fails("HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\n"
                "Proxy-Authenticate: NTLM\r\n\r\n",
                UVMQTT_EPROXYAUTH, 407, "than Basic: Negotiate");
  connect_fails("HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm=y, "
                "basic realm=y\r\n\r\n",
                UVMQTT_EPROXYAUTH, 407, "says 407: x");
  connect_fails("HTTP/1.1 403 Filtered\r\n\r\n", UVMQTT_EPROXY, 403,
                "403: Filtered");
  connect_fails("HTTP/1.1 502\r\n\r\n", UVMQTT_EPROXY, 502, "502");
  connect_fails("HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", UVMQTT_EPROXY, 302,
                "302");
  connect_fails("HTTP/1.1 101 Switching\r\n\r\n", UVMQTT_EPROXY, 101, "101");
  connect_fails("\x05\x00", UVMQTT_EPROXYPROTOCOL, 0, "not HTTP");
  connect_fails("\x15\x03\x01", UVMQTT_EPROXYPROTOCOL, 0, "is TLS");
  connect_fails("SSH-2.0-x\r\n", UVMQTT_EPROXYPROTOCOL, 0, "not HTTP");
}
