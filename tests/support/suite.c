#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>

/* LeakSanitizer's entry; absent in builds without it. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* Criterion runs each test in a child and takes a leak report at the child's
 * exit for a pass, so ask before the exit and die of the answer. */
void suite_leak_check(void) {
  if (__lsan_do_recoverable_leak_check == NULL)
    return;
  if (__lsan_do_recoverable_leak_check() == 0)
    return;
  fprintf(stderr, "leak: this test did not free what it allocated\n");
  abort();
}
