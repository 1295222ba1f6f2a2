/* support/clock.h: time that moves only when a test says so. */
#ifndef SUPPORT_CLOCK_H
#define SUPPORT_CLOCK_H

#include <stdint.h>

/* Not 0, so that nobody takes "unset" for "long ago". */
#define CLOCK_START UINT64_C(1000000)

#endif
