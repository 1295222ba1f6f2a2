/* Look-ups shared by those who ask for the same name. */
#include "base/alloc.h"
#include "net/resolve.h"
#include "resolver.h"
#include "support/suite.h"
#include <poll.h>
#include <stdio.h>

SUITE(resolve);

struct asker {
  struct um_query q; /* first */
  unsigned answers;
  int status;
  size_t n;
  char first[64];
  void (*then)(struct asker *a);
};

static uv_loop_t loop;
static struct um_turns turns;
static struct um_handles handles;
static struct um_resolver resolver;
static bool closed;

static void begin(void) {
  cr_assert_eq(uv_loop_init(&loop), 0);
  um_turns_init(&turns, &loop);
  um_handles_init(&handles, &turns, true, NULL);
  um_resolver_init(&resolver, &handles);
}

static void on_closed(void *arg) {
  (void)arg;
  closed = true;
}

static void end(void) {
  um_resolver_close(&resolver);
  um_handles_close(&handles, on_closed);
  cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
  cr_assert(closed);
  cr_assert_eq(uv_loop_close(&loop), 0);
}

static void answered(struct um_query *q, int status,
                     const struct um_address *found, size_t n) {
  struct asker *a = (struct asker *)q;
  cr_assert((status == 0) == (n > 0));
  a->answers++;
  a->status = status;
  a->n = n;
  if (n > 0)
    um_address_print(&found[0], a->first, sizeof a->first);
  if (a->then != NULL)
    a->then(a);
}

static int ask(struct asker *a, const char *host) {
  a->q.host = host;
  a->q.answered = answered;
  um_list_init(&a->q.link);
  return resolver.names.ask(&resolver.names, &a->q);
}

static void drop(struct asker *a) {
  resolver.names.drop(&resolver.names, &a->q);
}

static void wait_for(struct asker *a, unsigned answers) {
  while (a->answers < answers)
    uv_run(&loop, UV_RUN_ONCE);
}

static void wait_started(unsigned n) {
  while (resolver_started() < n)
    poll(NULL, 0, 1);
}

Test(resolve, all_who_ask_share_one_look_up) {
  struct asker a[3] = {0};
  begin();
  for (size_t i = 0; i < 3; i++)
    cr_assert_eq(ask(&a[i], "slow.test"), 0);
  wait_started(1);
  resolver_let_go(1);
  for (size_t i = 0; i < 3; i++) {
    wait_for(&a[i], 1);
    cr_assert_eq(a[i].status, 0);
    cr_assert_eq(a[i].n, 1);
    cr_assert_str_eq(a[i].first, "127.0.0.1:0");
  }
  cr_assert_eq(resolver_started(), 1);
  end();
}

Test(resolve, who_asks_later_has_a_new_look_up) {
  struct asker a = {0};
  begin();
  resolver_let_go(2);
  cr_assert_eq(ask(&a, "slow.test"), 0);
  wait_for(&a, 1);
  cr_assert_eq(ask(&a, "slow.test"), 0);
  wait_for(&a, 2);
  cr_assert_eq(resolver_started(), 2);
  end();
}

static void ask_again(struct asker *a) {
  a->then = NULL;
  cr_assert_eq(ask(a, "slow.test"), 0);
}

Test(resolve, asking_in_an_answer) {
  struct asker a = {.then = ask_again}, b = {0};
  begin();
  resolver_let_go(2);
  cr_assert_eq(ask(&a, "slow.test"), 0);
  cr_assert_eq(ask(&b, "slow.test"), 0);
  wait_for(&a, 2);
  cr_assert_eq(b.answers, 1);
  cr_assert_eq(resolver_started(), 2);
  end();
}

static struct asker *other;

static void drop_other(struct asker *a) {
  (void)a;
  drop(other);
}

Test(resolve, dropping_another_in_an_answer) {
  struct asker a = {.then = drop_other}, b = {0};
  begin();
  other = &b;
  resolver_let_go(1);
  cr_assert_eq(ask(&a, "slow.test"), 0);
  cr_assert_eq(ask(&b, "slow.test"), 0);
  wait_for(&a, 1);
  cr_assert_eq(b.answers, 0);
  end();
}

Test(resolve, a_dropped_look_up_goes_on_for_the_next_who_asks) {
  struct asker a = {0}, b = {0};
  begin();
  cr_assert_eq(ask(&a, "slow.test"), 0);
  wait_started(1);
  drop(&a);
  cr_assert_eq(ask(&b, "slow.test"), 0);
  resolver_let_go(1);
  wait_for(&b, 1);
  cr_assert_eq(resolver_started(), 1);
  cr_assert_eq(a.answers, 0);
  end();
}

Test(resolve, the_resolver_closes_while_a_look_up_runs) {
  struct asker a = {0};
  begin();
  cr_assert_eq(ask(&a, "slow.test"), 0);
  wait_started(1);
  drop(&a);
  um_resolver_close(&resolver);
  um_handles_close(&handles, on_closed);
  while (!closed)
    uv_run(&loop, UV_RUN_NOWAIT);
  resolver_let_go(1);
  cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
  cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(resolve, what_was_known_last_is_kept) {
  struct asker a = {0};
  struct um_address last[UM_ADDRESSES];
  begin();
  cr_assert_eq(resolver.names.last(&resolver.names, "pair.test", last), 0);
  cr_assert_eq(ask(&a, "pair.test"), 0);
  wait_for(&a, 1);
  cr_assert_eq(resolver.names.last(&resolver.names, "pair.test", last), 2);
  cr_assert_eq(resolver.names.last(&resolver.names, "mixed.test", last), 0);
  end();
}

/* O03 */
Test(resolve, failures_are_told_and_nothing_is_known_by_them) {
  static const struct {
    const char *host;
    int status;
  } rows[] = {{"nosuch.test", UV_EAI_NONAME},
              {"empty.test", UV_EAI_ADDRFAMILY}};
  struct um_address last[UM_ADDRESSES];
  begin();
  for (size_t i = 0; i < 2; i++) {
    struct asker a = {0};
    cr_assert_eq(ask(&a, rows[i].host), 0);
    wait_for(&a, 1);
    cr_assert_eq(a.status, rows[i].status);
    cr_assert_eq(resolver.names.last(&resolver.names, rows[i].host, last), 0);
  }
  end();
}

/* O03 */
Test(resolve, no_more_than_sixteen_addresses) {
  struct asker a = {0};
  begin();
  cr_assert_eq(ask(&a, "dead.test"), 0);
  wait_for(&a, 1);
  cr_assert_eq(a.n, UM_ADDRESSES);
  end();
}

Test(resolve, names_that_nobody_asks_for_give_way) {
  char host[32];
  begin();
  for (unsigned i = 0; i < 200; i++) {
    struct asker a = {0};
    snprintf(host, sizeof host, "nosuch%u.test", i);
    cr_assert_eq(ask(&a, host), 0);
    wait_for(&a, 1);
    cr_assert_eq(a.status, UV_EAI_NONAME);
  }
  cr_assert_leq(resolver.n_known, 65);
  end();
}

/* O12 */
Test(resolve, survives_every_failed_allocation) {
  for (uint64_t n = 1; n < 10; n++) {
    struct asker a = {0};
    begin();
    um_alloc_fail_at(n, false);
    int r = ask(&a, "pair.test");
    cr_assert(r == 0 || r == UV_ENOMEM);
    if (r == 0)
      wait_for(&a, 1);
    cr_assert(r == UV_ENOMEM || a.status == 0 || a.status == UV_ENOMEM);
    um_alloc_fail_at(0, false);
    end();
    closed = false;
  }
}
