/* A test that leaks: the runner has to call this executable failed. */
#include "support/suite.h"
#include <stdlib.h>

SUITE(leaky);

Test(leaky, forgets_what_it_allocated) {
  void *volatile p = malloc(10);
  cr_assert(p != NULL);
  p = NULL;
}
