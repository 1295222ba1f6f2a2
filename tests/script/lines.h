/* script/lines.h: what one step of a script does, as lines of text. */
#ifndef SCRIPT_LINES_H
#define SCRIPT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define LINES_MAX 400

struct lines {
  char *text[LINES_MAX];
  int at[LINES_MAX]; /* line of the script */
  size_t n;
};

void lines_add(struct lines *l, const char *text, int at);
void lines_clear(struct lines *l);
/* cut: the input was cut, so the order between kinds of lines is free. */
bool lines_same(const struct lines *a, const struct lines *b, bool cut);

bool text_starts(const char *text, const char *with);

#endif
