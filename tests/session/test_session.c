/* Plays every conversation in scripts/: see support/script.h. */
#include "support/script.h"
#include "support/suite.h"

SUITE(session);

#define SCRIPT(name)                                                           \
  Test(session, name) {                                                        \
    cr_assert(script_play(SCRIPTS "/" #name ".script") == 0);                  \
  }
#define SCRIPTS_MAP(X)                                                         \
  X(connect)
SCRIPTS_MAP(SCRIPT)
