#include "session/spoken.h"

#include "base/alloc.h"
#include "session/stage.h"
#include "support/suite.h"
#include <stddef.h>

SUITE(spoken);

static struct um_spoken *list;

static void note(uint64_t server) {
  struct um_spoken *s = um_spoken_note(&list, server);
  cr_assert(s != NULL);
  s->only_311 = true;
}

static bool is_known(uint64_t server) {
  const struct um_spoken *s = um_spoken_find(&list, server);
  cr_assert(s == NULL || (s->server == server && s->only_311));
  return s != NULL;
}

Test(spoken, nothing_is_known_of_others) {
  list = NULL;
  cr_expect(!is_known(0));
  note(0);
  note(UINT64_MAX);
  cr_expect(is_known(0));
  cr_expect(is_known(UINT64_MAX));
  cr_expect(!is_known(1));
  cr_expect_eq(um_spoken_note(&list, 0), um_spoken_find(&list, 0));
  um_spoken_done(&list);
  cr_expect_eq(list, NULL);
  cr_expect(!is_known(0));
}

Test(spoken, looking_for_what_is_not_there_takes_no_memory) {
  list = NULL;
  um_alloc_fail_at(0, false);
  cr_expect(!is_known(7));
  cr_expect_eq(um_alloc_calls(), 0);
}

Test(spoken, without_memory_the_others_are_still_known) {
  list = NULL;
  note(1);
  um_alloc_fail_at(1, false);
  cr_expect_eq(um_spoken_note(&list, 2), NULL);
  um_alloc_fail_at(0, false);
  cr_expect(is_known(1));
  cr_expect(!is_known(2));
  um_spoken_done(&list);
}

static unsigned length(void) {
  unsigned n = 0;
  for (const struct um_spoken *s = list; s != NULL; s = s->next)
    n++;
  return n;
}

Test(spoken, the_list_is_bounded_and_keeps_what_is_needed) {
  list = NULL;
  for (uint64_t server = 1; server <= 1000; server++) {
    note(server);
    cr_assert(is_known(1), "asked for each time, lost at %u", (unsigned)server);
  }
  cr_expect_eq(length(), UM_SPOKEN_MAX);
  cr_expect(!is_known(2));
  for (uint64_t server = 1000; server > 1000 - UM_SPOKEN_MAX + 1; server--)
    cr_expect(is_known(server));
  um_spoken_done(&list);
}

/* Not at speed either: there is a delay before it is asked in 5.0 again. */
Test(spoken, without_memory_a_server_is_asked_again_later) {
  static struct stage st;
  uint8_t refusal[] = {0x20, 2, 0, 1}, again[] = {0x20, 2, 0, 1};
  stage_open(&st, 5);
  st.config.version = UVMQTT_VERSION_ANY;
  cr_assert_eq(um_session_up(&st.session, st.now), 0);
  um_alloc_fail_at(1, false);
  cr_expect_eq(um_session_feed(&st.session, st.now, refusal, 4),
               UVMQTT_EVERSION);
  um_alloc_fail_at(0, false);
  stage_down(&st);
  cr_expect(!st.session.ending.retry_now);
  cr_expect_eq(st.session.version, UM_V5);
  LOGS(&st, "");
  cr_assert_eq(um_session_up(&st.session, st.now), 0);
  cr_expect_eq(um_session_feed(&st.session, st.now, again, 4), UVMQTT_EVERSION);
  stage_down(&st);
  cr_expect(st.session.ending.retry_now);
  cr_expect_eq(st.session.version, UM_V311);
  stage_close(&st);
}
