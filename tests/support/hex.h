/* support/hex.h: bytes written for the eye.
 *
 *   30 05 | 00 03 "a/b"     pairs of hex digits, text in quotes, bars for
 * fields 78*100                  one byte a hundred times 30 05 ; type, length
 * after a semicolon everything is comment */
#ifndef SUPPORT_HEX_H
#define SUPPORT_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Reads one line into ret, at most max bytes. Returns how many, or -1 when the
 * line says something else or does not fit. */
long hex_read(const char *line, uint8_t *ret, size_t max);

#endif
