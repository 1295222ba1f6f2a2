#include "net/address.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(address);

static void check(const char *host, const char *text, bool loopback) {
  struct um_address a;
  char printed[64];
  cr_assert_eq(um_address_parse(host, 1883, &a), 0, "%s", host);
  um_address_print(&a, printed, sizeof printed);
  cr_assert_str_eq(printed, text);
  cr_assert_eq(um_address_is_loopback(&a), loopback, "%s", host);
}

Test(address, numeric_hosts_are_read_and_printed) {
  check("127.0.0.1", "127.0.0.1:1883", true);
  check("127.255.0.9", "127.255.0.9:1883", true);
  check("128.0.0.1", "128.0.0.1:1883", false);
  check("0.0.0.0", "0.0.0.0:1883", false);
  check("::1", "[::1]:1883", true);
  check("::2", "[::2]:1883", false);
  check("::ffff:127.0.0.1", "[::ffff:127.0.0.1]:1883", true);
  check("::ffff:126.0.0.1", "[::ffff:126.0.0.1]:1883", false);
  check("::127.0.0.1", "[::127.0.0.1]:1883", false);
  check("2001:db8::7f00:1", "[2001:db8::7f00:1]:1883", false);
}

Test(address, a_zone_is_a_name_or_a_number) {
  check("fe80::1%lo", "[fe80::1%lo]:1883", false);
  check("fe80::1%1", "[fe80::1%lo]:1883", false);
  check("fe80::1%4095", "[fe80::1%4095]:1883", false);
  check("fe80::1", "[fe80::1]:1883", false);
}

Test(address, names_are_not_numeric) {
  static const char *const names[] = {
      "",     "localhost", "1.2.3", "1.2.3.4.5",   "1.2.3.4%lo", "[::1]",
      ":::1", "256.1.1.1", "::1 ",  "example.org", "127.0.0.1 ",
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    struct um_address a;
    cr_assert_eq(um_address_parse(names[i], 1, &a), UV_EINVAL, "%s", names[i]);
  }
}

Test(address, an_unknown_zone_is_an_error_of_its_own) {
  static const char *const hosts[] = {"fe80::1%nosuch", "fe80::1%", "fe80::1%0",
                                      "fe80::1%1x", "fe80::1%99999999999"};
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; ++i) {
    struct um_address a;
    cr_assert_eq(um_address_parse(hosts[i], 1, &a), UV_ENODEV, "%s", hosts[i]);
  }
}

enum { MOST = 8 };

/* "464" becomes 1.0.0.0, 2::, 3.0.0.0; 'x' is a family we do not speak. */
static const struct addrinfo *list(const char *families) {
  static struct addrinfo ai[MOST];
  static struct um_address a[MOST];
  size_t n = strlen(families);
  for (size_t i = 0; i < n; ++i) {
    char host[8];
    bool six = families[i] == '6';
    snprintf(host, sizeof host, six ? "%zu::" : "%zu.0.0.0", i + 1);
    cr_assert_eq(um_address_parse(host, 0, &a[i]), 0);
    ai[i] = (struct addrinfo){.ai_family = families[i] == 'x' ? AF_UNIX
                                           : six              ? AF_INET6
                                                              : AF_INET,
                              .ai_addr = &a[i].u.any,
                              .ai_next = i + 1 < n ? &ai[i + 1] : NULL};
  }
  return n == 0 ? NULL : ai;
}

static void check_order(const char *families, size_t max,
                        const char *expected) {
  struct um_address got[MOST];
  char text[MOST + 1] = "";
  size_t n = um_address_order(list(families), got, max);
  for (size_t i = 0; i < n; ++i) {
    char one[64];
    um_address_print(&got[i], one, sizeof one);
    text[i] = one[0] == '[' ? one[1] : one[0];
  }
  cr_assert_str_eq(text, expected);
}

Test(address, families_take_turns) {
  check_order("", MOST, "");
  check_order("4", MOST, "1");
  check_order("44", MOST, "12");
  check_order("6644", MOST, "1324");
  check_order("4466", MOST, "1324");
  check_order("46664", MOST, "12534");
  check_order("64444", 3, "123");
  check_order("66664", 2, "15");
  check_order("x46x", MOST, "23");
  check_order("xx", MOST, "");
}
