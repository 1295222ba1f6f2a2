/* base/buf.h: growable bytes with a maximum, consumed from the front. */
#ifndef UM_BASE_BUF_H
#define UM_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One spare block of memory that several buffers share: an empty buffer gives
 * its memory back, the next one that fills takes it. So idle owners hold
 * nothing and a busy one does not allocate. */
struct um_pool {
  void *block;
  size_t size;
};

struct um_buf {
  uint8_t *data; /* first byte not yet consumed is data + off */
  size_t off;
  size_t len; /* bytes from off on */
  size_t cap;
  size_t max;            /* len never exceeds it */
  struct um_pool *pool;  /* may be NULL */
};

void um_buf_init(struct um_buf *b, size_t max, struct um_pool *pool);
void um_buf_done(struct um_buf *b);   /* frees; b is as after init */
void um_pool_done(struct um_pool *p); /* frees the spare block */

/* Room for n more bytes; NULL when that would exceed max or memory is out, and
 * nothing has changed. Grows by doubling; moves the bytes to the front first
 * when that suffices. */
uint8_t *um_buf_reserve(struct um_buf *b, size_t n);
void um_buf_commit(struct um_buf *b, size_t n);
int um_buf_append(struct um_buf *b, const void *p, size_t n); /* UM_ENOMEM */
/* Drops n bytes from the front. An emptied buffer keeps its memory. */
void um_buf_consume(struct um_buf *b, size_t n);
/* Gives the memory of an empty buffer back to the pool, or frees it. */
void um_buf_release(struct um_buf *b);
/* Exchanges contents and memory; max and pool stay. */
void um_buf_swap(struct um_buf *a, struct um_buf *b);

static inline uint8_t *um_buf_head(const struct um_buf *b) {
  return b->data + b->off;
}

#endif
