/* Does our decoder say what the reference says? */
#ifndef TESTS_WIRE_DIFFER_H
#define TESTS_WIRE_DIFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VERDICT_ONLY_WHETHER, VERDICT_EXACT };

/* Feeds one whole packet to both. Compared are acceptance (or, when there can
 * be only one fault, the exact verdict) and, when accepted, the trace and that
 * encoding and decoding again changes nothing. NULL when all agree, else what
 * is wrong, to be freed. *ret_accepted may be NULL. */
char *differ(const uint8_t *bytes, size_t len, uint8_t version, uint8_t from,
             int how, bool *ret_accepted);

#endif
