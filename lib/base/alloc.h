/* base/alloc.h: all memory of the library comes through here.
 *
 * A test may make the n-th call fail (um_alloc_fail_at); each thread counts and
 * fails only its own. */
#ifndef UM_BASE_ALLOC_H
#define UM_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *um_malloc(size_t size);
void *um_calloc(size_t n, size_t size);
void *um_realloc(void *p, size_t size);
void um_free(void *p); /* NULL is fine */
char *um_strdup(const char *s);
void *um_memdup(const void *p, size_t len); /* len 0: one byte, not NULL */

/* Overwrites in a way the compiler keeps, for secrets. NULL is fine. */
void um_wipe(void *p, size_t len);

/* The n-th call from now on (1 is the next) returns NULL; with `forever` all
 * later ones too. 0 switches it off. Tests only. */
void um_alloc_fail_at(uint64_t n, bool forever);
/* How many allocations were asked for since the last um_alloc_fail_at. */
uint64_t um_alloc_calls(void);
/* Called with each block of this thread's just before it is freed (not those
 * that um_realloc moves); NULL switches it off. Tests only. */
void um_alloc_watch(void (*freed)(const void *p));

#endif
