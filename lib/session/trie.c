#include "session/trie.h"

#include "base/alloc.h"
#include "base/err.h"
#include "wire/topic.h"
#include <assert.h>
#include <string.h>

void um_trie_init(struct um_trie *t) {
  memset(t, 0, sizeof *t);
  um_list_init(&t->root.leaves);
}

void um_trie_done(struct um_trie *t) {
  assert(t->root.n_children == 0);
  um_table_done(&t->nodes);
}

/* Levels. */

static size_t level_length(const char *level) {
  return strcspn(level, "/");
}

/* The level behind this one, NULL: none. */
static const char *next_level(const char *level, size_t len) {
  return level[len] == '/' ? level + len + 1 : NULL;
}

static bool is_wildcard(const char *level, size_t len, char c) {
  return len == 1 && *level == c;
}

static uint64_t hash_of(const struct um_trie_node *parent, const char *level,
                        size_t len) {
  return um_hash_bytes((uint64_t)(uintptr_t)parent, level, len);
}

static struct um_trie_node *exact_child(const struct um_trie *t,
                                        const struct um_trie_node *parent,
                                        const char *level, size_t len) {
  struct um_table_link *l;
  l = um_table_first(&t->nodes, hash_of(parent, level, len));
  for (; l != NULL; l = um_table_next(l)) {
    struct um_trie_node *n = um_list_of(l, struct um_trie_node, link);
    if (n->parent == parent && n->len == len &&
        memcmp(n->level, level, len) == 0)
      return n;
  }
  return NULL;
}

/* By a level of a filter. */
static struct um_trie_node *child(const struct um_trie *t,
                                  const struct um_trie_node *parent,
                                  const char *level, size_t len) {
  if (is_wildcard(level, len, '+'))
    return parent->plus;
  if (is_wildcard(level, len, '#'))
    return parent->hash;
  return exact_child(t, parent, level, len);
}

/* Adding and removing. */

static void link_node(struct um_trie *t, struct um_trie_node *n) {
  if (is_wildcard(n->level, n->len, '+'))
    n->parent->plus = n;
  else if (is_wildcard(n->level, n->len, '#'))
    n->parent->hash = n;
  else
    um_table_put(&t->nodes, &n->link, hash_of(n->parent, n->level, n->len));
  n->parent->n_children++;
}

static struct um_trie_node *make_child(struct um_trie *t,
                                       struct um_trie_node *parent,
                                       const char *level, size_t len) {
  struct um_trie_node *n = um_malloc(sizeof *n + len);
  if (n == NULL)
    return NULL;
  memset(n, 0, sizeof *n);
  n->parent = parent;
  n->level = memcpy(n + 1, level, len);
  n->len = len;
  um_list_init(&n->leaves);
  link_node(t, n);
  return n;
}

static void free_node(struct um_trie *t, struct um_trie_node *n) {
  if (n == n->parent->plus)
    n->parent->plus = NULL;
  else if (n == n->parent->hash)
    n->parent->hash = NULL;
  else
    um_table_remove(&t->nodes, &n->link);
  n->parent->n_children--;
  um_free(n);
}

/* Nodes that lead nowhere any more, from here upwards. */
static void prune(struct um_trie *t, struct um_trie_node *n) {
  while (n != &t->root && n->n_children == 0 && um_list_empty(&n->leaves)) {
    struct um_trie_node *parent = n->parent;
    free_node(t, n);
    n = parent;
  }
}

int um_trie_add(struct um_trie *t, const char *filter,
                struct um_trie_leaf *leaf) {
  struct um_trie_node *at = &t->root;
  const char *level = um_topic_without_share(filter);
  while (level != NULL) {
    size_t len = level_length(level);
    struct um_trie_node *next = child(t, at, level, len);
    if (next == NULL)
      next = make_child(t, at, level, len);
    if (next == NULL) {
      prune(t, at);
      return UM_ENOMEM;
    }
    at = next;
    level = next_level(level, len);
  }
  um_list_push(&at->leaves, &leaf->link);
  leaf->node = at;
  return 0;
}

void um_trie_remove(struct um_trie *t, struct um_trie_leaf *leaf) {
  um_list_remove(&leaf->link);
  prune(t, leaf->node);
}

const struct um_list *um_trie_at(const struct um_trie *t, const char *filter) {
  const struct um_trie_node *at = &t->root;
  const char *level = um_topic_without_share(filter);
  while (level != NULL && at != NULL) {
    size_t len = level_length(level);
    at = child(t, at, level, len);
    level = next_level(level, len);
  }
  return at == NULL || um_list_empty(&at->leaves) ? NULL : &at->leaves;
}

/* Matching: every way from the root that the topic allows, by going back where
 * it came from instead of remembering it, so that neither memory nor stack is
 * needed however deep it goes. */

struct walk {
  const struct um_trie *trie;
  const char *topic, *end; /* end: at its NUL */
  const struct um_trie_node *at;
  const char *rest; /* the level to be looked at below `at`, NULL: none */
  void (*visit)(struct um_trie_leaf *leaf, void *arg);
  void *arg;
};

static void visit_leaves(const struct walk *w, const struct um_trie_node *n) {
  struct um_list *l;
  for (l = n->leaves.next; l != &n->leaves; l = l->next)
    w->visit(um_list_of(l, struct um_trie_leaf, link), w->arg);
}

/* [MQTT-4.7.2-1/both] */
static bool wildcards_allowed(const struct walk *w) {
  return w->at->parent != NULL || *w->topic != '$';
}

/* "a/#" matches "a", too. */
static void arrive(const struct walk *w) {
  if (w->at->hash != NULL && wildcards_allowed(w))
    visit_leaves(w, w->at->hash);
  if (w->rest == NULL)
    visit_leaves(w, w->at);
}

static const struct um_trie_node *plus_below(const struct walk *w) {
  return w->rest != NULL && wildcards_allowed(w) ? w->at->plus : NULL;
}

static const struct um_trie_node *first_below(const struct walk *w) {
  const struct um_trie_node *n = NULL;
  if (w->rest != NULL)
    n = exact_child(w->trie, w->at, w->rest, level_length(w->rest));
  return n != NULL ? n : plus_below(w);
}

static void go_down(struct walk *w, const struct um_trie_node *to) {
  w->at = to;
  w->rest = next_level(w->rest, level_length(w->rest));
}

/* One level up, in the trie and in the topic. */
static void go_up(struct walk *w) {
  const char *level = w->rest == NULL ? w->end : w->rest - 1;
  while (level > w->topic && level[-1] != '/')
    level--;
  w->rest = level;
  w->at = w->at->parent;
}

/* The next way not yet gone; NULL: all were. */
static const struct um_trie_node *go_back(struct walk *w) {
  const struct um_trie_node *next = NULL;
  while (next == NULL && w->at->parent != NULL) {
    const struct um_trie_node *from = w->at;
    go_up(w);
    next = from == w->at->plus ? NULL : plus_below(w);
  }
  return next;
}

void um_trie_match(const struct um_trie *t, const char *topic,
                   void (*visit)(struct um_trie_leaf *leaf, void *arg),
                   void *arg) {
  struct walk w = {t,     topic, topic + strlen(topic), &t->root, topic,
                   visit, arg};
  const struct um_trie_node *next;
  do {
    arrive(&w);
    next = first_below(&w);
    if (next == NULL)
      next = go_back(&w);
    if (next != NULL)
      go_down(&w, next);
  } while (next != NULL);
}
