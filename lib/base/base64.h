/* base/base64.h: RFC 4648, section 4, with padding. */
#ifndef UM_BASE_BASE64_H
#define UM_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* With the NUL. */
#define UM_BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Writes UM_BASE64_SIZE(len) characters. */
void um_base64(const uint8_t *data, size_t len, char *ret);

#endif
