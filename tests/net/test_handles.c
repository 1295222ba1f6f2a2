#include "net/handles.h"
#include "support/suite.h"

SUITE(handles);

/* One group with a timer, an idle and a connection-less TCP handle. */
struct owner {
  uv_loop_t loop;
  struct um_turns hops;
  struct um_handles g;
  uv_timer_t *timer;
  uv_tcp_t *tcp;
  unsigned closed, turns;
};

static void on_closed(void *arg) {
  ++((struct owner *)arg)->closed;
}

static void on_turn(void *arg) {
  ++((struct owner *)arg)->turns;
}

static void never(uv_timer_t *timer) {
  (void)timer;
  cr_assert(false);
}

static void add_timer(struct owner *o) {
  o->timer = um_handle_alloc(sizeof *o->timer);
  cr_assert_eq(uv_timer_init(&o->loop, o->timer), 0);
  um_handles_add(&o->g, o->timer);
  uv_timer_start(o->timer, never, 1000000, 0);
}

static void begin(struct owner *o) {
  *o = (struct owner){.closed = 0};
  cr_assert_eq(uv_loop_init(&o->loop), 0);
  um_turns_init(&o->hops, &o->loop);
  um_handles_init(&o->g, &o->hops, false, o);
}

static void begin_with_two(struct owner *o) {
  begin(o);
  add_timer(o);
  o->tcp = um_handle_alloc(sizeof *o->tcp);
  cr_assert_eq(uv_tcp_init_ex(&o->loop, o->tcp, AF_INET), 0);
  um_handles_add(&o->g, o->tcp);
}

static void close_all(struct owner *o) {
  um_handles_close(&o->g, on_closed);
  cr_assert_eq(o->closed, 0, "closed inside the call");
}

static void end(struct owner *o) {
  cr_assert_eq(uv_run(&o->loop, UV_RUN_DEFAULT), 0);
  cr_assert_eq(o->closed, 1);
  cr_assert_eq(uv_loop_close(&o->loop), 0);
}

static void close_any(uv_handle_t *h, void *arg) {
  (void)arg;
  if (!uv_is_closing(h))
    uv_close(h, NULL);
}

static void walk(struct owner *o) {
  uv_walk(&o->loop, close_any, NULL);
}

Test(handles, closed_comes_when_all_are_gone) {
  struct owner o;
  begin_with_two(&o);
  close_all(&o);
  end(&o);
}

Test(handles, closed_comes_later_even_if_there_were_none) {
  struct owner o;
  begin(&o);
  close_all(&o);
  cr_assert(uv_loop_alive(&o.loop));
  end(&o);
}

Test(handles, an_init_that_failed_is_given_back) {
  um_handle_free(um_handle_alloc(sizeof(uv_tcp_t)));
  um_handle_free(NULL);
}

Test(handles, one_is_closed_early_and_freed_early) {
  struct owner o;
  begin_with_two(&o);
  um_handle_close(o.tcp);
  uv_run(&o.loop, UV_RUN_NOWAIT);
  cr_assert_not(um_handles_own(&o.g, (uv_handle_t *)o.tcp));
  cr_assert(um_handles_own(&o.g, (uv_handle_t *)o.timer));
  close_all(&o);
  end(&o);
}

Test(handles, host_closes_all_before_us_in_the_same_turn) {
  struct owner o;
  begin_with_two(&o);
  walk(&o);
  close_all(&o);
  end(&o);
}

Test(handles, host_closes_all_after_us_in_the_same_turn) {
  struct owner o;
  begin_with_two(&o);
  close_all(&o);
  walk(&o);
  end(&o);
}

Test(handles, host_closed_all_turns_before_us) {
  struct owner o;
  begin_with_two(&o);
  walk(&o);
  while (uv_run(&o.loop, UV_RUN_NOWAIT) != 0)
    ;
  close_all(&o);
  end(&o);
}

Test(handles, host_closes_all_between_two_of_our_closes) {
  struct owner o;
  begin_with_two(&o);
  um_handle_close(o.tcp);
  walk(&o);
  um_handle_close(o.timer);
  uv_run(&o.loop, UV_RUN_NOWAIT);
  close_all(&o);
  end(&o);
}

