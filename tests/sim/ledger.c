#include "sim/ledger.h"

#include "sim/world.h"
#include <stdio.h>

const char *const topics[ALL_TOPICS] = {
    "t/0",   "t/1",         "u/x/3",   "u/y/3", "v",
    "é/5",   "t/1/deep/er", "$priv/7", "h/0",   "h/1/x",
    "ans/1", "q/0",         "r/0",     "r/1",   "uvmqtt/reply/client"};
const char *const filters[FILTERS] = {
    "t/0",     "t/+", "u/#",   "v",   "é/5", "u/+/3", "#",
    "$priv/#", "h/0", "h/+/x", "h/#", "r/0", "r/1",   "uvmqtt/reply/client"};

void ledger_done(struct world *w) {
  free(w->ledger.requests);
  free(w->ledger.inbound);
  memset(&w->ledger, 0, sizeof w->ledger);
}

static void *grow(void *p, size_t n, size_t *cap, size_t size) {
  if (n < *cap)
    return p;
  *cap = *cap == 0 ? 64 : 2 * *cap;
  p = realloc(p, *cap * size);
  if (p == NULL)
    abort();
  return p;
}

uint32_t ledger_add_request(struct world *w, const struct request *r) {
  struct ledger *l = &w->ledger;
  l->requests = grow(l->requests, l->n_requests, &l->cap_requests, sizeof *r);
  l->requests[l->n_requests] = *r;
  return (uint32_t)l->n_requests++;
}

uint32_t ledger_add_inbound(struct world *w, const struct inbound *m) {
  struct ledger *l = &w->ledger;
  l->inbound = grow(l->inbound, l->n_inbound, &l->cap_inbound, sizeof *m);
  l->inbound[l->n_inbound] = *m;
  return (uint32_t)l->n_inbound++;
}

static uint8_t filler(uint32_t number, size_t i) {
  return (uint8_t)(number * 37 + i * 11 + 5);
}

void payload_write(uint8_t *to, uint32_t size, char kind, uint32_t number) {
  to[0] = (uint8_t)kind;
  for (int i = 0; i < 4; i++)
    to[1 + i] = (uint8_t)(number >> 8 * i);
  for (size_t i = 5; i < size; i++)
    to[i] = filler(number, i);
}

uint32_t payload_read(const void *data, size_t len, char kind) {
  const uint8_t *p = data;
  uint32_t number = 0;
  if (len < PAYLOAD_LEAST || p[0] != (uint8_t)kind)
    return UINT32_MAX;
  for (int i = 0; i < 4; i++)
    number |= (uint32_t)p[1 + i] << 8 * i;
  for (size_t i = 5; i < len; i++)
    if (p[i] != filler(number, i))
      return UINT32_MAX;
  return number;
}

bool is_message(const struct request *r) {
  return r->kind == ASK_PUBLISH || r->kind == ASK_REQUEST;
}

unsigned topic_index(const char *topic) {
  unsigned i = 0;
  while (i < ALL_TOPICS && strcmp(topics[i], topic) != 0)
    i++;
  return i;
}

unsigned filter_index(const char *filter) {
  unsigned i = 0;
  while (i < FILTERS && strcmp(filters[i], filter) != 0)
    i++;
  return i;
}

static const char *after_level(const char *s) {
  const char *slash = strchr(s, '/');
  return slash == NULL ? s + strlen(s) : slash;
}

static bool levels_match(const char *f, const char *t) {
  if (strcmp(f, "#") == 0)
    return true;
  const char *fe = after_level(f), *te = after_level(t);
  bool one = fe - f == 1 && *f == '+';
  bool same = fe - f == te - t && strncmp(f, t, (size_t)(fe - f)) == 0;
  if (!one && !same)
    return false;
  if (*te == '\0')
    return *fe == '\0' || strcmp(fe, "/#") == 0;
  return *fe == '/' && levels_match(fe + 1, te + 1);
}

bool filter_matches(const char *filter, const char *topic) {
  if (*topic == '$' && *filter != '$')
    return false;
  return levels_match(filter, topic);
}

bool properties_intact(const uvmqtt_property_t *p, size_t n, uint32_t number,
                       bool has) {
  char text[16];
  snprintf(text, sizeof text, "n%u", number);
  size_t found = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i].id != UVMQTT_PROPERTY_USER_PROPERTY)
      continue;
    found++;
    if (strcmp(p[i].value.pair.key, "k") != 0 ||
        strcmp(p[i].value.pair.value, text) != 0)
      return false;
  }
  return found == (has ? 1u : 0u);
}
