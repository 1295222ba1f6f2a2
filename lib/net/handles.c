#include "net/handles.h"
#include "base/alloc.h"
#include <assert.h>
#include <stddef.h>

enum node_state {
  OPEN,    /* next: CLOSING, PARKED */
  CLOSING, /* waits for its close callback */
  PARKED,  /* closed by the host: no callback, waits for the hops */
};

struct node {
  struct um_list link;
  struct um_handles *group;
  enum node_state state;
  max_align_t handle[]; /* the uv handle and what follows it */
};

static struct node *node_of(void *handle) {
  return (struct node *)(void *)((char *)handle -
                                 offsetof(struct node, handle));
}

static struct node *node_at(struct um_list *link) {
  return um_list_of(link, struct node, link);
}

static void on_hop(struct um_turn_link *w);

void um_handles_init(struct um_handles *g, struct um_turns *turns, bool unref,
                     void *arg) {
  *g = (struct um_handles){.turns = turns, .unref = unref, .arg = arg};
  um_turn_link_init(&g->waits, on_hop);
  um_list_init(&g->list);
}

void *um_handle_alloc(size_t size) {
  struct node *n = um_calloc(1, offsetof(struct node, handle) + size);
  if (n == NULL)
    return NULL;
  um_list_init(&n->link);
  return n->handle;
}

void um_handle_free(void *handle) {
  if (handle != NULL)
    um_free(node_of(handle));
}

static void set_ref(uv_handle_t *h, bool on) {
  if (on)
    uv_ref(h);
  else
    uv_unref(h);
}

void um_handles_add(struct um_handles *g, void *handle) {
  struct node *n = node_of(handle);
  assert(g->closed == NULL && n->group == NULL);
  n->group = g;
  um_list_push(&g->list, &n->link);
  if (g->unref)
    uv_unref(handle);
}

static void forget(struct node *n) {
  um_list_remove(&n->link);
  um_free(n);
}

static void finish(struct um_handles *g) {
  if (g->closed == NULL || um_turn_link_waits(&g->waits) || g->holds > 0 ||
      !um_list_empty(&g->list))
    return;
  g->closed(g->arg); /* may free g */
}

static void free_parked(struct um_handles *g) {
  struct um_list *at = g->list.next;
  while (at != &g->list) {
    struct node *n = node_at(at);
    at = at->next;
    if (n->state == PARKED)
      forget(n);
  }
}

static void take_turn(struct um_handles *g) {
  void (*turn)(void *) = g->turn;
  g->turn = NULL;
  if (turn != NULL)
    turn(g->arg);
}

static void on_hop(struct um_turn_link *w) {
  struct um_handles *g = um_list_of(w, struct um_handles, waits);
  if (g->hops > 0 && --g->hops == 0)
    free_parked(g);
  take_turn(g);
  if (g->hops > 0)
    um_turns_ask(g->turns, &g->waits);
  finish(g);
}

/* libuv runs close callbacks in batches, last in first out. The handle is in
 * the batch that is running or in the next one. A close begun now falls in the
 * next one, perhaps before the handle; one begun from that callback falls in
 * the batch after, and then the handle is done. A hop under way counts for
 * nothing: it may end before either. */
static void park(struct node *n) {
  struct um_handles *g = n->group;
  bool under_way = g->turns->hopping || um_turn_link_waits(&g->waits);
  n->state = PARKED;
  g->hops = under_way ? 3 : 2;
  um_turns_ask(g->turns, &g->waits);
}

static void on_close(uv_handle_t *h) {
  struct node *n = node_of(h);
  struct um_handles *g = n->group;
  forget(n);
  finish(g);
}

static void close_node(struct node *n) {
  uv_handle_t *h = (uv_handle_t *)(void *)n->handle;
  if (uv_is_closing(h)) {
    park(n);
    return;
  }
  n->state = CLOSING;
  uv_close(h, on_close);
}

void um_handle_close(void *handle) {
  struct node *n = node_of(handle);
  assert(n->group != NULL && n->state == OPEN);
  close_node(n);
}

void um_handles_turn(struct um_handles *g, void (*turn)(void *arg)) {
  assert(g->closed == NULL);
  g->turn = turn;
  um_turns_ask(g->turns, &g->waits);
}

void um_handles_hold(struct um_handles *g) {
  ++g->holds;
}

void um_handles_release(struct um_handles *g) {
  assert(g->holds > 0);
  --g->holds;
  finish(g);
}

void um_handles_close(struct um_handles *g, void (*closed)(void *arg)) {
  assert(g->closed == NULL && closed != NULL);
  g->closed = closed;
  g->turn = NULL;
  for (struct um_list *at = g->list.next; at != &g->list; at = at->next)
    if (node_at(at)->state == OPEN)
      close_node(node_at(at));
  if (um_list_empty(&g->list))
    um_turns_ask(g->turns,
                 &g->waits); /* nothing else would call from the loop */
}

void um_handles_ref(struct um_handles *g, bool on) {
  g->unref = !on;
  for (struct um_list *at = g->list.next; at != &g->list; at = at->next)
    if (node_at(at)->state == OPEN)
      set_ref((uv_handle_t *)(void *)node_at(at)->handle, on);
}

bool um_handles_own(const struct um_handles *g, const uv_handle_t *h) {
  for (struct um_list *at = g->list.next; at != &g->list; at = at->next)
    if ((const void *)node_at(at)->handle == (const void *)h)
      return true;
  return false;
}
