#include "session/trie.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include "wire/topic.h"
#include <stdio.h>
#include <string.h>

SUITE(trie);

#define LEAVES 400

struct item {
  struct um_trie_leaf leaf;
  char filter[64];
  bool in;
  unsigned visits;
};

static struct item items[LEAVES];

static void put(struct um_trie *t, struct item *item, const char *filter) {
  snprintf(item->filter, sizeof item->filter, "%s", filter);
  cr_assert(um_topic_filter_valid(filter, strlen(filter)), "%s", filter);
  cr_assert_eq(um_trie_add(t, item->filter, &item->leaf), 0);
  item->in = true;
}

static void take(struct um_trie *t, struct item *item) {
  um_trie_remove(t, &item->leaf);
  item->in = false;
}

static void visit(struct um_trie_leaf *leaf, void *arg) {
  unsigned *n = arg;
  um_list_of(leaf, struct item, leaf)->visits++;
  (*n)++;
}

/* Against the matcher of wire, which is written the other way round. */
static void compare(const struct um_trie *t, const char *topic) {
  unsigned n = 0, expected = 0;
  for (size_t i = 0; i < LEAVES; i++)
    items[i].visits = 0;
  um_trie_match(t, topic, visit, &n);
  for (size_t i = 0; i < LEAVES; i++) {
    bool match = items[i].in && um_topic_match(items[i].filter, topic);
    cr_assert_eq(items[i].visits, match ? 1 : 0, "\"%s\" and \"%s\": %u",
                 items[i].filter, topic, items[i].visits);
    expected += match;
  }
  cr_assert_eq(n, expected);
}

static void expect(const char *filter, const char *topic, bool matches) {
  struct um_trie t;
  unsigned n = 0;
  um_trie_init(&t);
  put(&t, &items[0], filter);
  um_trie_match(&t, topic, visit, &n);
  cr_assert_eq(n, matches ? 1 : 0, "\"%s\" and \"%s\"", filter, topic);
  take(&t, &items[0]);
  um_trie_done(&t);
}

/* [MQTT-4.7.1-2/5] [MQTT-4.7.1-3/311], the examples of 4.7 */
Test(trie, knows_wildcards) {
  expect("sport/tennis/#", "sport/tennis", true);
  expect("sport/tennis/#", "sport/tennis/a/b", true);
  expect("sport/tennis/#", "sport/tenni", false);
  expect("#", "a", true);
  expect("#", "/", true);
  expect("+", "a", true);
  expect("+", "/a", false);
  expect("/+", "/a", true);
  expect("+/+", "/a", true);
  expect("sport/+", "sport", false);
  expect("sport/+", "sport/", true);
  expect("sport/+/x", "sport/a/x", true);
  expect("sport/+/x", "sport//x", true);
  expect("a//b", "a//b", true);
  expect("a//b", "a/b", false);
  expect("a/", "a", false);
  expect("a", "a/", false);
  expect("ACCOUNTS", "Accounts", false);
}

/* [MQTT-4.7.2-1/both] */
Test(trie, keeps_wildcards_away_from_dollar_topics) {
  expect("#", "$SYS/a", false);
  expect("+/a", "$SYS/a", false);
  expect("+", "$SYS", false);
  expect("$SYS/#", "$SYS/a", true);
  expect("$SYS/#", "$SYS", true);
  expect("$SYS/+", "$SYS/a", true);
  expect("a/+", "a/$b", true);
  expect("a/#", "a/$b", true);
}

Test(trie, matches_shared_filters_by_what_follows_the_name) {
  expect("$share/g/a/+", "a/b", true);
  expect("$share/g/a/+", "g/a/b", false);
  expect("$share/g/#", "$SYS/x", false);
  expect("$share/g/$SYS/#", "$SYS/x", true);
  expect("$share/g//a", "/a", true);
  expect("$shared/g/a", "$shared/g/a", true);
}

