#include "client/text.h"

#include "support/suite.h"
#include <string.h>

SUITE(text);

static void expect(const char *from, size_t size, const char *to) {
  char got[64];
  size_t n = um_text_copy(got, size, from);
  cr_expect_str_eq(got, to);
  cr_expect_eq(n, strlen(to));
}

Test(text, plain_words_stay_as_they_are) {
  expect("", 64, "");
  expect("hello, w\xc3\xb6rld \xe2\x82\xac \xf0\x9f\x98\x80", 64,
         "hello, w\xc3\xb6rld \xe2\x82\xac \xf0\x9f\x98\x80");
}

/* No colours, no new lines, no bells. */
Test(text, what_would_command_a_terminal_is_taken_away) {
  expect("a\r\nb\x1b[31mc\x07\x7f", 64, "a??b?[31mc??");
  expect("a\xc2\x9b"
         "31m",
         64, "a?31m");              /* CSI in C1 */
  expect("a\xff\x80z", 64, "a??z"); /* no UTF-8 */
}

/* Unicode's own: ends of lines, and words that read backwards. */
Test(text, what_would_turn_the_line_is_taken_away) {
  expect("a\xe2\x80\xa8z\xe2\x80\xa9z", 64, "a?z?z");
  expect("a\xe2\x80\xaez\xe2\x81\xa6z\xe2\x80\x8f\xd8\x9c", 64, "a?z?z??");
  expect("\xe2\x80\xa7\xe2\x80\xaf\xe2\x80\x8d", 64, /* beside them */
         "\xe2\x80\xa7\xe2\x80\xaf\xe2\x80\x8d");
}

Test(text, is_cut_between_characters) {
  expect("abcdef", 4, "abc");
  expect("ab\xe2\x82\xac", 4, "ab");
  expect("ab\xe2\x82\xac", 6, "ab\xe2\x82\xac");
  expect("abc", 1, "");
}
