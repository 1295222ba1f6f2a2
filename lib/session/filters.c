#include "session/filters.h"

#include "base/alloc.h"
#include <string.h>

static struct um_filter *filter_of(struct um_list *link) {
  return um_list_of(link, struct um_filter, link);
}

static struct um_filter *of_leaf(struct um_trie_leaf *leaf) {
  return um_list_of(leaf, struct um_filter, leaf);
}

struct um_filters *um_filters_new(void) {
  struct um_filters *fs = um_calloc(1, sizeof *fs);
  if (fs == NULL)
    return NULL;
  um_trie_init(&fs->trie);
  um_list_init(&fs->list);
  um_list_init(&fs->parted);
  um_list_init(&fs->apart);
  um_list_init(&fs->hits);
  return fs;
}

struct um_filter *um_filters_find(const struct um_filters *fs,
                                  const char *text) {
  const struct um_list *leaves = um_trie_at(&fs->trie, text);
  struct um_list *l;
  if (leaves == NULL)
    return NULL;
  for (l = leaves->next; l != leaves; l = l->next) {
    struct um_filter *f = of_leaf(um_list_of(l, struct um_trie_leaf, link));
    if (strcmp(f->text, text) == 0)
      return f;
  }
  return NULL;
}

static void attach(struct um_filters *fs, struct um_filter *f) {
  um_list_push(&fs->list, &f->link);
  fs->n++;
  fs->n_unidentified++;
  f->attached = true;
  if (f->identifier != 0)
    um_table_put(&fs->identifiers, &f->by_identifier,
                 um_hash_number(f->identifier));
}

void um_filters_identify(struct um_filters *fs, struct um_filter *f, bool on) {
  if (f->attached && on != f->identified)
    fs->n_unidentified += on ? -(size_t)1 : 1u;
  f->identified = on;
}

static void detach(struct um_filters *fs, struct um_filter *f) {
  um_filters_identify(fs, f, false);
  f->attached = false;
  fs->n--;
  fs->n_unidentified--;
  um_list_remove(&f->link);
  um_list_push(&fs->parted, &f->link);
  um_trie_remove(&fs->trie, &f->leaf);
  if (f->identifier != 0)
    um_table_remove(&fs->identifiers, &f->by_identifier);
}

struct um_filter *um_filters_add(struct um_filters *fs,
                                 const uvmqtt_subscription_t *o,
                                 uint32_t identifier) {
  size_t len = strlen(o->filter) + 1;
  struct um_filter *f = um_calloc(1, sizeof *f + len);
  if (f == NULL)
    return NULL;
  f->text = memcpy(f + 1, o->filter, len);
  f->identifier = identifier;
  f->no_local = o->no_local;
  f->retain_as_published = o->retain_as_published;
  um_list_init(&f->handlers);
  if (um_trie_add(&fs->trie, f->text, &f->leaf)) {
    um_free(f);
    return NULL;
  }
  attach(fs, f);
  return f;
}

void um_filters_release(struct um_filters *fs, struct um_filter *f) {
  if (!um_list_empty(&f->handlers))
    return;
  if (f->attached)
    detach(fs, f);
  if (f->n_asked != 0)
    return;
  um_list_remove(&f->link);
  um_free(f);
}

void um_filters_take_out(struct um_filters *fs, uvmqtt_handler_t *h) {
  um_list_remove(&h->hit);
  um_list_remove(&h->link);
  um_list_push(&fs->apart, &h->link);
  h->filter = NULL;
}

void um_filters_free_handler(uvmqtt_handler_t *h) {
  um_list_remove(&h->link);
  um_due_remove(&h->due);
  um_free(h);
}

static void free_handlers(struct um_list *list) {
  while (!um_list_empty(list))
    um_filters_free_handler(um_handler_of(list->next));
}

static void free_filters(struct um_filters *fs, struct um_list *list) {
  while (!um_list_empty(list)) {
    struct um_filter *f = filter_of(list->next);
    f->n_asked = 0;
    free_handlers(&f->handlers);
    um_filters_release(fs, f);
  }
}

void um_filters_done(struct um_filters *fs) {
  if (fs == NULL)
    return;
  free_filters(fs, &fs->list);
  free_filters(fs, &fs->parted);
  free_handlers(&fs->apart);
  um_trie_done(&fs->trie);
  um_table_done(&fs->identifiers);
  um_free(fs);
}

uvmqtt_handler_t *um_filters_add_handler(struct um_filters *fs,
                                         struct um_filter *f) {
  uvmqtt_handler_t *h = um_calloc(1, sizeof *h);
  if (h == NULL)
    return NULL;
  um_list_init(&h->hit);
  um_due_init(&h->due);
  um_list_push(&f->handlers, &h->link);
  h->filter = f;
  h->order = ++fs->order;
  return h;
}
