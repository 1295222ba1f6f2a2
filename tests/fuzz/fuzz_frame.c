/* Input: a byte of conditions (1: 5.0, 2: from the server, the rest a maximum
 * packet size), where to cut, then a stream. The same packets must come out
 * whole, cut there and byte by byte. */
#include "wire/player.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *play(const uint8_t *data, size_t size, size_t cut) {
  struct player p = {.version = data[0] & 1 ? UM_V5 : UM_V311,
                     .from = data[0] & 2 ? UM_SERVER : UM_CLIENT,
                     .limit = data[0] & 0xFC ? data[0] & 0xFC : SIZE_MAX,
                     .cut = cut};
  return player_trace(&p, data + 2, size - 2, NULL);
}

static void same(const char *whole, char *other, size_t cut) {
  if (strcmp(whole, other) != 0) {
    fprintf(stderr, "whole\n%scut %zu\n%s", whole, cut, other);
    abort();
  }
  free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2 || size > 4096)
    return -1;
  char *whole = play(data, size, 0);
  same(whole, play(data, size, data[1]), data[1]);
  same(whole, play(data, size, SIZE_MAX), SIZE_MAX);
  free(whole);
  return 0;
}
