/* base/list.h: intrusive doubly linked list; the head is a link of its own. */
#ifndef UM_BASE_LIST_H
#define UM_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct um_list {
  struct um_list *next, *prev;
};

#define um_list_of(link, type, member)                                         \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void um_list_init(struct um_list *l) {
  l->next = l->prev = l;
}

static inline bool um_list_empty(const struct um_list *l) {
  return l->next == l;
}

/* Puts link before `at`; with the head as `at` that is the end of the list. */
static inline void um_list_insert(struct um_list *at, struct um_list *link) {
  link->next = at;
  link->prev = at->prev;
  at->prev->next = link;
  at->prev = link;
}

static inline void um_list_push(struct um_list *head, struct um_list *link) {
  um_list_insert(head, link);
}

static inline void um_list_push_front(struct um_list *head,
                                      struct um_list *link) {
  um_list_insert(head->next, link);
}

/* Legal also for a link that is in no list. */
static inline void um_list_remove(struct um_list *link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
  um_list_init(link);
}

/* Moves everything from one list to the end of another. */
static inline void um_list_splice(struct um_list *to, struct um_list *from) {
  if (um_list_empty(from))
    return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  um_list_init(from);
}

#endif
