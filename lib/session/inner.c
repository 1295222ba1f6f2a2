#include "session/inner.h"

#include "session/session.h"
#include <assert.h>

void um_inner(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m;
  (void)result;
  (void)arg;
  assert(false);
}

void um_inner_complete(struct um_session *s, uvmqtt_request_cb cb, void *arg,
                       const uvmqtt_result_t *result) {
  struct um_inner *inner = arg;
  if (cb == um_inner)
    inner->completed(s, inner, result);
  else if (cb != NULL)
    s->events->completed(s->up, cb, arg, result);
}

static struct um_due *due_of(struct um_list *link) {
  return um_list_of(link, struct um_due, link);
}

void um_due_init(struct um_due *due) {
  um_list_init(&due->link);
}

void um_due_put(struct um_session *s, struct um_due *due, uint64_t id,
                int status,
                void (*tell)(struct um_session *, struct um_due *)) {
  struct um_list *at = &s->due;
  due->id = id;
  due->status = status;
  due->tell = tell;
  while (at->prev != &s->due && due_of(at->prev)->id > id)
    at = at->prev;
  um_list_insert(at, &due->link);
}

void um_due_remove(struct um_due *due) {
  um_list_remove(&due->link);
}

struct um_due *um_due_first(const struct um_session *s, uint64_t limit) {
  if (um_list_empty(&s->due))
    return NULL;
  struct um_due *due = due_of(s->due.next);
  return due->id < limit ? due : NULL;
}

void um_due_tell(struct um_session *s, struct um_due *due) {
  um_list_remove(&due->link);
  due->tell(s, due);
}

void um_due_cancel(struct um_session *s, int status) {
  struct um_list *l;
  for (l = s->due.next; l != &s->due; l = l->next)
    due_of(l)->status = status;
}
