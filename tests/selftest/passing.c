/* The control: two good tests and a skipped one. */
#include "support/suite.h"
#include <stdlib.h>

SUITE(passing);

Test(passing, passes) {
  cr_assert(1);
}

Test(passing, frees_what_it_allocated) {
  void *p = malloc(10);
  cr_assert(p != NULL);
  free(p);
}

Test(passing, is_skipped) {
  cr_skip_test("on purpose");
}