Test(handles, host_walks_in_every_turn_until_we_are_gone) {
  for (unsigned at = 0; at < 5; ++at) {
    struct owner o;
    begin_with_two(&o);
    um_handles_turn(&o.g, on_turn);
    for (unsigned turn = 0; turn < 5; ++turn) {
      walk(&o);
      if (turn == at)
        close_all(&o);
      walk(&o);
      uv_run(&o.loop, UV_RUN_NOWAIT);
    }
    end(&o);
  }
}

/* A host's handles that close ours from inside their own close callbacks, so
 * that ours is done in the batch after. */
static void on_host_closed(uv_handle_t *h) {
  struct owner *o = h->data;
  walk(o);
  close_all(o);
}

Test(handles, host_closes_ours_from_a_close_callback) {
  struct owner o;
  uv_idle_t first, second;
  begin_with_two(&o);
  uv_idle_init(&o.loop, &first);
  uv_idle_init(&o.loop, &second);
  first.data = &o;
  uv_close((uv_handle_t *)&first, on_host_closed);
  uv_close((uv_handle_t *)&second, NULL);
  end(&o);
}

static void on_host_closed_with_callback(uv_handle_t *h) {
  ++*(unsigned *)h->data;
}

Test(handles, memory_outlives_a_close_callback_of_the_host) {
  struct owner o;
  unsigned called = 0;
  begin_with_two(&o);
  o.tcp->data = &called;
  uv_close((uv_handle_t *)o.tcp, on_host_closed_with_callback);
  close_all(&o);
  end(&o);
  cr_assert_eq(called, 1);
}

/* The memory of a first stolen handle waits for two hops; a second one, stolen
 * while they run, for two of its own. */
static void steal_second(uv_handle_t *h) {
  struct owner *o = h->data;
  if (!uv_is_closing((uv_handle_t *)o->timer))
    uv_close((uv_handle_t *)o->timer, NULL);
  um_handle_close(o->timer);
}

Test(handles, a_second_theft_waits_for_itself) {
  struct owner o;
  uv_idle_t mine;
  begin_with_two(&o);
  uv_idle_init(&o.loop, &mine);
  mine.data = &o;
  uv_close((uv_handle_t *)&mine, steal_second);
  uv_close((uv_handle_t *)o.tcp, NULL);
  um_handle_close(o.tcp);
  uv_run(&o.loop, UV_RUN_NOWAIT);
  close_all(&o);
  end(&o);
}

Test(handles, a_turn_comes_once_and_not_inside_the_call) {
  struct owner o;
  begin(&o);
  um_handles_turn(&o.g, on_turn);
  um_handles_turn(&o.g, on_turn);
  cr_assert_eq(o.turns, 0);
  uv_run(&o.loop, UV_RUN_DEFAULT);
  cr_assert_eq(o.turns, 1);
  um_handles_turn(&o.g, on_turn);
  close_all(&o);
  end(&o);
  cr_assert_eq(o.turns, 1, "a turn after close");
}

static void again(void *arg) {
  struct owner *o = arg;
  if (++o->turns < 3)
    um_handles_turn(&o->g, again);
}

Test(handles, a_turn_may_ask_for_another) {
  struct owner o;
  begin(&o);
  um_handles_turn(&o.g, again);
  uv_run(&o.loop, UV_RUN_DEFAULT);
  cr_assert_eq(o.turns, 3);
  close_all(&o);
  end(&o);
}

Test(handles, what_is_held_delays_closed) {
  struct owner o;
  begin_with_two(&o);
  um_handles_hold(&o.g);
  close_all(&o);
  uv_run(&o.loop, UV_RUN_DEFAULT);
  cr_assert_eq(o.closed, 0);
  um_handles_release(&o.g);
  end(&o);
}

Test(handles, unref_holds_for_present_and_future_ones) {
  struct owner o;
  begin_with_two(&o);
  um_handles_ref(&o.g, false);
  cr_assert_not(uv_loop_alive(&o.loop));
  um_handle_close(o.timer);
  add_timer(&o);
  uv_run(&o.loop, UV_RUN_DEFAULT);
  cr_assert_not(uv_loop_alive(&o.loop));
  um_handles_ref(&o.g, true);
  cr_assert(uv_loop_alive(&o.loop));
  close_all(&o);
  end(&o);
}
