#include "net/grudge.h"
#include "support/suite.h"
#include <stdio.h>

SUITE(grudge);

static struct um_grudges g;

Test(grudge, is_borne_for_a_minute) {
  um_grudge_bear(&g, "127.0.0.1:1883", 1000);
  cr_assert_eq(um_grudge_since(&g, "127.0.0.1:1883", 1000), 1000);
  cr_assert_eq(um_grudge_since(&g, "127.0.0.1:1883", 60999), 1000);
  cr_assert_eq(um_grudge_since(&g, "127.0.0.1:1883", 61000), 0);
  cr_assert_eq(um_grudge_since(&g, "127.0.0.1:1884", 1000), 0);
}

Test(grudge, is_renewed_and_forgotten) {
  um_grudge_bear(&g, "a:1", 0);
  cr_assert_eq(um_grudge_since(&g, "a:1", 0), 1, "never 0");
  um_grudge_bear(&g, "a:1", 5000);
  cr_assert_eq(um_grudge_since(&g, "a:1", 64000), 5000);
  um_grudge_forget(&g, "a:1");
  um_grudge_forget(&g, "b:1");
  cr_assert_eq(um_grudge_since(&g, "a:1", 5000), 0);
}

Test(grudge, of_too_many_the_oldest_is_forgotten) {
  char text[16];
  for (unsigned i = 0; i <= UM_GRUDGES; i++) {
    snprintf(text, sizeof text, "a:%u", i);
    um_grudge_bear(&g, text, 100 + i);
  }
  cr_assert_eq(um_grudge_since(&g, "a:0", 200), 0);
  cr_assert_eq(um_grudge_since(&g, "a:1", 200), 101);
  cr_assert_eq(um_grudge_since(&g, text, 200), 100 + UM_GRUDGES);
}
