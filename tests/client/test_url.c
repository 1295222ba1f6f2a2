#include "client/servers.h"
#include "client/url.h"

#include "support/suite.h"
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

SUITE(url);

enum {
  TCP = UM_TRANSPORT_TCP,
  TLS = UM_TRANSPORT_TLS,
  WS = UM_TRANSPORT_WS,
  WSS = UM_TRANSPORT_WSS,
  UNIX = UM_TRANSPORT_UNIX,
};

static const struct good {
  const char *text, *host;
  uint16_t port;
  const char *username, *password;
  int transport;
  const char *path;
} good[] = {
    {"mqtt://h", "h", 1883, NULL, NULL, TCP, NULL},
    {"mqtt://h/", "h", 1883, NULL, NULL, TCP, NULL},
    {"mqtt://broker.example:1", "broker.example", 1, NULL, NULL, TCP, NULL},
    {"mqtt://h:65535", "h", 65535, NULL, NULL, TCP, NULL},
    {"mqtt://h:01883/", "h", 1883, NULL, NULL, TCP, NULL},
    {"mqtt://192.0.2.1:1884", "192.0.2.1", 1884, NULL, NULL, TCP, NULL},
    {"mqtt://[::1]", "::1", 1883, NULL, NULL, TCP, NULL},
    {"mqtt://[::1]/", "::1", 1883, NULL, NULL, TCP, NULL},
    {"mqtt://[fd00::2]:8883", "fd00::2", 8883, NULL, NULL, TCP, NULL},
    {"mqtt://[fe80::1%25eth0]:1", "fe80::1%eth0", 1, NULL, NULL, TCP, NULL},
    {"mqtts://h", "h", 8883, NULL, NULL, TLS, NULL},
    {"mqtts://u:p@h:1", "h", 1, "u", "p", TLS, NULL},
    {"wss://h", "h", 443, NULL, NULL, WSS, "/mqtt"},
    {"mqtt://u@h", "h", 1883, "u", NULL, TCP, NULL},
    {"mqtt://u:@h", "h", 1883, "u", "", TCP, NULL},
    {"mqtt://u:p@h:9", "h", 9, "u", "p", TCP, NULL},
    {"mqtt://u:p@[::1]:9", "::1", 9, "u", "p", TCP, NULL},
    {"mqtt://u:p:q@h", "h", 1883, "u", "p:q", TCP, NULL},
    {"mqtt://u%40x:p%3a%2F%25@h", "h", 1883, "u@x", "p:/%", TCP, NULL},
    {"mqtt://%C3%A9:%c3%a9@h", "h", 1883, "\xC3\xA9", "\xC3\xA9", TCP, NULL},
    {"mqtt://a:b@c:d@h", "h", 1883, "a", "b@c:d", TCP, NULL},
    {"MQTT://H", "H", 1883, NULL, NULL, TCP, NULL},
    {"mQttS://h", "h", 8883, NULL, NULL, TLS, NULL},
    {"WS://h", "h", 80, NULL, NULL, WS, "/mqtt"},
    {"ws://h", "h", 80, NULL, NULL, WS, "/mqtt"},
    {"ws://h/", "h", 80, NULL, NULL, WS, "/"},
    {"ws://h:8080/a/b?c=d@e", "h", 8080, NULL, NULL, WS, "/a/b?c=d@e"},
    {"ws://[::1]/x", "::1", 80, NULL, NULL, WS, "/x"},
    {"ws://u:p@h/x%20y", "h", 80, "u", "p", WS, "/x%20y"},
    {"wss://h:1/x/", "h", 1, NULL, NULL, WSS, "/x/"},
    {"unix:///run/m.sock", "/run/m.sock", 0, NULL, NULL, UNIX, NULL},
    {"unix:/run/m.sock", "/run/m.sock", 0, NULL, NULL, UNIX, NULL},
    {"unix:///a%20b/", "/a b/", 0, NULL, NULL, UNIX, NULL},
    {"unix:@name", "@name", 0, NULL, NULL, UNIX, NULL},
};

static bool same(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

Test(url, parts_are_taken_apart_and_decoded) {
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    struct um_url u;
    cr_assert_eq(um_url_parse(good[i].text, &u), 0, "%s", good[i].text);
    cr_expect_str_eq(u.host, good[i].host, "%s", good[i].text);
    cr_expect_eq(u.port, good[i].port, "%s: %u", good[i].text, u.port);
    cr_expect(same(u.username, good[i].username), "%s", good[i].text);
    cr_expect(same(u.password, good[i].password), "%s", good[i].text);
    cr_expect_eq((int)u.transport, good[i].transport, "%s", good[i].text);
    cr_expect(same(u.path, good[i].path), "%s", good[i].text);
    um_url_done(&u);
    cr_expect(u.memory == NULL && u.host == NULL);
  }
}

