/* session/trie.h: filters by their levels, so that finding those which match a
 * topic costs by the length of the topic and not by the number of filters.
 *
 * A leaf is a part of the owner's object. Several leaves may sit at one filter,
 * and shared filters sit where what follows the ShareName does (4.8.2). */
#ifndef UM_SESSION_TRIE_H
#define UM_SESSION_TRIE_H

#include "base/list.h"
#include "base/table.h"

struct um_trie_node {
  struct um_table_link link; /* in nodes, unless a wildcard or the root */
  struct um_trie_node *parent;
  struct um_trie_node *plus, *hash; /* its children "+" and "#" */
  size_t n_children;
  struct um_list leaves;
  const char *level; /* behind this struct, not ended with NUL */
  size_t len;
};

struct um_trie {
  struct um_trie_node root;
  struct um_table nodes; /* by parent and level */
};

struct um_trie_leaf {
  struct um_list link; /* of its node's leaves */
  struct um_trie_node *node;
};

void um_trie_init(struct um_trie *t);
void um_trie_done(struct um_trie *t); /* no leaf is left */
/* The filter is valid. UM_ENOMEM. */
int um_trie_add(struct um_trie *t, const char *filter,
                struct um_trie_leaf *leaf);
void um_trie_remove(struct um_trie *t, struct um_trie_leaf *leaf);
/* The leaves at this very filter, shared or not; NULL: none. */
const struct um_list *um_trie_at(const struct um_trie *t, const char *filter);

/* Each leaf whose filter matches the topic, once, in no order; as
 * um_topic_match. Allocates nothing. visit must not add or remove. */
void um_trie_match(const struct um_trie *t, const char *topic,
                   void (*visit)(struct um_trie_leaf *leaf, void *arg),
                   void *arg);

#endif
