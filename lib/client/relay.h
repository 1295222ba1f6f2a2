/* client/relay.h: a bounded queue of errands from any thread to one, with the
 * memory they are made of. Knows nothing of loops and clients.
 *
 * Locked: every function takes the mutex itself, but for those that say
 * "locked", which want it held (um_relay_lock). */
#ifndef UM_CLIENT_RELAY_H
#define UM_CLIENT_RELAY_H

#include "client/errand.h"
#include <uv.h>

struct um_relay {
  uv_thread_t consumer; /* who takes; it never waits for room */
  size_t max_errands;
  uint64_t max_bytes;
  uv_mutex_t mutex; /* guards what follows */
  uv_cond_t room;
  bool open;
  struct um_list queue;
  size_t n;             /* of the queue and of what was taken */
  uint64_t bytes;       /* the same */
  struct um_list spare; /* finished errands, for reuse */
  size_t n_spare;
  struct um_op_pool pool; /* the same for their values */
};

/* By the consumer. 0 or what uv_mutex_init says. */
int um_relay_init(struct um_relay *q, size_t max_errands, uint64_t max_bytes);
void um_relay_done(struct um_relay *q); /* the queue is empty */

static inline void um_relay_lock(struct um_relay *q) {
  uv_mutex_lock(&q->mutex);
}

static inline void um_relay_unlock(struct um_relay *q) {
  uv_mutex_unlock(&q->mutex);
}

/* Locked. An empty errand; NULL: no memory. It goes into the queue, or back
 * with um_relay_recycle (NULL is fine), which frees its op too. */
struct um_errand *um_relay_errand(struct um_relay *q);
void um_relay_recycle(struct um_relay *q, struct um_errand *e);

/* Locked. Waits for room for at most `wait` ms (0: not, negative: for ever)
 * with the mutex released, and takes the errand. 0, *ret_first: the queue was
 * empty before; or UVMQTT_EFULL, UVMQTT_EDEADLOCK (the consumer would wait),
 * UV_ECANCELED (shut), and the errand was recycled. */
int um_relay_push(struct um_relay *q, struct um_errand *e, int64_t wait,
                  bool *ret_first);

/* The consumer: moves up to max errands to an initialized list. They count for
 * the bounds until they are given back. */
void um_relay_take(struct um_relay *q, size_t max, struct um_list *ret);
/* What of them was not done goes back to the front, what was done is recycled.
 * True: there is more. */
bool um_relay_give_back(struct um_relay *q, struct um_list *rest,
                        struct um_list *done);
/* Nothing is taken any more, nobody waits any more. */
void um_relay_shut(struct um_relay *q);

/* Waits on cond until `deadline` (uv_hrtime; 0 is never); false when it has
 * passed. Locked. */
bool um_relay_sleep(struct um_relay *q, uv_cond_t *cond, uint64_t deadline);
uint64_t um_relay_deadline(int64_t ms); /* negative: 0 */
bool um_relay_is_consumer(const struct um_relay *q);

#endif
