#include "session/inbox.h"

#include "base/alloc.h"
#include "support/suite.h"

SUITE(inbox);

/* [MQTT-4.3.3-10/5], [MQTT-4.3.3-12/5] */
Test(inbox, delivers_an_id_once_until_it_is_released) {
  struct um_inbox in;
  um_inbox_init(&in);
  cr_assert_eq(um_inbox_receive(&in, 7, 10), UM_INBOX_NEW);
  cr_assert_eq(um_inbox_receive(&in, 7, 10), UM_INBOX_DUPLICATE);
  cr_assert_eq(in.n_open, 1);
  cr_assert_eq(in.n_here, 1);
  cr_assert(um_inbox_release(&in, 7));
  cr_assert_not(um_inbox_release(&in, 7));
  cr_assert_eq(in.n_open, 0);
  cr_assert_eq(in.n_here, 0);
  cr_assert_eq(um_inbox_receive(&in, 7, 10), UM_INBOX_NEW);
  um_inbox_done(&in);
}

Test(inbox, releases_nothing_before_the_first_message) {
  struct um_inbox in;
  um_inbox_init(&in);
  cr_assert_not(um_inbox_release(&in, 1));
  cr_assert_not(um_inbox_is_open_here(&in, 1));
  cr_assert(um_inbox_has_room(&in, 1));
  cr_assert_not(um_inbox_has_room(&in, 0));
  um_inbox_new_connection(&in);
  um_inbox_clear(&in);
  um_inbox_done(&in);
}

/* N47 */
Test(inbox, refuses_more_than_receive_maximum) {
  struct um_inbox in;
  um_inbox_init(&in);
  cr_assert_eq(um_inbox_receive(&in, 1, 2), UM_INBOX_NEW);
  cr_assert(um_inbox_has_room(&in, 2));
  cr_assert_eq(um_inbox_receive(&in, 65535, 2), UM_INBOX_NEW);
  cr_assert_not(um_inbox_has_room(&in, 2));
  cr_assert_eq(um_inbox_receive(&in, 3, 2), UM_INBOX_OVER);
  cr_assert_eq(in.n_open, 2);
  cr_assert_eq(um_inbox_receive(&in, 1, 2), UM_INBOX_DUPLICATE);
  um_inbox_done(&in);
}

/* N48 */
Test(inbox, counts_a_redelivery_once_on_the_new_connection) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_inbox_receive(&in, 5, 1);
  cr_assert(um_inbox_is_open_here(&in, 5));
  um_inbox_new_connection(&in);
  cr_assert_not(um_inbox_is_open_here(&in, 5));
  cr_assert_eq(in.n_here, 0);
  cr_assert_eq(um_inbox_receive(&in, 5, 1), UM_INBOX_DUPLICATE);
  cr_assert_eq(um_inbox_receive(&in, 5, 1), UM_INBOX_DUPLICATE);
  cr_assert_eq(in.n_here, 1);
  cr_assert_eq(um_inbox_receive(&in, 6, 1), UM_INBOX_OVER);
  cr_assert(um_inbox_release(&in, 5));
  cr_assert_eq(um_inbox_receive(&in, 6, 1), UM_INBOX_NEW);
  um_inbox_done(&in);
}

Test(inbox, releases_an_id_of_an_earlier_connection) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_inbox_receive(&in, 5, 9);
  um_inbox_receive(&in, 6, 9);
  um_inbox_new_connection(&in);
  um_inbox_receive(&in, 6, 9);
  cr_assert(um_inbox_release(&in, 5));
  cr_assert_eq(in.n_here, 1);
  cr_assert_eq(in.n_open, 1);
  um_inbox_done(&in);
}

Test(inbox, forgets_all_with_the_session) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_inbox_receive(&in, 5, 9);
  um_inbox_clear(&in);
  cr_assert_eq(in.n_open, 0);
  cr_assert_eq(in.n_here, 0);
  cr_assert_not(um_inbox_release(&in, 5));
  cr_assert_eq(um_inbox_receive(&in, 5, 9), UM_INBOX_NEW);
  um_inbox_done(&in);
}