static const char *const bad[] = {
    "",
    "h",
    "h:1883",
    "//h",
    "mqtt:h",
    "mqtt:/h",
    "mqtt://",
    "mqtt:///",
    "mqtt://:1883",
    "mqtt://u@",
    "mqtt://u@:1",
    "mqttx://h",
    "http://h",
    "mqtt://h:",
    "mqtt://h:0",
    "mqtt://h:65536",
    "mqtt://h:99999999999999999999",
    "mqtt://h:18446744073709553499", /* 2^64 + 1883 */
    "mqtt://h:-1",
    "mqtt://h:+1",
    "mqtt://h: 1",
    "mqtt://h:1x",
    "mqtt://h:1:2",
    "mqtt://::1",
    "mqtt://::1:1883",
    "mqtt://[::1",
    "mqtt://[::1]x",
    "mqtt://[::1]:",
    "mqtt://[]",
    "mqtt://[]:1",
    "mqtt://h/path",
    "mqtt://h:1/path",
    "mqtt://h//",
    "mqtt://h?x=1",
    "mqtt://h#x",
    "mqtt://a b",
    "mqtt://h\n",
    "mqtt://u%4@h",
    "mqtt://u%@h",
    "mqtt://u%zz@h",
    "mqtt://u:%0@h",
    "mqtt://u%00@h",
    "mqtt://u:p%00q@h",
    "mqtt://h%00",
    "mqtt://h%2Fpath",
    "mqtt://h%40x",
    "mqtt://good/@evil", /* which of them is the host? */
    "mqtt://good:1/x@evil",
    "mqtt://good?@evil",
    "mqtt://good#@evil",
    "mqtt://good\\@evil",
    "mqtt://u:p/w@h",
    "mqtt://[h]", /* brackets and colons are for IPv6 */
    "mqtt://[192.0.2.1]:1",
    "mqtt://a%3Ab",
    "ws://",
    "ws:///x",
    "ws://h?x",
    "ws://h/a b",
    "ws://h/#x",
    "ws://h/\r\nA: b",
    "ws://h:0/",
    "ws:h",
    "wsx://h",
    "unix:///%zz",
    "unix:///a%00b",
    "socks5h://h",
};

Test(url, anything_else_is_refused) {
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct um_url u;
    memset(&u, 0, sizeof u);
    cr_expect_eq(um_url_parse(bad[i], &u), UVMQTT_EURL, "%s", bad[i]);
    if (u.memory != NULL)
      um_url_done(&u);
  }
}

Test(url, a_socket_is_a_path_from_the_root_or_a_name) {
  static const char *const wrong[] = {"unix:", "unix://", "unix://run/x",
                                      "unix:@", "unix:x"};
  struct um_url u;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_expect_eq(um_url_parse(wrong[i], &u), UVMQTT_EPATH, "%s", wrong[i]);
}

Test(url, a_host_name_has_at_most_253_bytes) {
  char text[300] = "mqtt://";
  struct um_url u;
  memset(text + 7, 'h', 253);
  cr_assert_eq(um_url_parse(text, &u), 0);
  um_url_done(&u);
  text[7 + 253] = 'h';
  cr_assert_eq(um_url_parse(text, &u), UVMQTT_EURL);
}

Test(url, control_characters_are_no_part_of_a_host) {
  for (int c = 1; c < 33; c++) {
    char text[] = "mqtt://a?b";
    struct um_url u;
    text[8] = (char)c;
    int r = um_url_parse(text, &u);
    cr_expect_eq(r, UVMQTT_EURL, "0x%02x", (unsigned)c);
    if (r == 0)
      um_url_done(&u);
  }
}

/* ---- Server References, 4.11 ---- */

static void expect_elsewhere(const char *reference, const char *host,
                             uint16_t port) {
  struct um_url from, u;
  cr_assert_eq(um_url_parse("mqtt://user:pw@home:99", &from), 0);
  cr_assert_eq(um_url_elsewhere(&from, reference, &u), 0, "%s", reference);
  cr_expect_str_eq(u.host, host, "%s", reference);
  cr_expect_eq(u.port, port, "%s: %u", reference, u.port);
  cr_expect_eq(u.default_port, 1883);
  cr_expect(u.username == NULL && u.password == NULL, "%s", reference);
  um_url_done(&from);
  um_url_done(&u);
}

Test(url, a_reference_names_a_host_and_perhaps_a_port) {
  expect_elsewhere("myserver.example", "myserver.example", 1883);
  expect_elsewhere("myserver.example:8883", "myserver.example", 8883);
  expect_elsewhere("10.10.151.22:8883", "10.10.151.22", 8883);
  expect_elsewhere("[fe80::9610]:1884", "fe80::9610", 1884);
  expect_elsewhere("[fe80::9610]", "fe80::9610", 1883);
  expect_elsewhere("first:1 second:2", "first", 1);
  expect_elsewhere("first ", "first", 1883);
  expect_elsewhere("a%20b", "a%20b", 1883); /* no URL: nothing is decoded */
}

