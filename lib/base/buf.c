#include "base/buf.h"
#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

enum { SMALLEST = 64 };

void um_buf_init(struct um_buf *b, size_t max, struct um_pool *pool) {
  *b = (struct um_buf){.max = max < UINT32_MAX ? (uint32_t)max : UINT32_MAX,
                       .pool = pool};
}

static void wipe(struct um_buf *b) {
  if (b->secret)
    um_wipe(b->data, b->cap);
  b->secret = false;
}

void um_buf_done(struct um_buf *b) {
  wipe(b);
  um_free(b->data);
  um_buf_init(b, b->max, b->pool);
}

void um_pool_done(struct um_pool *p) {
  um_free(p->block);
  *p = (struct um_pool){NULL, 0};
}

static void take_block(struct um_buf *b) {
  if (b->pool == NULL || b->pool->block == NULL)
    return;
  b->data = b->pool->block;
  b->cap = (uint32_t)b->pool->size;
  b->pool->block = NULL;
  b->pool->size = 0;
}

static void move_to_front(struct um_buf *b) {
  memmove(b->data, b->data + b->off, b->len);
  b->off = 0;
}

/* Doubling, so that appending costs the same however much there is. */
static uint32_t next_cap(const struct um_buf *b, size_t need) {
  uint32_t cap = b->cap > b->max / 2 ? b->max : b->cap * 2;
  if (cap < SMALLEST)
    cap = SMALLEST;
  if (cap > b->max)
    cap = b->max;
  return cap < need ? (uint32_t)need : cap;
}

/* realloc would copy the consumed bytes, too, and leave secrets behind. */
static bool grow(struct um_buf *b, size_t need) {
  uint32_t cap = next_cap(b, need);
  uint8_t *data;
  if (b->off == 0 && !b->secret) {
    data = um_realloc(b->data, cap);
    if (data == NULL)
      return false;
  } else {
    data = um_malloc(cap);
    if (data == NULL)
      return false;
    if (b->len > 0)
      memcpy(data, um_buf_head(b), b->len);
    if (b->secret)
      um_wipe(b->data, b->cap);
    um_free(b->data);
  }
  b->data = data;
  b->off = 0;
  b->cap = cap;
  return true;
}

static bool make_room(struct um_buf *b, size_t n) {
  size_t need = (size_t)b->len + (n > 0 ? n : 1);
  if (b->data == NULL)
    take_block(b);
  if (b->data == NULL || b->cap < need)
    return grow(b, need);
  if (b->cap - b->off >= need)
    return true;
  /* Moving more than was consumed, again and again, would be quadratic. */
  if (b->off < b->len && b->cap < b->max)
    return grow(b, need);
  move_to_front(b);
  return true;
}

uint8_t *um_buf_make_room(struct um_buf *b, size_t n) {
  if (n > b->max || b->len > b->max - n)
    return NULL;
  if (b->data == NULL || (size_t)b->cap - b->off - b->len < n)
    if (!make_room(b, n))
      return NULL;
  return b->data + b->off + b->len;
}

int um_buf_append(struct um_buf *b, const void *p, size_t n) {
  uint8_t *room = um_buf_reserve(b, n);
  if (room == NULL)
    return UM_ENOMEM;
  if (n > 0)
    memcpy(room, p, n);
  b->len += (uint32_t)n;
  return 0;
}

void um_buf_release(struct um_buf *b) {
  if (b->len > 0)
    return;
  wipe(b);
  if (b->pool != NULL && b->pool->block == NULL) {
    b->pool->block = b->data;
    b->pool->size = b->cap;
    b->data = NULL;
  }
  um_buf_done(b);
}

void um_buf_swap(struct um_buf *a, struct um_buf *b) {
  struct um_buf old = *a;
  *a = (struct um_buf){b->data, a->pool, b->off,   b->len,
                       b->cap,  a->max,  b->secret};
  *b = (struct um_buf){old.data, b->pool, old.off,   old.len,
                       old.cap,  b->max,  old.secret};
}
