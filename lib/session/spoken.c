#include "session/spoken.h"

#include "base/alloc.h"
#include <stddef.h>

static void put_first(struct um_spoken **list, struct um_spoken *s) {
  s->next = *list;
  *list = s;
}

struct um_spoken *um_spoken_find(struct um_spoken **list, uint64_t server) {
  for (struct um_spoken **at = list; *at != NULL; at = &(*at)->next) {
    struct um_spoken *s = *at;
    if (s->server != server)
      continue;
    *at = s->next;
    put_first(list, s);
    return s;
  }
  return NULL;
}

static void forget_beyond(struct um_spoken **list, unsigned n) {
  while (n-- != 0 && *list != NULL)
    list = &(*list)->next;
  um_spoken_done(list);
}

struct um_spoken *um_spoken_note(struct um_spoken **list, uint64_t server) {
  struct um_spoken *s = um_spoken_find(list, server);
  if (s != NULL)
    return s;
  s = um_calloc(1, sizeof *s);
  if (s == NULL)
    return NULL;
  s->server = server;
  forget_beyond(list, UM_SPOKEN_MAX - 1);
  put_first(list, s);
  return s;
}

void um_spoken_done(struct um_spoken **list) {
  while (*list != NULL) {
    struct um_spoken *s = *list;
    *list = s->next;
    um_free(s);
  }
}
