#include "session/subs.h"

#include "base/alloc.h"
#include "base/err.h"
#include <string.h>

#define FILTERS_MAX 256u /* in one restoring SUBSCRIBE */

static struct um_sub *sub_of(struct um_list *link) {
  return um_list_of(link, struct um_sub, link);
}

void um_subs_init(struct um_subs *subs) {
  memset(subs, 0, sizeof *subs);
  um_list_init(&subs->list);
}

static void forget(struct um_subs *subs, struct um_sub *sub) {
  um_list_remove(&sub->link);
  um_table_remove(&subs->by_filter, &sub->by_filter);
  um_free(sub);
  subs->n--;
}

void um_subs_done(struct um_subs *subs) {
  while (!um_list_empty(&subs->list))
    forget(subs, sub_of(subs->list.next));
  um_table_done(&subs->by_filter);
}

static uint64_t hash_of(const char *filter) {
  return um_hash_bytes(0, filter, strlen(filter));
}

struct um_sub *um_subs_find(const struct um_subs *subs, const char *filter) {
  struct um_table_link *l = um_table_first(&subs->by_filter, hash_of(filter));
  for (; l != NULL; l = um_table_next(l)) {
    struct um_sub *sub = um_list_of(l, struct um_sub, by_filter);
    if (strcmp(sub->options.filter, filter) == 0)
      return sub;
  }
  return NULL;
}

static struct um_sub *add(struct um_subs *subs, const char *filter) {
  size_t len = strlen(filter) + 1;
  struct um_sub *sub = um_malloc(sizeof *sub + len);
  if (sub == NULL)
    return NULL;
  sub->options.filter = memcpy(sub + 1, filter, len);
  um_list_push(&subs->list, &sub->link);
  um_table_put(&subs->by_filter, &sub->by_filter, hash_of(filter));
  subs->n++;
  return sub;
}

int um_subs_put(struct um_subs *subs, const uvmqtt_subscription_t *s,
                uint32_t identifier) {
  struct um_sub *sub = um_subs_find(subs, s->filter);
  if (sub == NULL)
    sub = add(subs, s->filter);
  if (sub == NULL)
    return UM_ENOMEM;
  const char *filter = sub->options.filter;
  sub->options = *s;
  sub->options.filter = filter;
  sub->identifier = identifier;
  return 0;
}

bool um_subs_remove(struct um_subs *subs, const char *filter) {
  struct um_sub *sub = um_subs_find(subs, filter);
  if (sub == NULL)
    return false;
  forget(subs, sub);
  return true;
}

/* One SUBSCRIBE in the making. */
struct batch {
  uvmqtt_subscription_t filters[FILTERS_MAX];
  size_t n;
  uint32_t identifier;
};

static size_t batch_size(const struct batch *b, uint8_t version) {
  uvmqtt_property_t id =
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, b->identifier);
  struct um_packet p = {.type = UVMQTT_SUBSCRIBE,
                        .id = 1,
                        .properties = &id,
                        .n_properties = b->identifier != 0,
                        .u.subscribe = {b->filters, b->n}};
  return um_encoded_size(version, &p);
}

/* Does one more filter fit? A first one is taken in any case: if it alone is
 * too large it was too large when it was granted. */
static bool fits(struct batch *b, const struct um_sub *sub, uint8_t version,
                 size_t max_packet) {
  if (b->n == 0)
    return true;
  if (b->n == FILTERS_MAX || b->identifier != sub->identifier)
    return false;
  b->filters[b->n++] = sub->options;
  size_t size = batch_size(b, version);
  b->n--;
  return size != 0 && size <= max_packet;
}

static int finish(struct batch *b, struct um_op_pool *pool,
                  struct um_list *to) {
  uvmqtt_property_t id =
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, b->identifier);
  struct um_op *op =
      um_op_subscribe(pool, b->filters, b->n, &id, b->identifier != 0);
  if (op == NULL)
    return UM_ENOMEM;
  um_list_push(to, &op->link);
  b->n = 0;
  return 0;
}

static void drop(struct um_op_pool *pool, struct um_list *ops) {
  while (!um_list_empty(ops))
    um_op_free(pool, um_list_of(ops->next, struct um_op, link));
}

static int fill(const struct um_subs *subs, uint8_t version, size_t max_packet,
                struct um_op_pool *pool, struct batch *b, struct um_list *to) {
  struct um_list *l;
  for (l = subs->list.next; l != &subs->list; l = l->next) {
    const struct um_sub *sub = sub_of(l);
    if (!fits(b, sub, version, max_packet)) {
      int r = finish(b, pool, to);
      if (r)
        return r;
    }
    b->identifier = sub->identifier;
    b->filters[b->n++] = sub->options;
  }
  return finish(b, pool, to);
}

int um_subs_restore(const struct um_subs *subs, uint8_t version,
                    size_t max_packet, struct um_op_pool *pool,
                    struct um_list *to) {
  if (subs->n == 0)
    return 0;
  struct um_list made;
  um_list_init(&made);
  struct batch *b = um_calloc(1, sizeof *b);
  int r =
      b == NULL ? UM_ENOMEM : fill(subs, version, max_packet, pool, b, &made);
  um_free(b);
  if (r)
    drop(pool, &made);
  else
    um_list_splice(to, &made);
  return r;
}

static int split(const struct um_op *op, struct um_op_pool *pool,
                 struct um_list *to) {
  for (size_t i = 0; i < op->u.subscribe.n; i++) {
    struct um_op *one = um_op_subscribe(pool, &op->u.subscribe.filters[i], 1,
                                        op->properties, op->n_properties);
    if (one == NULL)
      return UM_ENOMEM;
    um_list_push(to, &one->link);
  }
  return 0;
}

int um_subs_split(const struct um_op *op, struct um_op_pool *pool,
                  struct um_list *to) {
  struct um_list made;
  um_list_init(&made);
  int r = split(op, pool, &made);
  if (r)
    drop(pool, &made);
  else
    um_list_splice(to, &made);
  return r;
}
