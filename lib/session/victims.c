#include "session/victims.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include <string.h>

#define FIRST_LISTS 64u

static struct um_op *also_of(const struct um_list *link) {
  return um_list_of(link, struct um_op, also);
}

static bool is_publish(const struct um_op *op) {
  return op->kind == UM_OP_PUBLISH;
}

void um_victims_init(struct um_victims *v, uvmqtt_overflow_t policy,
                     struct um_list queued[UM_LANES]) {
  memset(v, 0, sizeof *v);
  v->policy = policy;
  v->queued = queued;
}

void um_victims_done(struct um_victims *v) {
  um_free(v->lists);
  v->lists = NULL;
  v->n_lists = 0;
}

/* FNV-1a */
static struct um_list *topic_list(const struct um_victims *v,
                                  const char *topic) {
  uint32_t hash = 2166136261u;
  for (; *topic != '\0'; topic++)
    hash = (hash ^ (unsigned char)*topic) * 16777619u;
  return &v->lists[hash & (v->n_lists - 1)];
}

static struct um_list *make_lists(size_t n) {
  struct um_list *lists = um_malloc(n * sizeof *lists);
  for (size_t i = 0; lists != NULL && i < n; i++)
    um_list_init(&lists[i]);
  return lists;
}

/* From the front, so that those of one topic keep their order. */
static void grow(struct um_victims *v, struct um_list *lists, size_t n) {
  struct um_victims old = *v;
  v->lists = lists;
  v->n_lists = n;
  for (size_t i = 0; i < old.n_lists; i++)
    while (!um_list_empty(&old.lists[i])) {
      struct um_op *op = also_of(old.lists[i].next);
      um_list_remove(&op->also);
      um_list_push(topic_list(v, op->u.message.topic), &op->also);
    }
  um_free(old.lists);
}

/* How many lists there should be for one op more. */
static size_t lists_for_one_more(const struct um_victims *v) {
  if (v->policy == UVMQTT_OVERFLOW_DROP_OLDEST_QOS0)
    return UM_LANES;
  if (v->policy != UVMQTT_OVERFLOW_LATEST_PER_TOPIC)
    return 0;
  if (v->n < v->n_lists)
    return v->n_lists;
  return v->n_lists == 0 ? FIRST_LISTS : 2 * v->n_lists;
}

int um_victims_reserve(struct um_victims *v) {
  size_t n = lists_for_one_more(v);
  if (n == v->n_lists)
    return 0;
  struct um_list *lists = make_lists(n);
  if (lists == NULL)
    return UM_ENOMEM;
  grow(v, lists, n);
  return 0;
}

static struct um_list *list_for(struct um_victims *v, const struct um_op *op) {
  if (v->policy == UVMQTT_OVERFLOW_LATEST_PER_TOPIC)
    return topic_list(v, op->u.message.topic);
  bool expendable = op->u.message.qos == 0 || UM_MUTANT(56);
  if (v->policy == UVMQTT_OVERFLOW_DROP_OLDEST_QOS0 && expendable)
    return &v->lists[um_lane_of(op)];
  return NULL;
}

void um_victims_keep(struct um_victims *v, struct um_op *op, bool front) {
  struct um_list *list = list_for(v, op);
  if (list == NULL)
    return;
  v->n++;
  if (front)
    um_list_push_front(list, &op->also);
  else
    um_list_push(list, &op->also);
}

/* The next one in `lists`, from the least urgent lane to `last`. */
static const struct um_list *next_in_lanes(const struct um_list *lists,
                                           size_t lane, size_t last,
                                           const struct um_list *prev) {
  const struct um_list *at = prev == NULL ? lists[lane].next : prev->next;
  while (at == &lists[lane] && lane > last)
    at = lists[--lane].next;
  return at == &lists[lane] ? NULL : at;
}

static struct um_op *next_oldest(const struct um_victims *v,
                                 const struct um_op *op,
                                 const struct um_op *prev) {
  size_t lane = prev == NULL ? UM_BULK : um_lane_of(prev);
  size_t last = UM_MUTANT(57) ? UM_URGENT : um_lane_of(op);
  const struct um_list *at =
      next_in_lanes(v->queued, lane, last, prev == NULL ? NULL : &prev->link);
  return at == NULL ? NULL : um_list_of(at, struct um_op, link);
}

static struct um_op *next_qos0(const struct um_victims *v,
                               const struct um_op *op,
                               const struct um_op *prev) {
  size_t lane = prev == NULL ? UM_BULK : um_lane_of(prev);
  if (v->lists == NULL)
    return NULL;
  const struct um_list *at = next_in_lanes(v->lists, lane, um_lane_of(op),
                                           prev == NULL ? NULL : &prev->also);
  return at == NULL ? NULL : also_of(at);
}

static struct um_op *next_of_topic(const struct um_victims *v,
                                   const struct um_op *op,
                                   const struct um_op *prev) {
  if (!is_publish(op) || v->n_lists == 0)
    return NULL;
  const struct um_list *list = topic_list(v, op->u.message.topic);
  const struct um_list *at = prev == NULL ? list->next : prev->also.next;
  for (; at != list; at = at->next)
    if (strcmp(also_of(at)->u.message.topic, op->u.message.topic) == 0)
      return also_of(at);
  return NULL;
}

struct um_op *um_victims_next(const struct um_victims *v,
                              const struct um_op *op,
                              const struct um_op *prev) {
  switch (v->policy) {
  case UVMQTT_OVERFLOW_DROP_OLDEST:
    return next_oldest(v, op, prev);
  case UVMQTT_OVERFLOW_DROP_OLDEST_QOS0:
    return next_qos0(v, op, prev);
  case UVMQTT_OVERFLOW_LATEST_PER_TOPIC:
    return next_of_topic(v, op, prev);
  case UVMQTT_OVERFLOW_REFUSE:
    break;
  }
  return NULL;
}
