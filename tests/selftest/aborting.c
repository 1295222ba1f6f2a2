/* One good test and one that dies. */
#include "support/suite.h"
#include <stdlib.h>

SUITE(aborting);

Test(aborting, passes) {
  cr_assert(1);
}

Test(aborting, dies) {
  abort();
}
