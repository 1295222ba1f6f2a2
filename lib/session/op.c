#include "session/op.h"

#include "base/alloc.h"
#include "base/mutant.h"
#include <assert.h>
#include <string.h>

static const size_t class_size[UM_OP_CLASSES] = {512, 2048, 8192};
#define CLASS_BYTES 65536u /* kept for reuse, at most, in each class */
#define NO_CLASS UM_OP_CLASSES

/* Copies run twice through the same code: first with no memory, to count. */
struct copier {
  uint8_t *at;
  size_t used;
};

static void *copy(struct copier *c, const void *p, size_t len) {
  void *to = c->at == NULL ? NULL : c->at + c->used;
  if (to != NULL && len != 0)
    memcpy(to, p, len);
  c->used += len;
  return to;
}

static const char *copy_string(struct copier *c, const char *s) {
  return copy(c, s, strlen(s) + 1);
}

static void *copy_array(struct copier *c, const void *p, size_t n,
                        size_t size) {
  size_t align = _Alignof(max_align_t);
  c->used = (c->used + align - 1) / align * align;
  return n == 0 ? NULL : copy(c, p, n * size);
}

static uvmqtt_bytes_t copy_bytes(struct copier *c, uvmqtt_bytes_t b) {
  uvmqtt_bytes_t to = {copy(c, b.data, b.len), b.len};
  return to;
}

enum shape { NUMBER, STR, BIN, PAIR };

static enum shape shape_of(uvmqtt_property_id_t id) {
#define U8 NUMBER
#define U16 NUMBER
#define U32 NUMBER
#define VAR NUMBER
#define X(number, name, shape, packets, repeats, min, max)                     \
  case UVMQTT_PROPERTY_##name:                                                 \
    return shape;
  switch (id) { UVMQTT_PROPERTY_MAP(X) }
#undef X
#undef U8
#undef U16
#undef U32
#undef VAR
  return NUMBER; /* no such property: it was checked before */
}

static void copy_property(struct copier *c, const uvmqtt_property_t *from,
                          uvmqtt_property_t *to) {
  uvmqtt_property_t copied = *from;
  switch (shape_of(from->id)) {
  case STR:
    copied.value.str = copy_string(c, from->value.str);
    break;
  case BIN:
    copied.value.bin = copy_bytes(c, from->value.bin);
    break;
  case PAIR:
    copied.value.pair.key = copy_string(c, from->value.pair.key);
    copied.value.pair.value = copy_string(c, from->value.pair.value);
    break;
  case NUMBER:
    break;
  }
  if (to != NULL)
    *to = copied;
}

static uvmqtt_property_t *
copy_properties(struct copier *c, const uvmqtt_property_t *p, size_t n) {
  uvmqtt_property_t *to = copy_array(c, p, n, sizeof *p);
  for (size_t i = 0; i < n; i++)
    copy_property(c, &p[i], to == NULL ? NULL : &to[i]);
  return to;
}

/* What an op is made from; the member in use follows from kind. */
struct source {
  enum um_op_kind kind;
  const uvmqtt_message_t *message;
  const uvmqtt_subscription_t *subscriptions;
  const char *const *filters;
  size_t n;
  const uvmqtt_property_t *properties;
  size_t n_properties;
};

static void copy_message(struct copier *c, const uvmqtt_message_t *m,
                         uvmqtt_message_t *to) {
  const char *topic = copy_string(c, m->topic);
  uvmqtt_bytes_t payload = copy_bytes(c, m->payload);
  if (to == NULL)
    return;
  *to = *m;
  to->topic = topic;
  to->payload = payload;
}

static void copy_subscriptions(struct copier *c, const struct source *src,
                               struct um_subscribe *to) {
  uvmqtt_subscription_t *list =
      copy_array(c, src->subscriptions, src->n, sizeof *list);
  for (size_t i = 0; i < src->n; i++) {
    const char *filter = copy_string(c, src->subscriptions[i].filter);
    if (list != NULL)
      list[i].filter = filter;
  }
  if (to == NULL)
    return;
  to->filters = list;
  to->n = src->n;
}

static void copy_filters(struct copier *c, const struct source *src,
                         struct um_unsubscribe *to) {
  const char **list = copy_array(c, src->filters, src->n, sizeof *list);
  for (size_t i = 0; i < src->n; i++) {
    const char *filter = copy_string(c, src->filters[i]);
    if (list != NULL)
      list[i] = filter;
  }
  if (to == NULL)
    return;
  to->filters = list;
  to->n = src->n;
}

/* op NULL: only counts. Properties first: they want alignment. */
static void copy_source(struct copier *c, const struct source *src,
                        struct um_op *op) {
  uvmqtt_property_t *p = copy_properties(c, src->properties, src->n_properties);
  if (op != NULL) {
    op->properties = p;
    op->n_properties = src->n_properties;
  }
  switch (src->kind) {
  case UM_OP_PUBLISH:
    copy_message(c, src->message, op == NULL ? NULL : &op->u.message);
    break;
  case UM_OP_SUBSCRIBE:
    copy_subscriptions(c, src, op == NULL ? NULL : &op->u.subscribe);
    break;
  case UM_OP_UNSUBSCRIBE:
    copy_filters(c, src, op == NULL ? NULL : &op->u.unsubscribe);
    break;
  }
}

