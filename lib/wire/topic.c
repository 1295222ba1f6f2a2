#include "wire/topic.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define TOPIC_MAX 65535 /* [MQTT-4.7.3-3/both] */
#define SHARE "$share/"
#define SHARE_LEN (sizeof SHARE - 1)

#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (x))

/* Top bits set where one of eight bytes is not ASCII, is NUL, or is '+' or '#',
 * which differ in one bit. See base/utf8.c. */
static uint64_t odd_bytes(const char *p) {
  uint64_t w;
  memcpy(&w, p, sizeof w);
  uint64_t wild = (w & ~EACH_BYTE('+' ^ '#')) ^ EACH_BYTE('+' & '#');
  return w | (w - EACH_BYTE(1)) | (wild - EACH_BYTE(1));
}

/* The last word overlaps the one before it: no loop over single bytes. */
static bool plain_name(const char *s, size_t len) {
  if (len < 8)
    return false;
  const char *last = s + len - 8;
  for (; s < last; s += 8)
    if (odd_bytes(s) & EACH_BYTE(0x80))
      return false;
  return (odd_bytes(last) & EACH_BYTE(0x80)) == 0;
}

/* [MQTT-4.7.3-1/both] [MQTT-4.7.3-2/both] [MQTT-4.7.3-3/both] */
static bool text_valid(const char *s, size_t len) {
  return len > 0 && len <= TOPIC_MAX && um_utf8_valid(s, len);
}

bool um_topic_name_valid(const char *s, size_t len) {
  if (len <= TOPIC_MAX && plain_name(s, len))
    return true;
  /* [MQTT-3.3.2-2/both] */
  return text_valid(s, len) && memchr(s, '+', len) == NULL &&
         memchr(s, '#', len) == NULL;
}

/* A wildcard fills its level, and '#' only the last one. [MQTT-4.7.1-1/5]
 * [MQTT-4.7.1-2/5] [MQTT-4.7.1-2/311] [MQTT-4.7.1-3/311] */
static bool wildcards_valid(const char *s, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (s[i] != '+' && s[i] != '#')
      continue;
    if (i > 0 && s[i - 1] != '/')
      return false;
    if (i + 1 < len && (s[i] == '#' || s[i + 1] != '/'))
      return false;
  }
  return true;
}

/* [MQTT-4.8.2-1/5] [MQTT-4.8.2-2/5] a ShareName of at least one character
 * without wildcards, then '/' and a filter. */
static bool share_valid(const char *s, size_t len) {
  const char *name = s + SHARE_LEN;
  const char *slash = memchr(name, '/', len - SHARE_LEN);
  if (slash == NULL || slash == name || slash + 1 == s + len)
    return false;
  size_t n = (size_t)(slash - name);
  return memchr(name, '+', n) == NULL && memchr(name, '#', n) == NULL;
}

static bool shared(const char *s, size_t len) {
  return len >= SHARE_LEN && memcmp(s, SHARE, SHARE_LEN) == 0;
}

bool um_topic_filter_valid(const char *s, size_t len) {
  if (!text_valid(s, len) || !wildcards_valid(s, len))
    return false;
  return !shared(s, len) || share_valid(s, len);
}

bool um_topic_is_shared(const char *filter) {
  return strncmp(filter, SHARE, SHARE_LEN) == 0;
}

const char *um_topic_without_share(const char *filter) {
  if (!um_topic_is_shared(filter))
    return filter;
  const char *slash = strchr(filter + SHARE_LEN, '/');
  return slash == NULL ? filter : slash + 1;
}

static const char *level_end(const char *s) {
  while (*s != '\0' && *s != '/')
    s++;
  return s;
}

bool um_topic_match(const char *filter, const char *name) {
  filter = um_topic_without_share(filter);
  /* [MQTT-4.7.2-1/both] */
  if (*name == '$' && (*filter == '+' || *filter == '#'))
    return false;
  for (;;) {
    if (*filter == '#')
      return true;
    if (*filter == '+') {
      filter++;
      name = level_end(name);
    }
    while (*filter == *name && *filter != '\0' && *filter != '/') {
      filter++;
      name++;
    }
    /* "a/#" matches "a", too */
    if (*name == '\0')
      return *filter == '\0' || strcmp(filter, "/#") == 0;
    if (*filter++ != '/' || *name++ != '/')
      return false;
  }
}
