#include "session/receipt.h"

#include "base/alloc.h"
#include "base/err.h"
#include <assert.h>
#include <string.h>

#define FIRST_CAP 16u

void um_receipts_done(struct um_receipts *r) {
  um_free(r->ring);
  memset(r, 0, sizeof *r);
}

/* Unrolls the ring into a larger one. */
int um_receipts_reserve(struct um_receipts *r) {
  if (r->n < r->cap)
    return 0;
  uint32_t cap = r->cap == 0 ? FIRST_CAP : 2 * r->cap;
  struct um_receipt *ring = um_malloc(cap * sizeof *ring);
  if (ring == NULL)
    return UM_ENOMEM;
  assert(r->n == r->cap);
  for (size_t i = 0; i < r->cap; i++)
    ring[i] = r->ring[(r->first + i) % r->cap];
  um_free(r->ring);
  r->ring = ring;
  r->cap = cap;
  r->first = 0;
  return 0;
}

int um_receipts_push(struct um_receipts *r, const struct um_receipt *receipt) {
  int err = um_receipts_reserve(r);
  if (err)
    return err;
  assert(r->cap != 0);
  r->ring[(r->first + r->n) % r->cap] = *receipt;
  r->n++;
  return 0;
}

bool um_receipts_pop(struct um_receipts *r, uint64_t taken,
                     struct um_receipt *ret) {
  if (r->n == 0 || r->ring[r->first].end > taken)
    return false;
  *ret = r->ring[r->first];
  r->first = (r->first + 1) % r->cap;
  r->n--;
  return true;
}
