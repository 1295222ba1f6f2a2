#include "session/dispatch.h"

#include "base/mutant.h"
#include <string.h>

static struct um_filter *of_leaf(struct um_trie_leaf *leaf) {
  return um_list_of(leaf, struct um_filter, leaf);
}

/* A retained message that a SUBSCRIBE brought is for those who asked for it. It
 * cannot be told from a live one with Retain As Published. */
static bool is_for(const struct um_session *s, const uvmqtt_handler_t *h,
                   const uvmqtt_message_t *m) {
  const struct um_filter *f = h->filter;
  if (!m->retain || f->retain_as_published)
    return true;
  if (h->retained == 0 || h->retained < f->current)
    return false;
  return h->retained > f->current || f->for_whom == 0 || s->now < f->settled_at;
}

/* Oldest first; most come in order. */
static void hit(struct um_filters *fs, uvmqtt_handler_t *h) {
  struct um_list *at = &fs->hits;
  if (!um_list_empty(&h->hit))
    return;
  while (at->prev != &fs->hits &&
         um_list_of(at->prev, uvmqtt_handler_t, hit)->order > h->order)
    at = at->prev;
  um_list_insert(at, &h->hit);
}

struct search {
  struct um_session *s;
  const uvmqtt_message_t *m;
  bool identified; /* those that the server knows the identifier of, too */
};

static void hit_filter(const struct search *search, const struct um_filter *f) {
  struct um_list *l;
  for (l = f->handlers.next; l != &f->handlers; l = l->next)
    if (is_for(search->s, um_handler_of(l), search->m) &&
        !(UM_MUTANT(60) && l != f->handlers.next)) /* the first one only */
      hit(search->s->filters, um_handler_of(l));
}

static void on_match(struct um_trie_leaf *leaf, void *arg) {
  const struct search *search = arg;
  if (search->identified || !of_leaf(leaf)->identified)
    hit_filter(search, of_leaf(leaf));
}

static void hit_identifier(const struct search *search, uint32_t identifier) {
  struct um_table_link *l;
  l = um_table_first(&search->s->filters->identifiers,
                     um_hash_number(identifier));
  for (; l != NULL; l = um_table_next(l)) {
    struct um_filter *f = um_list_of(l, struct um_filter, by_identifier);
    if (f->identifier == identifier)
      hit_filter(search, f);
  }
}

static bool hit_identifiers(const struct search *search) {
  const uvmqtt_message_t *m = search->m;
  bool any = false;
  for (size_t i = 0; i < m->n_properties; i++) {
    if (m->properties[i].id != UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER)
      continue;
    any = true;
    hit_identifier(search, m->properties[i].value.num);
  }
  return any;
}

/* Who gave an identifier is found by it ([MQTT-3.3.4-3/5]), the others by the
 * topic; and all by the topic where a server does not send what it promised. */
static void find_all(struct um_session *s, const uvmqtt_message_t *m) {
  struct um_filters *fs = s->filters;
  struct search search = {s, m, false};
  bool named = m->n_properties != 0 && hit_identifiers(&search);
  if (fs->n_unidentified != 0)
    um_trie_match(&fs->trie, m->topic, on_match, &search);
  if (named || !um_list_empty(&fs->hits) || fs->n_unidentified == fs->n)
    return;
  search.identified = true;
  um_trie_match(&fs->trie, m->topic, on_match, &search);
}

bool um_dispatch(struct um_session *s, const uvmqtt_message_t *m) {
  struct um_list *hits = &s->filters->hits;
  find_all(s, m);
  bool any = !um_list_empty(hits);
  while (!um_list_empty(hits)) {
    uvmqtt_handler_t *h = um_list_of(hits->next, uvmqtt_handler_t, hit);
    um_list_remove(&h->hit);
    if (!s->halted)
      h->cb(s->up, m, h->arg);
  }
  return any;
}
