/* net/bootclock.h: how long this machine has slept. Monotonic clocks stand
 * still meanwhile, the server's does not. The Linux part is in
 * bootclock_linux.c; where the system cannot tell, nobody ever sleeps. */
#ifndef UM_NET_BOOTCLOCK_H
#define UM_NET_BOOTCLOCK_H

#include <stdint.h>

/* ms since boot; only the difference of two answers means something, and a few
 * ms of it may be noise. */
uint64_t um_bootclock_slept(void);

#endif
