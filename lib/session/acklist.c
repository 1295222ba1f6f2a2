#include "session/acklist.h"

#include "base/alloc.h"
#include "base/err.h"
#include <assert.h>
#include <string.h>

#define FIRST_CAP 16u

void um_acklist_done(struct um_acklist *l) {
  um_free(l->ring);
  memset(l, 0, sizeof *l);
}

static struct um_ack *at(const struct um_acklist *l, size_t i) {
  return &l->ring[(l->first + i) & (l->cap - 1)];
}

/* Unrolls the ring into a larger one. */
int um_acklist_reserve(struct um_acklist *l) {
  if (l->n < l->cap)
    return 0;
  size_t cap = l->cap == 0 ? FIRST_CAP : 2 * l->cap;
  struct um_ack *ring = um_malloc(cap * sizeof *ring);
  if (ring == NULL)
    return UM_ENOMEM;
  for (size_t i = 0; i < l->n; i++)
    ring[i] = *at(l, i);
  um_free(l->ring);
  l->ring = ring;
  l->cap = cap;
  l->first = 0;
  return 0;
}

uint64_t um_acklist_push(struct um_acklist *l, uint16_t id, bool settled) {
  assert(l->n < l->cap);
  *at(l, l->n++) = (struct um_ack){.id = id, .settled = settled};
  return l->popped + l->n;
}

int um_acklist_find(const struct um_acklist *l, uint64_t number,
                    struct um_ack **ret) {
  if (number != 0 && number <= l->earlier)
    return UVMQTT_ESTALE;
  if (number <= l->popped || number - l->popped > l->n)
    return UM_ENOENT;
  *ret = at(l, (size_t)(number - l->popped - 1));
  return (*ret)->settled ? UM_ENOENT : 0;
}

const struct um_ack *um_acklist_due(const struct um_acklist *l) {
  return l->n != 0 && at(l, 0)->settled ? at(l, 0) : NULL;
}

void um_acklist_pop(struct um_acklist *l) {
  l->first = (l->first + 1) & (l->cap - 1);
  l->n--;
  l->popped++;
}

void um_acklist_new_connection(struct um_acklist *l) {
  l->popped += l->n;
  l->earlier = l->popped;
  l->first = l->n = 0;
}
