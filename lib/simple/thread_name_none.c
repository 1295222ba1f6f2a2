#include "simple/thread_name.h"

void um_thread_name(const char *name) {
  (void)name;
}
