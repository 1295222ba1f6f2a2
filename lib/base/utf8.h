/* base/utf8.h: is this a legal MQTT string? */
#ifndef UM_BASE_UTF8_H
#define UM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8: no surrogates, nothing overlong, nothing above U+10FFFF,
 * no U+0000 ([MQTT-1.5.4-1/5], [MQTT-1.5.4-2/5], [MQTT-1.5.3-1/311],
 * [MQTT-1.5.3-2/311]). Control characters, non-characters and a BOM are legal.
 * Reads nothing past len. */
bool um_utf8_valid(const char *s, size_t len);

#endif
