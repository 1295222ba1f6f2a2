/* A test that kills the whole executable, not only its own process. */
#include "support/suite.h"
#include <signal.h>
#include <unistd.h>

SUITE(crashing);

Test(crashing, takes_the_runner_along) {
  kill(getppid(), SIGKILL);
  sleep(1);
}
