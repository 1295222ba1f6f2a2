/* Plays the conversations in *.script: see support/script.h. */
#include "support/script.h"
#include "support/suite.h"
#include <dirent.h>
#include <string.h>

SUITE(session);

#define SCRIPTS_MAP(X)                                                         \
  X(acks)                                                                    \
  X(connack)                                                                 \
  X(connect)                                                                 \
  X(fallback)                                                                \
  X(keepalive)                                                               \
  X(limits)                                                                  \
  X(lost)                                                                    \
  X(publish)                                                                 \
  X(receive)                                                                 \
  X(requests)                                                                \
  X(resume)                                                                  \
  X(store)                                                                   \
  X(violations)

#define SCRIPT(name)                                                           \
  Test(session, plays_##name) {                                                \
    cr_assert_eq(script_play(SCRIPTS "/" #name ".script"), 0);                 \
  }                                                                            \
  Test(session, survives_without_memory_##name) {                              \
    cr_assert_eq(script_play_without_memory(SCRIPTS "/" #name ".script"), 0);  \
  }
SCRIPTS_MAP(SCRIPT)

static bool is_played(const char *file) {
#define X(name)                                                                \
  if (strcmp(file, #name ".script") == 0)                                      \
    return true;
  SCRIPTS_MAP(X)
#undef X
  return false;
}

Test(session, leaves_no_script_unplayed) {
  DIR *dir = opendir(SCRIPTS);
  cr_assert_not_null(dir);
  for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
    if (strstr(e->d_name, ".script") != NULL)
      cr_assert(is_played(e->d_name), "%s", e->d_name);
  closedir(dir);
}
