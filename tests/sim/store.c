#include "sim/store.h"

#include "sim/world.h"

struct batch {
  struct batch *next;
  uint64_t number, life;
  size_t n;
  struct kept {
    struct um_store_op op;
    uint32_t message;
    char client_id[24];
  } ops[];
};

void store_init(struct world *w) {
  memset(&w->store, 0, sizeof w->store);
  w->store.last = &w->store.first;
}

static void clear_image(struct image *i) {
  free(i->rows);
  free(i->ins);
  memset(i, 0, sizeof *i);
}

static void drop_batches(struct store *s) {
  while (s->first != NULL) {
    struct batch *b = s->first;
    s->first = b->next;
    free(b);
  }
  s->last = &s->first;
}

void store_done(struct world *w) {
  drop_batches(&w->store);
  clear_image(&w->store.durable);
}

void store_reset(struct world *w) {
  drop_batches(&w->store);
  clear_image(&w->store.durable);
  w->store.life++;
  w->store.failed = false;
  w->store.epochs = 0;
  w->store.busy_until = 0;
}

/* Making durable. */

static struct row *find_row(struct image *i, uint64_t seq) {
  for (size_t k = 0; k < i->n_rows; k++)
    if (i->rows[k].seq == seq)
      return &i->rows[k];
  return NULL;
}

static void *grow(void *p, size_t n, size_t *cap, size_t size) {
  if (n < *cap)
    return p;
  *cap = *cap == 0 ? 16 : 2 * *cap;
  p = realloc(p, *cap * size);
  if (p == NULL)
    abort();
  return p;
}

static void put_out(struct world *w, struct image *i, const struct kept *k) {
  if (find_row(i, k->op.seq) != NULL)
    violation(w, "I10", "the row of request %llu is stored twice", k->op.seq, 0,
              0);
  i->rows = grow(i->rows, i->n_rows, &i->cap_rows, sizeof *i->rows);
  i->rows[i->n_rows++] =
      (struct row){k->op.seq, k->message, 0, k->op.state, i->epoch};
}

/* R7, R9, R10: an id is free when its row is gone. */
static void check_unshared(struct world *w, const struct image *i,
                           const struct row *r) {
  for (size_t k = 0; k < i->n_rows; k++)
    if (&i->rows[k] != r && i->rows[k].pid == r->pid &&
        i->rows[k].state != UM_OP_QUEUED && r->state != UM_OP_QUEUED)
      violation(w, "I10", "R7: id %llu is of request %llu and of %llu", r->pid,
                i->rows[k].seq, r->seq);
}

static void set_out(struct world *w, struct image *i, const struct kept *k) {
  struct row *r = find_row(i, k->op.seq);
  if (r == NULL) {
    violation(w, "I10", "the row of request %llu is set and not there",
              k->op.seq, 0, 0);
    return;
  }
  r->state = k->op.state;
  r->pid = k->op.pid;
  r->epoch = i->epoch;
  check_unshared(w, i, r);
}

static void del_out(struct world *w, struct image *i, const struct kept *k) {
  struct row *r = find_row(i, k->op.seq);
  if (r == NULL)
    violation(w, "I10", "the row of request %llu is deleted and not there",
              k->op.seq, 0, 0);
  else
    *r = i->rows[--i->n_rows];
}

static void del_in(struct image *i, uint16_t pid) {
  for (size_t k = 0; k < i->n_ins; k++)
    if (i->ins[k].pid == pid) {
      i->ins[k] = i->ins[--i->n_ins];
      return;
    }
}

static void put_in(struct image *i, uint16_t pid) {
  del_in(i, pid);
  i->ins = grow(i->ins, i->n_ins, &i->cap_ins, sizeof *i->ins);
  i->ins[i->n_ins++] = (struct in_row){pid, i->epoch};
}

