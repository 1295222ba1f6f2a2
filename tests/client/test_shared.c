#include "client/shared.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include <stdlib.h>
#include <string.h>

SUITE(shared);

static struct um_list of_loop;

static struct um_shared *make(int64_t keep_alive,
                              uvmqtt_message_cb on_message) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = keep_alive,
                        .on_message = on_message};
  struct um_shared *s = NULL;
  cr_assert_eq(um_shared_read(&o, &s), 0);
  return um_shared_unite(&of_loop, s);
}

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  (void)m, (void)message;
}

Test(shared, who_was_told_the_same_has_the_same) {
  um_list_init(&of_loop);
  struct um_shared *a = make(30, on_message), *b = make(30, on_message);
  cr_assert_eq(a, b);
  cr_assert_eq(a->config.keep_alive, 30);
  um_shared_unref(a);
  cr_assert_not(um_list_empty(&of_loop));
  cr_assert_eq(b->on_message, on_message);
  um_shared_unref(b);
  cr_assert(um_list_empty(&of_loop));
}

Test(shared, a_number_or_a_callback_makes_a_difference) {
  um_list_init(&of_loop);
  struct um_shared *all[] = {make(30, on_message), make(31, on_message),
                             make(30, NULL), make(31, on_message)};
  cr_assert_neq(all[0], all[1]);
  cr_assert_neq(all[0], all[2]);
  cr_assert_eq(all[1], all[3]);
  for (size_t i = 0; i < 4; i++)
    um_shared_unref(all[i]);
  cr_assert(um_list_empty(&of_loop));
}

/* Making the thousandth costs no more than making the tenth. */
Test(shared, only_the_latest_are_looked_at) {
  struct um_shared *all[20];
  um_list_init(&of_loop);
  for (int i = 0; i < 20; i++)
    all[i] = make(i + 1, NULL);
  struct um_shared *old = make(1, NULL), *late = make(20, NULL);
  cr_assert_neq(old, all[0]);
  cr_assert_eq(late, all[19]);
  for (size_t i = 0; i < 20; i++)
    um_shared_unref(all[i]);
  um_shared_unref(old);
  um_shared_unref(late);
}

Test(shared, what_cannot_be_used_leaves_nothing) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 65536};
  struct um_shared *s = NULL;
  cr_assert_eq(um_shared_read(&o, &s), UM_EINVAL);
  o.keep_alive = 1;
  um_alloc_fail_at(1, false);
  cr_assert_eq(um_shared_read(&o, &s), UM_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_null(s);
  um_shared_unref(s);
}
