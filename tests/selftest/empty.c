/* An executable without a test: nothing was proven, so it must not pass. */
#include "support/suite.h"

SUITE(empty);
