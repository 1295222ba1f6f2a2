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
  uint8_t *data;        /* first byte not yet consumed is data + off */
  struct um_pool *pool; /* may be NULL */
  uint32_t off;
  uint32_t len; /* bytes from off on */
  uint32_t cap;
  uint32_t max; /* len never exceeds it */
  bool secret;  /* its memory is wiped before it is given away; set it again for
                   the next contents */
};

/* max: SIZE_MAX is 4 GiB - 1, and so is all that is over that. */
void um_buf_init(struct um_buf *b, size_t max, struct um_pool *pool);
void um_buf_done(struct um_buf *b);   /* frees; b is as after init */
void um_pool_done(struct um_pool *p); /* frees the spare block */

/* What um_buf_reserve does when the room is not there already. */
uint8_t *um_buf_make_room(struct um_buf *b, size_t n);

int um_buf_append(struct um_buf *b, const void *p, size_t n); /* UM_ENOMEM */
/* Gives the memory of an empty buffer back to the pool, or frees it. */
void um_buf_release(struct um_buf *b);
/* Exchanges contents and memory; max and pool stay. */
void um_buf_swap(struct um_buf *a, struct um_buf *b);

static inline uint8_t *um_buf_head(const struct um_buf *b) {
  return b->data + b->off;
}

/* Room for n more bytes; NULL when that would exceed max or memory is out, and
 * nothing has changed. Grows by doubling; moves the bytes to the front first
 * when that suffices and costs no more than what was consumed. */
static inline uint8_t *um_buf_reserve(struct um_buf *b, size_t n) {
  size_t end = (size_t)b->off + b->len;
  if (n <= b->cap - end && n <= b->max - b->len && n > 0)
    return b->data + end;
  return um_buf_make_room(b, n);
}

static inline void um_buf_commit(struct um_buf *b, size_t n) {
  b->len += (uint32_t)n;
}

/* Drops n bytes from the front. An emptied buffer keeps its memory. */
static inline void um_buf_consume(struct um_buf *b, size_t n) {
  b->len -= (uint32_t)n;
  b->off = b->len == 0 ? 0 : b->off + (uint32_t)n;
}

#endif
