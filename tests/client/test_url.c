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
    {"mqtt://u@h", "h", 1883, "u", NULL},
    {"mqtt://u:@h", "h", 1883, "u", ""},
    {"mqtt://u:p@h:9", "h", 9, "u", "p"},
    {"mqtt://u:p@[::1]:9", "::1", 9, "u", "p"},
    {"mqtt://u:p:q@h", "h", 1883, "u", "p:q"},
    {"mqtt://u%40x:p%3a%2F%25@h", "h", 1883, "u@x", "p:/%"},
    {"mqtt://%C3%A9:%c3%a9@h", "h", 1883, "\xC3\xA9", "\xC3\xA9"},
    {"mqtt://a:b@c:d@h", "h", 1883, "a", "b@c:d"},
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
    /* not in this build, and never silently plain */
    "mqtts://h",
    "wss://h",
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
