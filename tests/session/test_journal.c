#include "session/journal.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include <string.h>

SUITE(journal);

static struct um_journal j;
static struct um_buf out;
static uint64_t batches[20];
static size_t sizes[20], n_batches;

static void late(void *up, const struct um_store_op *ops, size_t n,
                 uint64_t batch) {
  cr_assert_eq(up, &out);
  for (size_t i = 0; i < n; i++)
    cr_assert_eq(ops[i].kind, UM_STORE_DEL_OUT);
  batches[n_batches] = batch;
  sizes[n_batches++] = n;
}

static void now(void *up, const struct um_store_op *ops, size_t n,
                uint64_t batch) {
  late(up, ops, n, batch);
  um_journal_stored(&j, batch);
}

static void begin(um_commit_fn commit) {
  n_batches = 0;
  um_buf_init(&out, 1000, NULL);
  um_journal_init(&j, commit, &out, &out, 1000);
}

static void end(void) {
  um_journal_done(&j);
  um_buf_done(&out);
}

static void record(void) {
  um_journal_put(&j, &(struct um_store_op){.kind = UM_STORE_DEL_OUT});
}

static void write(const char *text) {
  cr_assert_eq(um_buf_append(um_journal_out(&j), text, strlen(text)), 0);
  um_journal_mark(&j);
}

static void expect(const char *text) {
  cr_assert_eq(out.len, strlen(text));
  cr_assert(out.len == 0 || memcmp(um_buf_head(&out), text, out.len) == 0);
}

Test(journal, has_room_for_all_that_was_reserved) {
  begin(late);
  cr_assert_eq(um_journal_reserve(&j, 100), 0);
  um_alloc_fail_at(1, true);
  for (unsigned i = 0; i < 100; i++)
    record();
  um_alloc_fail_at(0, false);
  um_journal_commit(&j);
  cr_assert_eq(n_batches, 1);
  cr_assert_eq(sizes[0], 100);
  end();
}

Test(journal, with_the_memory_store_holds_and_records_nothing) {
  begin(NULL);
  um_alloc_fail_at(0, false);
  record();
  cr_assert_eq(um_alloc_calls(), 0);
  write("a");
  expect("a");
  um_journal_commit(&j);
  expect("a");
  end();
}

Test(journal, lets_bytes_through_when_nothing_is_pending) {
  begin(late);
  write("a");
  um_journal_commit(&j);
  expect("a");
  cr_assert_eq(n_batches, 0);
  end();
}

Test(journal, holds_bytes_until_their_batch_is_durable) {
  begin(late);
  record();
  record();
  write("ab");
  expect("");
  um_journal_commit(&j);
  cr_assert_eq(n_batches, 1);
  cr_assert_eq(batches[0], 1);
  cr_assert_eq(sizes[0], 2);
  expect("");
  um_journal_stored(&j, 1);
  expect("ab");
  end();
}

Test(journal, releases_batch_by_batch_in_order) {
  begin(late);
  for (int i = 0; i < 3; i++) {
    record();
    write(i == 0 ? "a" : i == 1 ? "b" : "c");
    um_journal_commit(&j);
  }
  um_journal_stored(&j, 1);
  expect("a");
  write("d"); /* depends on everything before it */
  um_journal_stored(&j, 2);
  expect("ab");
  um_journal_stored(&j, 3);
  expect("abcd");
  write("e");
  expect("abcde");
  end();
}

Test(journal, an_answer_for_a_later_batch_counts_for_the_earlier) {
  begin(late);
  record();
  write("a");
  um_journal_commit(&j);
  record();
  write("b");
  um_journal_commit(&j);
  um_journal_stored(&j, 2);
  expect("ab");
  um_journal_stored(&j, 1);
  expect("ab");
  end();
}

Test(journal, bytes_behind_a_handed_over_batch_wait_for_it) {
  begin(late);
  record();
  um_journal_commit(&j);
  write("a"); /* nothing held so far, but batch 1 is not durable */
  expect("");
  um_journal_stored(&j, 1);
  expect("a");
  end();
}

Test(journal, a_store_that_answers_inside_commit) {
  begin(now);
  record();
  write("a");
  expect("");
  um_journal_commit(&j);
  expect("a");
  write("b");
  expect("ab");
  end();
}

Test(journal, drop_forgets_the_bytes_and_keeps_the_records) {
  begin(late);
  record();
  write("a");
  um_journal_drop(&j);
  um_journal_commit(&j);
  cr_assert_eq(n_batches, 1);
  write("b"); /* of the next connection */
  um_journal_stored(&j, 1);
  expect("b");
  end();
}

Test(journal, says_so_when_a_record_is_lost) {
  begin(late);
  um_alloc_fail_at(1, false);
  record();
  um_alloc_fail_at(0, false);
  cr_assert(j.failed);
  end();
}

Test(journal, loses_no_order_when_marks_are_many) {
  begin(late);
  char text[] = "a";
  for (int i = 0; i < 20; i++) {
    record();
    text[0] = (char)('a' + i);
    write(text);
    um_journal_commit(&j);
  }
  for (uint64_t b = 1; b <= 20; b++) {
    um_journal_stored(&j, b);
    cr_assert_eq(out.len, b);
  }
  expect("abcdefghijklmnopqrst");
  end();
}

Test(journal, that_is_broken_lets_nothing_out_and_stores_nothing) {
  begin(late);
  record();
  write("a");
  um_journal_commit(&j);
  um_journal_break(&j);
  um_journal_stored(&j, 1);
  expect("");
  cr_assert_null(um_journal_out(&j));
  cr_assert_eq(um_journal_error(&j), UVMQTT_ESTORE);
  record();
  um_journal_commit(&j);
  um_journal_new_connection(&j);
  cr_assert_null(um_journal_out(&j));
  cr_assert_eq(n_batches, 1);
  end();
}
