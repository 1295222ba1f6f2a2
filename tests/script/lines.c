#include "script/lines.h"

#include <stdlib.h>
#include <string.h>

void lines_add(struct lines *l, const char *text, int at) {
  if (l->n == LINES_MAX)
    abort();
  l->at[l->n] = at;
  l->text[l->n++] = strcpy(malloc(strlen(text) + 1), text);
}

void lines_clear(struct lines *l) {
  for (size_t i = 0; i < l->n; i++)
    free(l->text[i]);
  l->n = 0;
}

bool text_starts(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* Cutting the input cannot change the order within one of these, but between
 * them it may: the session is drained and settled in between. */
enum class { SENT_REQUEST, SENT_OTHER, COMPLETED, COMMITTED, OTHER, N_CLASSES };

static enum class class_of(const char *text) {
  if (text_starts(text, "-> PUBLISH") || text_starts(text, "-> SUBSCRIBE") ||
      text_starts(text, "-> UNSUBSCRIBE") || text_starts(text, "-> 3") ||
      text_starts(text, "-> 8") ||
      text_starts(text, "-> a")) return SENT_REQUEST;
  if (text_starts(text, "->")) return SENT_OTHER;
  if (text_starts(text, "event completed")) return COMPLETED;
  return text_starts(text, "commit") ? COMMITTED : OTHER;
}

static void by_class(const struct lines *from, const char *ret[LINES_MAX]) {
  size_t n = 0;
  for (int c = 0; c < N_CLASSES; c++)
    for (size_t i = 0; i < from->n; i++)
      if ((int)class_of(from->text[i]) == c)
        ret[n++] = from->text[i];
}

static void in_order(const struct lines *from, const char *ret[LINES_MAX]) {
  for (size_t i = 0; i < from->n; i++)
    ret[i] = from->text[i];
}

bool lines_same(const struct lines *a, const struct lines *b, bool cut) {
  static const char *left[LINES_MAX], *right[LINES_MAX];
  void (*arrange)(const struct lines *, const char **) =
      cut ? by_class : in_order;
  arrange(a, left);
  arrange(b, right);
  bool same = a->n == b->n;
  for (size_t i = 0; same && i < a->n; i++)
    same = strcmp(left[i], right[i]) == 0;
  return same;
}
