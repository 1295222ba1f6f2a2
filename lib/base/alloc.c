#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* A test counts and fails only its own allocations, so threads do not race. */
static _Thread_local struct {
  uint64_t calls, fail_at;
  bool forever;
} injection;

static _Thread_local void (*watch)(const void *p);

static bool fails(void) {
  injection.calls++;
  if (injection.fail_at == 0 || injection.calls < injection.fail_at)
    return false;
  return injection.forever || injection.calls == injection.fail_at;
}

void um_alloc_fail_at(uint64_t n, bool forever) {
  injection.calls = 0;
  injection.fail_at = n;
  injection.forever = forever;
}

uint64_t um_alloc_calls(void) {
  return injection.calls;
}

void *um_malloc(size_t size) {
  return fails() ? NULL : malloc(size);
}

void *um_calloc(size_t n, size_t size) {
  return fails() ? NULL : calloc(n, size);
}

void *um_realloc(void *p, size_t size) {
  return fails() ? NULL : realloc(p, size);
}

void um_alloc_watch(void (*freed)(const void *p)) {
  watch = freed;
}

void um_free(void *p) {
  if (watch != NULL && p != NULL)
    watch(p);
  free(p);
}

void *um_memdup(const void *p, size_t len) {
  void *copy = um_malloc(len > 0 ? len : 1);
  if (copy != NULL && len > 0)
    memcpy(copy, p, len);
  return copy;
}

char *um_strdup(const char *s) {
  return um_memdup(s, strlen(s) + 1);
}

void um_wipe(void *p, size_t len) {
  /* The compiler cannot know what a volatile pointer points to. */
  static void *(*const volatile set)(void *, int, size_t) = memset;
  if (len > 0)
    set(p, 0, len);
}
