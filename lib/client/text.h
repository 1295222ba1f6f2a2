/* client/text.h: words of others, fit to be shown. */
#ifndef UM_CLIENT_TEXT_H
#define UM_CLIENT_TEXT_H

#include <stddef.h>

/* Copies as much of `from` (UTF-8, or anything) as fits, always ends in NUL,
 * and puts '?' where a terminal or a log file would be told to do something:
 * control characters (C0, DEL and C1), ends of lines and what turns the
 * direction of text. Never cut inside a character. Returns
 * the length. */
size_t um_text_copy(char *to, size_t size, const char *from);

#endif