Test(url, a_reference_that_is_more_or_less_than_that_is_refused) {
  static const char *const wrong[] = {
      "[h]", "",    " ",     " first",  ":1",        "h:",
      "h:0", "h:x", "h:1:2", "h:65536", "[::1",      "[::1]x",
      "[]",  "u@h", "u:p@h", "//h",     "mqtt://h",  "h/path",
      "h?q", "h\t", "\x01",  "h\r\n",   "wss://h:1",
  };
  struct um_url from, u;
  char longer[300];
  cr_assert_eq(um_url_parse("mqtt://home", &from), 0);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_expect_eq(um_url_elsewhere(&from, wrong[i], &u), UVMQTT_EURL, "%s",
                 wrong[i]);
  memset(longer, 'a', sizeof longer);
  longer[254] = '\0';
  cr_expect_eq(um_url_elsewhere(&from, longer, &u), UVMQTT_EURL);
  um_url_done(&from);
}

/* What is not said is as with the first. */
Test(url, a_server_of_the_list_may_have_a_path_of_its_own) {
  static const char *const more[] = {"ws://b", "WS://c/y", "ws://d:1/"};
  static const char *const paths[] = {"/x?z", "/x?z", "/y", "/"};
  uvmqtt_options_t o = {.url = "ws://a/x?z", .servers = more, .n_servers = 3};
  struct um_server list[UM_SERVERS_MAX];
  struct um_servers servers;
  struct um_url first;
  cr_assert_eq(um_url_parse(o.url, &first), 0);
  cr_assert_eq(um_servers_read(&o, &servers), 0);
  cr_assert_eq(um_servers_list(&first, &servers, list), 4);
  for (size_t i = 0; i < 4; i++)
    cr_expect_str_eq(list[i].path, paths[i]);
  um_servers_done(&servers);
  um_url_done(&first);
}

Test(url, a_redirect_keeps_transport_and_path) {
  struct um_url from, to;
  cr_assert_eq(um_url_parse("ws://h:81/a?b", &from), 0);
  cr_assert_eq(um_url_elsewhere(&from, "x:82 y", &to), 0);
  cr_assert_eq(to.transport, UM_TRANSPORT_WS);
  cr_assert_str_eq(to.host, "x");
  cr_assert_eq(to.port, 82);
  cr_assert_str_eq(to.path, "/a?b");
  um_url_done(&from);
  um_url_done(&to);
  cr_assert_eq(um_url_parse("unix:/x", &from), 0);
  cr_assert_eq(um_url_elsewhere(&from, "x:82", &to), UVMQTT_EURL);
  um_url_done(&from);
}

Test(url, proxies_are_taken_apart) {
  struct um_url u;
  enum um_proxy_kind kind = UM_PROXY_HTTP;
  cr_assert_eq(um_url_parse_proxy("socks5h://u%40:p%3A@h", &u, &kind), 0);
  cr_assert_eq(kind, UM_PROXY_SOCKS5);
  cr_assert_str_eq(u.host, "h");
  cr_assert_eq(u.port, 1080);
  cr_assert_str_eq(u.username, "u@");
  cr_assert_str_eq(u.password, "p:");
  um_url_done(&u);
  cr_assert_eq(um_url_parse_proxy("socks5://h:1", &u, &kind), 0);
  cr_assert_eq(kind, UM_PROXY_SOCKS5_LOCAL);
  cr_assert_eq(u.port, 1);
  um_url_done(&u);
  cr_assert_eq(um_url_parse_proxy("HTTP://[::1]:3128/", &u, &kind), 0);
  cr_assert_eq(kind, UM_PROXY_HTTP);
  cr_assert_str_eq(u.host, "::1");
  cr_assert_eq(u.port, 3128);
  cr_assert_null(u.username);
  um_url_done(&u);
}

/* SOCKS5 has a byte for the length, HTTP a colon after the name. */
Test(url, a_proxys_login_is_what_its_protocol_can_say) {
  static const char *const schemes[] = {"socks5h", "socks5", "http"};
  for (size_t i = 0; i < 3; i++)
    for (int over = 0; over < 2; over++) {
      struct um_url u;
      enum um_proxy_kind kind;
      char text[400], password[257];
      int expected = over && i < 2 ? UVMQTT_EURL : 0;
      memset(password, 'p', sizeof password);
      password[255 + over] = '\0';
      snprintf(text, sizeof text, "%s://u:%s@h", schemes[i], password);
      cr_assert_eq(um_url_parse_proxy(text, &u, &kind), expected);
      if (expected == 0) {
        cr_assert_str_eq(u.password, password);
        um_url_done(&u);
      }
      snprintf(text, sizeof text, "%s://a%%3Ab:p@h", schemes[i]);
      expected = i == 2 ? UVMQTT_EURL : 0;
      cr_assert_eq(um_url_parse_proxy(text, &u, &kind), expected);
      if (expected == 0)
        um_url_done(&u);
    }
}
