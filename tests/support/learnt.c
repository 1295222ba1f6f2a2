#define _GNU_SOURCE /* memmem */
#include "support/learnt.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LEARNT_MIN 8u
#define LEARNT_MAX 64u
#define MEMORY 32u

struct memory {
  char text[MEMORY][LEARNT_MAX + 1];
  size_t len[MEMORY];
  unsigned n; /* all that were learnt */
};

static struct memory memories[LEARNT_KINDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned known(const struct memory *m) {
  return m->n < MEMORY ? m->n : MEMORY;
}

static bool is_known(const struct memory *m, const void *p, size_t len) {
  for (unsigned i = 0; i < known(m); i++)
    if (m->len[i] == len && memcmp(m->text[i], p, len) == 0)
      return true;
  return false;
}

void learn(enum learnt kind, const void *p, size_t len) {
  struct memory *m = &memories[kind];
  if (len > LEARNT_MAX)
    len = LEARNT_MAX;
  if (len < LEARNT_MIN || memchr(p, 0, len) != NULL)
    return;
  pthread_mutex_lock(&lock);
  if (!is_known(m, p, len)) {
    unsigned at = m->n++ % MEMORY;
    memcpy(m->text[at], p, len);
    m->text[at][len] = '\0';
    m->len[at] = len;
  }
  pthread_mutex_unlock(&lock);
}

void learn_text(enum learnt kind, const char *text) {
  if (text != NULL)
    learn(kind, text, strlen(text));
}

const char *learnt_in(enum learnt kind, const void *p, size_t len) {
  const struct memory *m = &memories[kind];
  const char *ret = NULL;
  pthread_mutex_lock(&lock);
  for (unsigned i = 0; i < known(m) && ret == NULL; i++)
    if (memmem(p, len, m->text[i], m->len[i]) != NULL)
      ret = m->text[i];
  pthread_mutex_unlock(&lock);
  return ret;
}
