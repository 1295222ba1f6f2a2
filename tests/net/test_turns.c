#include "net/handles.h"
#include "support/suite.h"
#include <stdlib.h>
#include <string.h>

SUITE(turns);

static uv_loop_t loop;
static struct um_turns turns;
static char served[32];

struct guest {
  struct um_turn_link link;
  char name;
  struct guest *other; /* what it does with it: */
  enum { NOTHING, ASK, FREE } deed;
};

static void on_hop(struct um_turn_link *w) {
  struct guest *g = um_list_of(w, struct guest, link);
  strncat(served, &g->name, 1);
  if (g->deed == ASK)
    um_turns_ask(&turns, &g->other->link);
  if (g->deed == FREE) {
    um_list_remove(&g->other->link.link);
    free(g->other);
  }
}

static struct guest *guest(char name) {
  struct guest *g = calloc(1, sizeof *g);
  g->name = name;
  um_turn_link_init(&g->link, on_hop);
  return g;
}

static void begin(void) {
  cr_assert_eq(uv_loop_init(&loop), 0);
  um_turns_init(&turns, &loop);
  served[0] = '\0';
}

static void end(void) {
  cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
  cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(turns, come_in_the_order_asked_for_each_once) {
  begin();
  struct guest *a = guest('a'), *b = guest('b');
  um_turns_ask(&turns, &b->link);
  um_turns_ask(&turns, &a->link);
  um_turns_ask(&turns, &b->link);
  cr_assert_str_eq(served, "", "not inside the call");
  end();
  cr_assert_str_eq(served, "ba");
  free(a);
  free(b);
}

/* Who asks in a hop waits for the next; who still waits in this one does not
 * come twice. */
Test(turns, asked_for_inside_one_come_in_the_next) {
  begin();
  struct guest *a = guest('a'), *b = guest('b'), *c = guest('c');
  *a = (struct guest){a->link, 'a', c, ASK};
  um_turn_link_init(&a->link, on_hop);
  *b = (struct guest){b->link, 'b', b, ASK};
  um_turn_link_init(&b->link, on_hop);
  um_turns_ask(&turns, &a->link);
  um_turns_ask(&turns, &b->link);
  uv_run(&loop, UV_RUN_NOWAIT);
  cr_assert_str_eq(served, "ab");
  b->deed = NOTHING;
  end();
  cr_assert_str_eq(served, "abcb");
  free(a);
  free(b);
  free(c);
}

Test(turns, who_goes_before_its_turn_is_not_called) {
  begin();
  struct guest *a = guest('a'), *b = guest('b'), *c = guest('c');
  a->other = b;
  a->deed = FREE;
  um_turns_ask(&turns, &a->link);
  um_turns_ask(&turns, &b->link);
  um_turns_ask(&turns, &c->link);
  end();
  cr_assert_str_eq(served, "ac");
  free(a);
  free(c);
}

static struct um_turns *own;

static void on_idle(void *arg) {
  cr_assert_eq(arg, own);
  free(own);
  own = NULL;
}

static void leave(struct um_turn_link *w) {
  (void)w;
  um_turns_done(own, on_idle, own);
  cr_assert_not_null(own, "not inside the call");
}

/* The memory is free in `idle`, whether asked for inside a hop or outside. */
Test(turns, are_over_when_idle_says_so) {
  for (int inside = 0; inside < 2; inside++) {
    struct um_turn_link last;
    begin();
    own = malloc(sizeof *own);
    um_turns_init(own, &loop);
    um_turn_link_init(&last, leave);
    if (inside)
      um_turns_ask(own, &last);
    else
      leave(&last);
    cr_assert(um_turns_own(own, (uv_handle_t *)&own->hop));
    end();
    cr_assert_null(own);
  }
}

/* Groups that share one: what the host closed is freed when libuv is done with
 * it, not when a hop that was on its way for another group has come. */
static void never(void *arg) {
  (void)arg;
}

static unsigned gone;

static void on_closed(void *arg) {
  (void)arg;
  gone++;
}

static void on_host_closed(uv_handle_t *h) {
  struct um_handles *g = h->data;
  uv_timer_t *timer =
      um_handle_alloc(sizeof *timer); /* the host's uv_close of one of ours */
  uv_timer_init(&loop, timer);
  um_handles_add(g, timer);
  uv_close((uv_handle_t *)timer, NULL);
  um_handle_close(timer);
  um_handles_close(g, on_closed);
}

Test(turns, a_hop_for_others_does_not_free_what_the_host_closed) {
  for (unsigned after = 0; after < 3; after++) {
    struct um_handles a, b;
    uv_idle_t host;
    begin();
    gone = 0;
    um_handles_init(&a, &turns, false, NULL);
    um_handles_init(&b, &turns, false, NULL);
    uv_idle_init(&loop, &host);
    host.data = &a;
    if (after == 0)
      um_handles_turn(&b, never);
    uv_close((uv_handle_t *)&host, on_host_closed);
    if (after == 1)
      um_handles_turn(&b, never);
    if (after == 2)
      um_handles_turn(&a, never);
    uv_run(&loop, UV_RUN_NOWAIT);
    um_handles_close(&b, on_closed);
    end();
    cr_assert_eq(gone, 2);
  }
}