static void apply(struct world *w, const struct kept *k) {
  struct image *i = &w->store.durable;
  switch (k->op.kind) {
  case UM_STORE_PUT_OUT:
    put_out(w, i, k);
    break;
  case UM_STORE_SET_OUT:
    set_out(w, i, k);
    break;
  case UM_STORE_DEL_OUT:
    del_out(w, i, k);
    break;
  case UM_STORE_PUT_IN_ID:
    put_in(i, k->op.pid);
    break;
  case UM_STORE_DEL_IN_ID:
    del_in(i, k->op.pid);
    break;
  case UM_STORE_NEW_EPOCH:
    i->n_ins = 0;
    i->epoch++;
    break;
  case UM_STORE_META:
    i->may_exist = k->op.session_may_exist;
    memcpy(i->client_id, k->client_id, sizeof i->client_id);
    break;
  }
}

/* The disk is full, or broken: of this batch and all after it nothing is kept.
 */
static void give_up(struct world *w) {
  uint64_t number = w->store.first->number;
  note(w, "store: batch %llu cannot be kept", number, 0, 0);
  w->store.failed = true;
  drop_batches(&w->store);
  driver_stored(w, number, UM_EIO);
}

/* In order, as a log is; an answer covers all before it. */
static void make_durable(struct world *w) {
  if (fault(w, w->climate.store_failures)) {
    give_up(w);
    return;
  }
  struct batch *b = w->store.first;
  w->store.first = b->next;
  if (w->store.first == NULL)
    w->store.last = &w->store.first;
  for (size_t i = 0; i < b->n; i++)
    apply(w, &b->ops[i]);
  note(w, "store: batch %llu of %llu records is durable", b->number, b->n, 0);
  uint64_t number = b->number;
  free(b);
  driver_stored(w, number, 0);
}

static void answer(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life == w->store.life && w->store.first != NULL)
    make_durable(w);
}

/* Handing over. */

static void keep(struct kept *k, const struct um_store_op *op) {
  k->op = *op;
  k->op.message = NULL;
  k->op.client_id = NULL;
  if (op->message != NULL)
    k->message =
        payload_read(op->message->payload.data, op->message->payload.len, 'A');
  if (op->client_id != NULL)
    strncpy(k->client_id, op->client_id, sizeof k->client_id - 1);
}

static uint64_t delay(struct world *w) {
  if (fault(w, w->climate.store_stalls))
    return range(w, 5000, 60000);
  return roll(w, w->climate.store_delay + 1);
}

void store_commit(void *up, const struct um_store_op *ops, size_t n,
                  uint64_t number) {
  struct world *w = up;
  struct store *s = &w->store;
  if (s->failed)
    violation(w, "I10", "D03: batch %llu for a store that has failed", number,
              0, 0);
  struct batch *b = calloc(1, sizeof *b + n * sizeof *b->ops);
  if (b == NULL)
    abort();
  b->number = number;
  b->n = n;
  for (size_t i = 0; i < n; i++)
    keep(&b->ops[i], &ops[i]);
  *s->last = b;
  s->last = &b->next;
  if (w->climate.storing == STORE_AT_ONCE) {
    make_durable(w);
    return;
  }
  uint64_t when = w->clock.now + delay(w);
  if (when < s->busy_until)
    when = s->busy_until;
  s->busy_until = when;
  at(w, when, answer, NULL, s->life);
}

const struct row *store_row(struct world *w, uint16_t pid) {
  struct image *i = &w->store.durable;
  for (size_t k = 0; k < i->n_rows; k++)
    if (i->rows[k].pid == pid && i->rows[k].state != UM_OP_QUEUED)
      return &i->rows[k];
  return NULL;
}

const struct in_row *store_in(struct world *w, uint16_t pid) {
  struct image *i = &w->store.durable;
  for (size_t k = 0; k < i->n_ins; k++)
    if (i->ins[k].pid == pid)
      return &i->ins[k];
  return NULL;
}
