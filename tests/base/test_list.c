#include "base/list.h"
#include "support/suite.h"

#include <string.h>

SUITE(list);

struct item {
  char name;
  struct um_list link;
};

static struct item a = {'a', {NULL, NULL}}, b = {'b', {NULL, NULL}},
                   c = {'c', {NULL, NULL}};

static const char *text(const struct um_list *head) {
  static char s[8];
  size_t n = 0;
  for (struct um_list *l = head->next; l != head; l = l->next)
    s[n++] = um_list_of(l, struct item, link)->name;
  s[n] = '\0';
  return s;
}

Test(list, keeps_order) {
  struct um_list head;
  um_list_init(&head);
  cr_assert(um_list_empty(&head));
  um_list_push(&head, &b.link);
  um_list_push(&head, &c.link);
  um_list_push_front(&head, &a.link);
  cr_assert_str_eq(text(&head), "abc");
  um_list_remove(&b.link);
  um_list_remove(&b.link);
  cr_assert_str_eq(text(&head), "ac");
  um_list_insert(&c.link, &b.link);
  cr_assert_str_eq(text(&head), "abc");
}

Test(list, splice_moves_everything_to_the_end) {
  struct um_list to, from;
  um_list_init(&to);
  um_list_init(&from);
  um_list_push(&to, &a.link);
  um_list_splice(&to, &from);
  cr_assert_str_eq(text(&to), "a");
  um_list_push(&from, &b.link);
  um_list_push(&from, &c.link);
  um_list_splice(&to, &from);
  cr_assert_str_eq(text(&to), "abc");
  cr_assert(um_list_empty(&from));
}
