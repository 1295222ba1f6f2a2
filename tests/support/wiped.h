/* support/wiped.h: no block that lib/ frees may hold a planted secret. */
#ifndef SUPPORT_WIPED_H
#define SUPPORT_WIPED_H

/* From here on, on this thread. Every suite does it (support/suite.h). */
void wiped_watch(void);

#endif
