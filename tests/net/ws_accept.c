#include "ws_accept.h"
#include "base/base64.h"
#include "net/crypto.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* There may be what was said to a proxy before it. */
static const char *find(const struct um_buf *in, const char *text) {
  size_t len = strlen(text);
  for (size_t i = 0; i + len <= in->len; i++)
    if (memcmp(um_buf_head(in) + i, text, len) == 0)
      return (const char *)um_buf_head(in) + i + len;
  return NULL;
}

bool ws_accept_to(const struct um_buf *said, char *ret_accept) {
  char text[128];
  uint8_t digest[20];
  const char *key = find(said, "Sec-WebSocket-Key: ");
  if (key == NULL)
    return false;
  snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  cr_assert_eq(um_sha1(text, strlen(text), digest), 0);
  um_base64(digest, sizeof digest, ret_accept);
  return true;
}
