#include "net/grudge.h"

#include <stddef.h>

/* FNV-1a. Two addresses of one key would only be tried in another order. */
static uint64_t key_of(const char *address) {
  uint64_t key = 0xcbf29ce484222325u;
  for (; *address != '\0'; address++)
    key = (key ^ (uint8_t)*address) * 0x100000001b3u;
  return key == 0 ? 1 : key;
}

static struct um_grudge *find(struct um_grudges *g, uint64_t key) {
  for (size_t i = 0; i < UM_GRUDGES; i++)
    if (g->of[i].key == key)
      return &g->of[i];
  return NULL;
}

static struct um_grudge *oldest(struct um_grudges *g) {
  struct um_grudge *ret = &g->of[0];
  for (size_t i = 1; i < UM_GRUDGES; i++)
    if (g->of[i].since < ret->since)
      ret = &g->of[i];
  return ret;
}

void um_grudge_bear(struct um_grudges *g, const char *address, uint64_t now) {
  uint64_t key = key_of(address);
  struct um_grudge *at = find(g, key);
  if (at == NULL)
    at = oldest(g);
  *at = (struct um_grudge){.key = key, .since = now + (now == 0)};
}

void um_grudge_forget(struct um_grudges *g, const char *address) {
  struct um_grudge *at = find(g, key_of(address));
  if (at != NULL)
    *at = (struct um_grudge){.key = 0};
}

uint64_t um_grudge_since(const struct um_grudges *g, const char *address,
                         uint64_t now) {
  uint64_t key = key_of(address);
  for (size_t i = 0; i < UM_GRUDGES; i++)
    if (g->of[i].key == key)
      return now < g->of[i].since + UM_GRUDGE_MS ? g->of[i].since : 0;
  return 0;
}
