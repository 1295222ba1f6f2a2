/* Plays bytes through frame and decode the way a connection would. */
#ifndef TESTS_WIRE_PLAYER_H
#define TESTS_WIRE_PLAYER_H

#include "wire/packet.h"

struct player {
  uint8_t version, from;
  size_t limit;
  /* pieces: the first `cut` bytes, then the rest; 0 is everything at once,
   * SIZE_MAX byte by byte */
  size_t cut;
};

/* The trace of what came out, to be freed: a line for each packet, then "error
 * NAME" or "partial" when something is missing at the end. *ret_again, when
 * not NULL, gets what um_encode made of the decoded packets; to be freed. */
char *player_trace(const struct player *p, const uint8_t *bytes, size_t len,
                   struct um_buf *ret_again);

#endif
