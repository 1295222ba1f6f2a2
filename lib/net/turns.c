#include "net/turns.h"

#include <assert.h>

static void on_hop(uv_handle_t *hop);

static void start(struct um_turns *t) {
  if (t->hopping)
    return;
  t->hopping = true;
  uv_idle_init(t->loop, &t->hop);
  t->hop.data = t;
  uv_close((uv_handle_t *)&t->hop, on_hop);
}

/* Those who ask meanwhile wait for the next. */
static void serve(struct um_turns *t) {
  struct um_list now;
  um_list_init(&now);
  um_list_splice(&now, &t->waiting);
  while (!um_list_empty(&now)) {
    struct um_turn_link *w = um_list_of(now.next, struct um_turn_link, link);
    um_list_remove(&w->link);
    w->hop(w); /* may free its owner, and take others out of the list */
  }
}

static void on_hop(uv_handle_t *hop) {
  struct um_turns *t = hop->data;
  t->hopping = false;
  serve(t);
  if (!t->hopping && t->idle != NULL)
    t->idle(t->arg); /* may free t */
}

void um_turns_init(struct um_turns *t, uv_loop_t *loop) {
  *t = (struct um_turns){.loop = loop};
  um_list_init(&t->waiting);
}

void um_turns_ask(struct um_turns *t, struct um_turn_link *w) {
  if (um_turn_link_waits(w))
    return;
  um_list_push(&t->waiting, &w->link);
  start(t);
}

/* One hop more in any case: this may be called inside one. */
void um_turns_done(struct um_turns *t, void (*idle)(void *arg), void *arg) {
  assert(t->idle == NULL);
  t->idle = idle;
  t->arg = arg;
  start(t);
}

bool um_turns_own(const struct um_turns *t, const uv_handle_t *h) {
  return t->hopping && h == (const uv_handle_t *)&t->hop;
}