Test(trie, finds_the_leaves_of_one_filter) {
  struct um_trie t;
  um_trie_init(&t);
  put(&t, &items[0], "a/+/c");
  put(&t, &items[1], "$share/g/a/+/c");
  put(&t, &items[2], "a/b");
  cr_assert_eq(um_trie_at(&t, "a/+/c")->next, &items[0].leaf.link);
  cr_assert_eq(um_trie_at(&t, "$share/h/a/+/c")->next->next,
               &items[1].leaf.link);
  cr_assert_null(um_trie_at(&t, "a/+"));
  cr_assert_null(um_trie_at(&t, "a/#"));
  cr_assert_null(um_trie_at(&t, "a/b/c"));
  for (int i = 0; i < 3; i++)
    take(&t, &items[i]);
  cr_assert_null(um_trie_at(&t, "a/b"));
  um_trie_done(&t);
}

/* Small numbers, so that much matches. */
static uint32_t state = 1;
static unsigned some(unsigned n) {
  state = state * 1664525u + 1013904223u;
  return (state >> 16) % n;
}

static void make_level(char *to, bool of_filter) {
  static const char *const levels[] = {"a", "b", "", "$s", "bb", "+"};
  strcat(to, levels[some(of_filter ? 6 : 5)]);
}

static void make_name(char *to, bool of_filter) {
  unsigned n = 1 + some(4);
  strcpy(to, of_filter && some(8) == 0 ? "$share/g/" : "");
  for (unsigned i = 0; i < n; i++) {
    if (i != 0)
      strcat(to, "/");
    make_level(to, of_filter);
  }
  if (of_filter && some(5) == 0)
    strcat(to, "/#");
  if (of_filter && some(40) == 0)
    strcpy(to, "#");
}

static void make_valid(char *to, bool of_filter) {
  do
    make_name(to, of_filter);
  while (of_filter ? !um_topic_filter_valid(to, strlen(to))
                   : !um_topic_name_valid(to, strlen(to)));
}

Test(trie, agrees_with_a_naive_matcher) {
  struct um_trie t;
  char text[64];
  um_trie_init(&t);
  for (int round = 0; round < 6000; round++) {
    struct item *item = &items[some(LEAVES)];
    if (item->in) {
      take(&t, item);
    } else {
      make_valid(text, true);
      put(&t, item, text);
    }
    make_valid(text, false);
    compare(&t, text);
  }
  for (size_t i = 0; i < LEAVES; i++)
    if (items[i].in)
      take(&t, &items[i]);
  cr_assert_eq(t.nodes.n, 0);
  um_trie_done(&t);
}

Test(trie, goes_as_deep_as_a_topic_can_without_a_stack) {
  static char filter[65536], topic[65536];
  struct um_trie t;
  unsigned n = 0;
  for (size_t i = 0; i < 65535; i++) {
    filter[i] = i % 2 ? '/' : '+';
    topic[i] = '/';
  }
  um_trie_init(&t);
  cr_assert_eq(um_trie_add(&t, filter, &items[0].leaf), 0);
  um_trie_match(&t, topic, visit, &n);
  cr_assert_eq(n, 0);
  topic[32767] = '\0';
  um_trie_match(&t, topic, visit, &n);
  cr_assert_eq(n, 1);
  um_trie_remove(&t, &items[0].leaf);
  um_trie_done(&t);
}

Test(trie, allocates_nothing_to_match) {
  struct um_trie t;
  unsigned n = 0;
  um_trie_init(&t);
  put(&t, &items[0], "a/+/#");
  um_alloc_fail_at(0, false);
  um_trie_match(&t, "a/b/c", visit, &n);
  cr_assert_eq(um_alloc_calls(), 0);
  cr_assert_eq(n, 1);
  take(&t, &items[0]);
  um_trie_done(&t);
}

Test(trie, leaves_nothing_behind_without_memory) {
  struct um_trie t;
  um_trie_init(&t);
  put(&t, &items[0], "a/b");
  for (uint64_t n = 1; n <= 3; n++) {
    um_alloc_fail_at(n, false);
    int r = um_trie_add(&t, "a/c/+/d", &items[1].leaf);
    um_alloc_fail_at(0, false);
    cr_assert_eq(r, UM_ENOMEM);
    cr_assert_null(um_trie_at(&t, "a/c/+"));
    cr_assert_eq(t.nodes.n, 2);
  }
  take(&t, &items[0]);
  um_trie_done(&t);
}
