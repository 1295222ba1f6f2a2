#include "base/alloc.h"
#include "support/suite.h"

#include <string.h>

SUITE(alloc);

Test(alloc, nth_call_fails_once) {
  um_alloc_fail_at(2, false);
  void *a = um_malloc(1), *b = um_calloc(1, 1), *c = um_malloc(1);
  cr_assert_not_null(a);
  cr_assert_null(b);
  cr_assert_not_null(c);
  cr_assert_eq(um_alloc_calls(), 3);
  um_alloc_fail_at(0, false);
  cr_assert_eq(um_alloc_calls(), 0);
  um_free(a);
  um_free(c);
}

Test(alloc, every_call_from_the_nth_on_fails) {
  um_alloc_fail_at(2, true);
  char *a = um_malloc(4);
  cr_assert_null(um_strdup("x"));
  cr_assert_null(um_memdup("x", 1));
  cr_assert_null(um_realloc(a, 8));
  um_alloc_fail_at(0, false);
  um_free(a);
  um_free(NULL);
}

Test(alloc, copies_are_copies) {
  char *s = um_strdup("abc"), *p = um_memdup("a\0b", 3),
       *e = um_memdup(NULL, 0);
  cr_assert_str_eq(s, "abc");
  cr_assert_arr_eq(p, "a\0b", 3);
  cr_assert_not_null(e);
  um_free(s);
  um_free(p);
  um_free(e);
}

Test(alloc, wipe_leaves_zeros) {
  char secret[] = "secret", zeros[sizeof secret] = {0};
  um_wipe(secret, sizeof secret);
  cr_assert_arr_eq(secret, zeros, sizeof secret);
  um_wipe(NULL, 0);
}