static uint8_t class_of(size_t size) {
  for (uint8_t c = 0; c < UM_OP_CLASSES; c++)
    if (size <= class_size[c])
      return c;
  return NO_CLASS;
}

static struct um_op *take(struct um_op_pool *pool, size_t size) {
  uint8_t c = pool == NULL ? NO_CLASS : class_of(size);
  struct um_op *op;
  if (c == NO_CLASS) {
    op = um_malloc(size);
  } else if (pool->free[c] == NULL) {
    op = um_malloc(class_size[c]);
  } else {
    op = um_list_of(pool->free[c], struct um_op, link);
    pool->free[c] = op->link.next;
    pool->n[c]--;
  }
  if (op == NULL)
    return NULL;
  memset(op, 0, sizeof *op);
  um_list_init(&op->link);
  um_list_init(&op->also);
  op->size_class = c;
  op->expires = op->times_out = op->due = UINT64_MAX;
  return op;
}

static struct um_op *make(struct um_op_pool *pool, const struct source *src) {
  struct copier c = {NULL, sizeof(struct um_op)};
  copy_source(&c, src, NULL);
  struct um_op *op = take(pool, c.used);
  if (op == NULL)
    return NULL;
  op->kind = (uint8_t)src->kind;
  op->charge = c.used;
  c.at = (uint8_t *)op;
  c.used = sizeof *op;
  copy_source(&c, src, op);
  return op;
}

struct um_op *um_op_publish(struct um_op_pool *pool,
                            const uvmqtt_message_t *m) {
  struct source src = {.kind = UM_OP_PUBLISH,
                       .message = m,
                       .properties = m->properties,
                       .n_properties = m->n_properties};
  struct um_op *op = make(pool, &src);
  if (op == NULL)
    return NULL;
  op->u.message.properties = op->properties;
  op->u.message.dup = false; /* [MQTT-3.3.1-3/both] */
  return op;
}

struct um_op *um_op_subscribe(struct um_op_pool *pool,
                              const uvmqtt_subscription_t *filters, size_t n,
                              const uvmqtt_property_t *properties,
                              size_t n_properties) {
  struct source src = {.kind = UM_OP_SUBSCRIBE,
                       .subscriptions = filters,
                       .n = n,
                       .properties = properties,
                       .n_properties = n_properties};
  return make(pool, &src);
}

struct um_op *um_op_unsubscribe(struct um_op_pool *pool,
                                const char *const *filters, size_t n,
                                const uvmqtt_property_t *properties,
                                size_t n_properties) {
  struct source src = {.kind = UM_OP_UNSUBSCRIBE,
                       .filters = filters,
                       .n = n,
                       .properties = properties,
                       .n_properties = n_properties};
  return make(pool, &src);
}

void um_op_raise(struct um_op *op, uint8_t qos, uint8_t retain_handling) {
  /* our own copy, const to everybody else */
  uvmqtt_subscription_t *f =
      (uvmqtt_subscription_t *)(uintptr_t)op->u.subscribe.filters;
  if (f->qos < qos)
    f->qos = qos;
  if (f->retain_handling > retain_handling)
    f->retain_handling = retain_handling;
}

void um_op_free(struct um_op_pool *pool, struct um_op *op) {
  if (op == NULL)
    return;
  um_list_remove(&op->link);
  uint8_t c = op->size_class;
  if (c == NO_CLASS || (pool->n[c] + 1) * class_size[c] > CLASS_BYTES) {
    um_free(op);
    return;
  }
  op->link.next = pool->free[c];
  pool->free[c] = &op->link;
  pool->n[c]++;
}

void um_op_pool_init(struct um_op_pool *pool) {
  memset(pool, 0, sizeof *pool);
}

void um_op_pool_done(struct um_op_pool *pool) {
  for (size_t c = 0; c < UM_OP_CLASSES; c++) {
    while (pool->free[c] != NULL) {
      struct um_list *link = pool->free[c];
      pool->free[c] = link->next;
      um_free(um_list_of(link, struct um_op, link));
    }
    pool->n[c] = 0;
  }
}

static void publish_packet(const struct um_op *op, struct um_packet *ret) {
  const uvmqtt_message_t *m = &op->u.message;
  ret->type = UVMQTT_PUBLISH;
  ret->u.publish = (struct um_publish){
      .topic = m->topic,
      .topic_len = strlen(m->topic),
      .payload = m->payload,
      .qos = m->qos,
      .retain = m->retain,
      .dup = op->sent_before && !UM_MUTANT(20), /* [MQTT-3.3.1-1/both] */
  };
}

void um_op_packet(const struct um_op *op, struct um_packet *ret) {
  ret->reason = 0;
  ret->id = op->pid;
  ret->properties = op->properties;
  ret->n_properties = op->n_properties;
  switch (op->kind) {
  case UM_OP_PUBLISH:
    publish_packet(op, ret);
    break;
  case UM_OP_SUBSCRIBE:
    ret->type = UVMQTT_SUBSCRIBE;
    ret->u.subscribe = op->u.subscribe;
    break;
  default:
    ret->type = UVMQTT_UNSUBSCRIBE;
    ret->u.unsubscribe = op->u.unsubscribe;
    break;
  }
}