/* N53: every id at once, in bounded memory */
Test(inbox, holds_all_ids) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_alloc_fail_at(0, false);
  for (unsigned id = 1; id <= 65535; id++)
    cr_assert_eq(um_inbox_receive(&in, (uint16_t)id, 65535), UM_INBOX_NEW);
  cr_assert_eq(um_alloc_calls(), 1);
  for (unsigned id = 1; id <= 65535; id++)
    cr_assert(um_inbox_release(&in, (uint16_t)id));
  cr_assert_eq(in.n_open + in.n_here, 0);
  um_inbox_done(&in);
}

Test(inbox, says_so_without_memory_and_works_again) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_alloc_fail_at(1, false);
  cr_assert_eq(um_inbox_receive(&in, 5, 9), UM_INBOX_NOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(in.n_open, 0);
  cr_assert_eq(um_inbox_receive(&in, 5, 9), UM_INBOX_NEW);
  um_inbox_done(&in);
}

/* Manual acknowledgement. */

/* [MQTT-4.3.3-10/5], [MQTT-4.3.3-12/5] */
Test(inbox, holds_an_id_until_it_is_accepted_and_answered) {
  struct um_inbox in;
  um_inbox_init(&in);
  cr_assert_not(um_inbox_is_held(&in, 7));
  cr_assert_not(um_inbox_knows(&in, 7));
  cr_assert_eq(um_inbox_hold(&in, 7, 1), UM_INBOX_NEW);
  cr_assert_eq(um_inbox_hold(&in, 7, 1), UM_INBOX_HELD);
  cr_assert_eq(um_inbox_hold(&in, 8, 1), UM_INBOX_OVER);
  cr_assert(um_inbox_knows(&in, 7));
  cr_assert_eq(in.n_open, 0);
  um_inbox_accept(&in, 7);
  cr_assert_eq(um_inbox_hold(&in, 7, 1), UM_INBOX_HELD);
  um_inbox_answered(&in, 7, false);
  cr_assert_not(um_inbox_is_held(&in, 7));
  cr_assert_eq(um_inbox_hold(&in, 7, 1), UM_INBOX_DUPLICATE);
  cr_assert_eq(um_inbox_hold(&in, 8, 1), UM_INBOX_OVER);
  cr_assert(um_inbox_release(&in, 7));
  cr_assert_eq(um_inbox_hold(&in, 7, 1), UM_INBOX_NEW);
  um_inbox_done(&in);
}

/* [MQTT-4.3.3-9/5] */
Test(inbox, frees_an_id_that_was_refused) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_inbox_hold(&in, 7, 1);
  um_inbox_answered(&in, 7, true);
  cr_assert_not(um_inbox_knows(&in, 7));
  cr_assert_eq(in.n_here, 0);
  cr_assert_eq(um_inbox_hold(&in, 7, 1), UM_INBOX_NEW);
  um_inbox_done(&in);
}

Test(inbox, knows_on_a_new_connection_what_was_accepted_and_not_what_was_held) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_inbox_hold(&in, 7, 9);
  um_inbox_hold(&in, 8, 9);
  um_inbox_accept(&in, 8);
  um_inbox_new_connection(&in);
  cr_assert_not(um_inbox_is_held(&in, 7));
  cr_assert_eq(um_inbox_hold(&in, 7, 2), UM_INBOX_NEW);
  cr_assert_eq(um_inbox_hold(&in, 8, 2), UM_INBOX_RESENT);
  cr_assert_eq(um_inbox_hold(&in, 8, 2), UM_INBOX_HELD);
  cr_assert_eq(in.n_here, 2);
  um_inbox_answered(&in, 8, false);
  cr_assert(um_inbox_release(&in, 8));
  um_inbox_done(&in);
}

Test(inbox, holds_nothing_without_memory) {
  struct um_inbox in;
  um_inbox_init(&in);
  um_alloc_fail_at(1, false);
  cr_assert_eq(um_inbox_hold(&in, 5, 9), UM_INBOX_NOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(in.n_here, 0);
  cr_assert_eq(um_inbox_hold(&in, 5, 9), UM_INBOX_NEW);
  um_inbox_done(&in);
}
