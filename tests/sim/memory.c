#include "sim/memory.h"

#include "base/alloc.h"
#include "sim/prng.h"
#include <stdlib.h>
#include <string.h>

struct memory memory;

struct memory memory_aside(void) {
  struct memory before = memory;
  memory.prng = NULL;
  return before;
}

void memory_back(struct memory before) {
  memory = before;
}

/* In front of each block; as long as the strictest alignment. */
struct head {
  _Alignas(max_align_t) size_t size;
};

static bool fails(void) {
  if (memory.prng == NULL || memory.per_million == 0 ||
      prng_below(memory.prng, 1000000) >= memory.per_million)
    return false;
  memory.failed++;
  return true;
}

static void *born(struct head *h, size_t size) {
  if (h == NULL)
    abort();
  h->size = size;
  memory.live += size;
  if (memory.live > memory.peak)
    memory.peak = memory.live;
  memory.blocks++;
  return h + 1;
}

static struct head *buried(void *p) {
  struct head *h = (struct head *)p - 1;
  memory.live -= h->size;
  memory.blocks--;
  return h;
}

void *um_malloc(size_t size) {
  if (fails())
    return NULL;
  void *p = born(malloc(sizeof(struct head) + size), size);
  memset(p, 0xA5, size < 256 ? size : 256); /* what is forgotten shows */
  return p;
}

void *um_calloc(size_t n, size_t size) {
  if (fails())
    return NULL;
  return born(calloc(1, sizeof(struct head) + n * size), n * size);
}

void *um_realloc(void *p, size_t size) {
  if (fails())
    return NULL;
  if (p == NULL)
    return born(malloc(sizeof(struct head) + size), size);
  return born(realloc(buried(p), sizeof(struct head) + size), size);
}

void um_free(void *p) {
  if (p != NULL)
    free(buried(p));
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
  if (len > 0)
    memset(p, 0, len);
}

void um_alloc_fail_at(uint64_t n, bool forever) {
  (void)n;
  (void)forever;
}

uint64_t um_alloc_calls(void) {
  return 0;
}
