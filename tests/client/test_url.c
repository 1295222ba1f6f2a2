#include "client/url.h"

#include "support/suite.h"
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

SUITE(url);

static const struct good {
  const char *text, *host;
  uint16_t port;
  const char *username, *password;
} good[] = {
    {"mqtt://h", "h", 1883, NULL, NULL},
    {"mqtt://h/", "h", 1883, NULL, NULL},
    {"mqtt://broker.example:1", "broker.example", 1, NULL, NULL},
    {"mqtt://h:65535", "h", 65535, NULL, NULL},
    {"mqtt://h:01883/", "h", 1883, NULL, NULL},
    {"mqtt://192.0.2.1:1884", "192.0.2.1", 1884, NULL, NULL},
    {"mqtt://[::1]", "::1", 1883, NULL, NULL},
    {"mqtt://[::1]/", "::1", 1883, NULL, NULL},
    {"mqtt://[fd00::2]:8883", "fd00::2", 8883, NULL, NULL},
    {"mqtt://[fe80::1%25eth0]:1", "fe80::1%eth0", 1, NULL, NULL},
    {"mqtts://h", "h", 8883, NULL, NULL},
    {"mqtts://u:p@h:1", "h", 1, "u", "p"},
    {"wss://h", "h", 443, NULL, NULL},
    {"mqtt://u@h", "h", 1883, "u", NULL},
    {"mqtt://u:@h", "h", 1883, "u", ""},
    {"mqtt://u:p@h:9", "h", 9, "u", "p"},
    {"mqtt://u:p@[::1]:9", "::1", 9, "u", "p"},
    {"mqtt://u:p:q@h", "h", 1883, "u", "p:q"},
    {"mqtt://u%40x:p%3a%2F%25@h", "h", 1883, "u@x", "p:/%"},
    {"mqtt://%C3%A9:%c3%a9@h", "h", 1883, "\xC3\xA9", "\xC3\xA9"},
    {"mqtt://a:b@c:d@h", "h", 1883, "a", "b@c:d"},
    {"MQTT://H", "H", 1883, NULL, NULL},
    {"mQttS://h", "h", 8883, NULL, NULL},
    {"WS://h", "h", 80, NULL, NULL},
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
