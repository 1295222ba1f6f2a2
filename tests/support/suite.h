/* support/suite.h: what every test file begins with.
 *
 *   SUITE(outbox);
 *   Test(outbox, resends_unacked_in_order_after_reconnect) { ... }
 *
 * After each test the memory still held is checked; a leak fails that test. So
 * does a planted secret in memory that is freed (support/wiped.h). */
#ifndef SUPPORT_SUITE_H
#define SUPPORT_SUITE_H

#include "support/wiped.h"
#include <criterion/criterion.h>

void suite_leak_check(void);

#define SUITE(name)                                                            \
  TestSuite(name, .init = wiped_watch, .fini = suite_leak_check, .timeout = 60)

#endif
