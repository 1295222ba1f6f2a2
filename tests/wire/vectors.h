/* The text files of tests/vectors. A block is
 *
 *   N13 PUBLISH with QoS 3 is malformed        title: family or rule, behaviour
 *   version 5 from server                      4, 5 or any; client, server, any
 *     36 05 | 00 01 "a" | 00 01                bytes, see support/hex.h
 *   => error EMALFORMED                        what comes of it, line by line
 *
 * "limit 100" behind the sender sets the maximum packet size. "~>" instead of
 * "=>": valid, but our own encoding of the same packet is another one. Lines
 * that begin with # are comments; an empty line ends the block. */
#ifndef TESTS_WIRE_VECTORS_H
#define TESTS_WIRE_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VECTOR_MAX 200000

struct vector {
  const char *file;
  int line;
  char title[200];
  uint8_t version; /* UM_V311 or UM_V5 */
  uint8_t from;    /* enum um_side */
  size_t limit;
  uint8_t *bytes;
  size_t len;
  char expect[8192];
  bool canonical;
};

/* Calls back for every block, version and sender; returns how many calls were
 * made, -1 when the file cannot be read or understood (says why on stderr). */
int vectors_each(const char *path, void (*cb)(const struct vector *, void *),
                 void *arg);

/* The same for all files of a folder. */
int vectors_in(const char *folder, void (*cb)(const struct vector *, void *),
               void *arg);

#endif
