/* support/learnt.h: secrets and payloads that a test has of its own, as its
 * client was told them (support/told.c); found only as they are. */
#ifndef SUPPORT_LEARNT_H
#define SUPPORT_LEARNT_H

#include <stdbool.h>
#include <stddef.h>

enum learnt { LEARNT_SECRET, LEARNT_PAYLOAD, LEARNT_KINDS };

/* Under 8 bytes it could be anything, and zeros are what wiped memory holds:
 * not learnt. The latest 32 of each kind are known, and 64 bytes of each. */
void learn(enum learnt kind, const void *p, size_t len);
void learn_text(enum learnt kind, const char *text); /* NULL is fine */

/* The one that is in there, or NULL. */
const char *learnt_in(enum learnt kind, const void *p, size_t len);

#endif
