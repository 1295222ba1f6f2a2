#include "support/suite.h"
#include "wire/reference.h"
#include "wire/topic.h"

#include <stdlib.h>
#include <string.h>

SUITE(topic);

static const struct {
  const char *filter, *name;
  bool matches;
} table[] = {
    {"a", "a", true},
    {"a", "b", false},
    {"a", "A", false}, /* [MQTT-4.7.3-4/both] nothing is normalised */
    {"a", "a/b", false},
    {"a/b", "a", false},
    {"/a", "a", false},
    {"a", "/a", false},
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "/", true},
    {"a/#", "a", true},
    {"a/#", "a/", true},
    {"a/#", "a/b/c", true},
    {"a/#", "ab", false},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"+", "a", true},
    {"+", "/a", false},
    {"/+", "/a", true},
    {"+/+", "/a", true},
    {"+", "a/", false},
    {"a/+", "a/", true},
    {"a/+", "a", false},
    {"a/+/c", "a/b/c", true},
    {"a/+/c", "a//c", true},
    {"a/+/c", "a/b/d", false},
    {"+/b/#", "a/b", true},
    {"+/#", "a", true},
    {"+/+/#", "a", false},
    {"+/tennis/#", "sport/tennis/x", true},
    /* [MQTT-4.7.2-1/both] */
    {"#", "$SYS/a", false},
    {"+/a", "$SYS/a", false},
    {"+/#", "$SYS", false},
    {"$SYS/#", "$SYS/a", true},
    {"$SYS/+", "$SYS/a", true},
    {"a/+", "a/$b", true},
    /* what follows the ShareName counts (4.8.2) */
    {"$share/g/a/#", "a/b", true},
    {"$share/g/#", "a", true},
    {"$share/g/#", "$SYS/a", false},
    {"$share/g//a", "/a", true},
    {"$share/g/a", "g/a", false},
    {"$share", "$share", true},
    {"$shared/+", "$shared/a", true},
};

/* [MQTT-4.7.1-1/311] [MQTT-4.7.0-1/5] [MQTT-4.7.1-2/311] [MQTT-4.7.1-3/311]
 * [MQTT-4.7.1-1/5] [MQTT-4.7.1-2/5] */
Test(topic, matches_as_the_standard_shows) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    cr_expect_eq(um_topic_match(table[i].filter, table[i].name),
                 table[i].matches, "%s %s", table[i].filter, table[i].name);
    cr_expect_eq(ref_topic_match(table[i].filter, table[i].name),
                 table[i].matches, "reference: %s %s", table[i].filter,
                 table[i].name);
  }
}

/* Every string of up to n characters of an alphabet. */
static size_t combination(size_t number, const char *alphabet, char *ret) {
  size_t len = 0;
  for (; number > 0; number /= strlen(alphabet) + 1) {
    size_t digit = number % (strlen(alphabet) + 1);
    if (digit == 0)
      break;
    ret[len++] = alphabet[digit - 1];
  }
  ret[len] = '\0';
  return len;
}

Test(topic, filters_agree_with_the_reference_on_all_short_strings) {
  char s[32];
  size_t valid = 0;
  for (size_t i = 0; i < 60000; i++) {
    size_t len = combination(i, "a/+#$", s);
    bool ours = um_topic_filter_valid(s, len);
    cr_assert_eq(ours, ref_topic_filter((uint8_t *)s, len), "%s", s);
    cr_assert_eq(um_topic_name_valid(s, len), ref_topic_name((uint8_t *)s, len),
                 "%s", s);
    char share[64] = "$share/";
    strcat(share, s);
    cr_assert_eq(um_topic_filter_valid(share, len + 7),
                 ref_topic_filter((uint8_t *)share, len + 7), "%s", share);
    valid += ours;
  }
  cr_assert_gt(valid, 1000);
}

Test(topic, matching_agrees_with_the_reference_on_all_short_strings) {
  char filter[32], name[32];
  size_t matches = 0;
  for (size_t i = 1; i < 1300; i++)
    for (size_t k = 1; k < 300; k++) {
      size_t flen = combination(i, "a/+#$", filter);
      size_t nlen = combination(k, "a/$", name);
      if (!um_topic_filter_valid(filter, flen) || nlen == 0)
        continue;
      bool ours = um_topic_match(filter, name);
      cr_assert_eq(ours, ref_topic_match(filter, name), "%s %s", filter, name);
      matches += ours;
    }
  cr_assert_gt(matches, 1000);
}

/* [MQTT-4.8.2-1/5] [MQTT-4.8.2-2/5] */
Test(topic, share_filters_have_a_name_and_a_filter) {
  static const struct {
    const char *s;
    bool valid;
  } filters[] = {
      {"$share/g/a", true},   {"$share/g/#", true},  {"$share/g//", true},
      {"$share/g/", false},   {"$share/g", false},   {"$share/", false},
      {"$share//a", false},   {"$share/+/a", false}, {"$share/#/a", false},
      {"$share/a#/a", false}, {"$share", true},      {"$shared/a", true}};
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
    cr_expect_eq(um_topic_filter_valid(filters[i].s, strlen(filters[i].s)),
                 filters[i].valid, "%s", filters[i].s);
  cr_assert(um_topic_is_shared("$share/g/a"));
  cr_assert_not(um_topic_is_shared("$share"));
  cr_assert_not(um_topic_is_shared("a/$share/g"));
}

/* [MQTT-4.7.3-1/both] [MQTT-4.7.3-3/both] */
Test(topic, length_is_one_to_65535_bytes) {
  char *s = malloc(65536);
  memset(s, 'x', 65536);
  cr_assert_not(um_topic_name_valid(s, 0));
  cr_assert(um_topic_name_valid(s, 1));
  cr_assert(um_topic_name_valid(s, 65535));
  cr_assert_not(um_topic_name_valid(s, 65536));
  cr_assert(um_topic_filter_valid(s, 65535));
  cr_assert_not(um_topic_filter_valid(s, 65536));
  free(s);
}

/* The fast path looks at eight bytes at a time: a bad byte at each place of
 * each length. [MQTT-4.7.3-2/both] [MQTT-3.3.2-2/both] */
Test(topic, bad_byte_is_found_at_every_place) {
  static const uint8_t bad[] = {0, '+', '#', 0x80, 0xFF, 0xC3};
  static const uint8_t good[] = {1, '*', ',', '"', '$', 0x7F, '{', 0x2A};
  for (size_t len = 1; len < 40; len++)
    for (size_t at = 0; at < len; at++) {
      uint8_t *s = malloc(len);
      memset(s, 'x', len);
      for (size_t i = 0; i < sizeof bad; i++) {
        s[at] = bad[i];
        cr_assert_not(um_topic_name_valid((char *)s, len));
      }
      for (size_t i = 0; i < sizeof good; i++) {
        s[at] = good[i];
        cr_assert(um_topic_name_valid((char *)s, len));
      }
      free(s);
    }
}
