/* What this thread frees is looked at; only with AddressSanitizer, which knows
 * how long a block really is. What realloc moves and OpenSSL's own memory are
 * out of reach. */
#include "support/wiped.h"

#include "support/learnt.h"
#include "support/planted.h"
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Of lib/base, and of AddressSanitizer; either may be absent. */
void um_alloc_watch(void (*freed)(const void *p)) __attribute__((weak));
int __asan_address_is_poisoned(void const volatile *p) __attribute__((weak));

static void on_free(const void *p) {
  size_t size = malloc_usable_size((void *)(uintptr_t)p);
  const char *own = learnt_in(LEARNT_SECRET, p, size);
  if (own == NULL && !planted_secret_in(p, size))
    return;
  fprintf(stderr, "a secret is left in memory that is freed, %zu bytes: %s\n",
          size, own == NULL ? PLANTED_SECRET : own);
  abort();
}

void wiped_watch(void) {
  if (um_alloc_watch != NULL && __asan_address_is_poisoned != NULL)
    um_alloc_watch(on_free);
}
