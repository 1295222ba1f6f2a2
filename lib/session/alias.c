#include "session/alias.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include <string.h>

#define ALIAS_COST 3u  /* bytes of the property */
#define CREDIT_USES 8u /* what an alias can save up, in uses of its topic */
#define TOPIC_ROUND 63u

/* Memory for one topic more or less often changed: it only grows. */
static bool room_for(char **text, size_t *cap, size_t len) {
  if (len <= *cap && *text != NULL)
    return true;
  size_t more = (len + TOPIC_ROUND) & ~(size_t)TOPIC_ROUND;
  char *p = um_realloc(*text, more);
  if (p == NULL)
    return false;
  *text = p;
  *cap = more;
  return true;
}

/* Inbound. */

void um_alias_in_close(struct um_alias_in *in) {
  for (size_t i = 0; i < in->n; i++)
    um_free(in->topics[i].text);
  um_free(in->topics);
  memset(in, 0, sizeof *in);
}

void um_alias_in_open(struct um_alias_in *in, uint16_t max) {
  um_alias_in_close(in);
  in->max = max;
}

/* Grows with what comes, not with what was announced. */
static struct um_alias_topic *slot_of(struct um_alias_in *in, uint32_t alias) {
  if (alias <= in->n)
    return &in->topics[alias - 1];
  size_t n = in->n == 0 ? 8 : in->n;
  while (n < alias)
    n *= 2;
  if (n > in->max)
    n = in->max;
  struct um_alias_topic *topics = um_realloc(in->topics, n * sizeof *topics);
  if (topics == NULL)
    return NULL;
  memset(topics + in->n, 0, (n - in->n) * sizeof *topics);
  in->topics = topics;
  in->n = (uint16_t)n;
  return &topics[alias - 1];
}

static int learn(struct um_alias_in *in, uint32_t alias,
                 const struct um_publish *p) {
  struct um_alias_topic *t = slot_of(in, alias);
  if (t == NULL || !room_for(&t->text, &t->cap, p->topic_len + 1))
    return UM_ENOMEM;
  memcpy(t->text, p->topic, p->topic_len + 1);
  t->len = p->topic_len;
  return 0;
}

static int recall(const struct um_alias_in *in, uint32_t alias,
                  struct um_publish *p) {
  if (alias > in->n || in->topics[alias - 1].text == NULL)
    return UVMQTT_EPROTOCOL;
  p->topic = in->topics[alias - 1].text;
  p->topic_len = in->topics[alias - 1].len;
  return 0;
}

static void take_out(struct um_scratch *s, struct um_packet *p, size_t i) {
  uvmqtt_property_t *list = s->properties;
  p->n_properties--;
  memmove(list + i, list + i + 1, (p->n_properties - i) * sizeof *list);
}

/* [MQTT-3.3.2-7/5], [MQTT-3.3.2-8/5], [MQTT-3.3.2-10/5] */
int um_alias_in_resolve(struct um_alias_in *in, struct um_scratch *s,
                        struct um_packet *p) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_TOPIC_ALIAS);
  if (found == NULL)
    return 0;
  uint32_t alias = found->value.num;
  if (alias == 0 || alias > in->max)
    return UVMQTT_ETOPICALIAS;
  take_out(s, p, (size_t)(found - p->properties));
  return p->u.publish.topic_len == 0 ? recall(in, alias, &p->u.publish)
                                     : learn(in, alias, &p->u.publish);
}

/* Outbound. */

static void free_table(struct um_alias_table *t) {
  if (t == NULL)
    return;
  for (size_t i = 1; i <= t->max && t->entries != NULL; i++)
    um_free(t->entries[i].topic);
  um_free(t->entries);
  um_free(t->seen);
  um_free(t->buckets);
  um_free(t);
}

/* All or nothing; without memory there are no aliases. */
static struct um_alias_table *make_table(uint16_t max) {
  struct um_alias_table *t = um_calloc(1, sizeof *t);
  size_t buckets = 32;
  if (t == NULL)
    return NULL;
  while (buckets < 2 * (size_t)max)
    buckets *= 2;
  t->max = max;
  t->mask = (uint32_t)buckets - 1;
  t->entries = um_calloc((size_t)max + 1, sizeof *t->entries);
  t->seen = um_calloc(buckets, sizeof *t->seen);
  t->buckets = um_calloc(buckets, sizeof *t->buckets);
  if (t->entries != NULL && t->seen != NULL && t->buckets != NULL)
    return t;
  free_table(t);
  return NULL;
}

void um_alias_out_close(struct um_alias_out *out) {
  free_table(out->table);
  *out = (struct um_alias_out){.max = 0};
}

void um_alias_out_open(struct um_alias_out *out, uint16_t max) {
  if (UM_MUTANT(52) && out->table != NULL && out->max <= max)
    return; /* kept over the reconnect */
  um_alias_out_close(out);
  out->max = max;
}

static uint64_t mix(uint64_t h, uint64_t word) {
  h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
  return h ^ h >> 32;
}

/* Never 0, so that an empty place of `seen` matches nothing. */
static uint32_t hash_of(const char *topic, size_t len) {
  uint64_t h = len, word;
  for (; len >= sizeof word; topic += sizeof word, len -= sizeof word) {
    memcpy(&word, topic, sizeof word);
    h = mix(h, word);
  }
  word = 0;
  memcpy(&word, topic, len);
  return (uint32_t)(mix(mix(h, word), 0) >> 32) | 1;
}

static uint32_t place(const struct um_alias_table *t, uint32_t hash) {
  return (hash >> 1) & t->mask;
}

static uint16_t find(const struct um_alias_table *t,
                     const struct um_aliased *a) {
  uint16_t i = t->buckets[place(t, a->hash)];
  for (; i != 0; i = t->entries[i].chain) {
    const struct um_alias_entry *e = &t->entries[i];
    if (e->hash == a->hash && e->len == a->topic_len &&
        memcmp(e->topic, a->topic, e->len) == 0)
      break;
  }
  return i;
}

static void unlink_use(struct um_alias_table *t, uint16_t i) {
  struct um_alias_entry *e = t->entries;
  e[e[i].older].newer = e[i].newer;
  e[e[i].newer].older = e[i].older;
}

static void link_newest(struct um_alias_table *t, uint16_t i) {
  struct um_alias_entry *e = t->entries;
  e[i].older = e[0].older;
  e[i].newer = 0;
  e[e[0].older].newer = i;
  e[0].older = i;
}

static uint32_t saving(size_t topic_len) {
  return (uint32_t)topic_len - ALIAS_COST;
}

static void use_again(struct um_alias_table *t, uint16_t i) {
  struct um_alias_entry *e = &t->entries[i];
  uint32_t most = saving(e->len) * CREDIT_USES;
  e->credit += saving(e->len);
  if (e->credit > most)
    e->credit = most;
  unlink_use(t, i);
  link_newest(t, i);
}

/* Every other time, without a rhythm that topics could fall into. */
static bool toss(struct um_alias_table *t) {
  t->dice = t->dice * 1664525u + 1013904223u;
  return t->dice >> 31;
}

/* Is this its second use? A place holds one topic. Those that share it push
 * each other out, but not always, else they would for ever. */
static bool seen_before(struct um_alias_table *t, uint32_t hash) {
  uint32_t *seen = &t->seen[place(t, hash)];
  if (*seen == hash)
    return true;
  if (*seen == 0 || toss(t))
    *seen = hash;
  return false;
}

/* The alias that a topic may have; 0: none now. */
static uint16_t vacant(struct um_alias_table *t, size_t topic_len) {
  if (t->n < t->max)
    return (uint16_t)(t->n + 1);
  uint16_t oldest = t->entries[0].newer;
  struct um_alias_entry *e = &t->entries[oldest];
  if (e->credit < saving(topic_len))
    return oldest;
  e->credit -= saving(topic_len);
  return 0;
}

/* Whatever can fail is done here. */
static uint16_t prepare(struct um_alias_table *t, const struct um_aliased *a) {
  if (!seen_before(t, a->hash))
    return 0;
  uint16_t i = vacant(t, a->topic_len);
  if (i == 0)
    return 0;
  struct um_alias_entry *e = &t->entries[i];
  return room_for(&e->topic, &e->cap, a->topic_len) ? i : 0;
}

static void leave_bucket(struct um_alias_table *t, uint16_t i) {
  struct um_alias_entry *e = t->entries;
  uint16_t *at = &t->buckets[place(t, e[i].hash)];
  while (*at != i)
    at = &e[*at].chain;
  *at = e[i].chain;
}

static void assign(struct um_alias_table *t, const struct um_aliased *a) {
  uint16_t i = a->alias;
  struct um_alias_entry *e = &t->entries[i];
  if (i > t->n) {
    t->n = i;
  } else {
    leave_bucket(t, i);
    unlink_use(t, i);
  }
  memcpy(e->topic, a->topic, a->topic_len);
  e->len = a->topic_len;
  e->hash = a->hash;
  e->credit = saving(e->len); /* until it has had its chance */
  e->chain = t->buckets[place(t, e->hash)];
  t->buckets[place(t, e->hash)] = i;
  t->seen[place(t, e->hash)] = 0; /* for another one */
  link_newest(t, i);
}

static void fill_in(const struct um_packet *p, struct um_aliased *a) {
  size_t n = p->n_properties;
  if (n != 0)
    memcpy(a->properties, p->properties, n * sizeof a->properties[0]);
  a->properties[n].id = UVMQTT_PROPERTY_TOPIC_ALIAS;
  a->properties[n].value.num = a->alias;
  a->packet = *p;
  a->packet.properties = a->properties;
  a->packet.n_properties = n + 1;
  if (!a->known)
    return;
  a->packet.u.publish.topic = "";
  a->packet.u.publish.topic_len = 0;
}

/* One more use must pay for the assignment. */
static bool worth_it(const struct um_packet *p) {
  return p->u.publish.topic_len > 2 * ALIAS_COST && !p->u.publish.dup &&
         p->n_properties <= UM_ALIAS_PROPERTIES;
}

/* A known alias is shorter than its topic; a new one makes the packet longer
 * this once. */
static bool fits(uint8_t version, size_t max_size, const struct um_aliased *a) {
  if (a->known)
    return true;
  size_t size = um_encoded_size(version, &a->packet);
  return size != 0 && size <= max_size;
}

/* [MQTT-3.2.2-17/5], [MQTT-3.2.2-18/5], [MQTT-3.3.2-9/5]: from 1 to max */
bool um_alias_out_apply(struct um_alias_out *out, uint8_t version,
                        size_t max_size, const struct um_packet *p,
                        struct um_aliased *ret) {
  if (out->max == 0 || !worth_it(p))
    return false;
  struct um_alias_table *t = out->table;
  if (t == NULL)
    t = out->table = make_table(out->max);
  if (t == NULL)
    return false;
  ret->topic = p->u.publish.topic;
  ret->topic_len = p->u.publish.topic_len;
  ret->hash = hash_of(ret->topic, ret->topic_len);
  ret->alias = find(t, ret);
  ret->known = ret->alias != 0;
  if (!ret->known)
    ret->alias = prepare(t, ret);
  if (ret->alias == 0)
    return false;
  fill_in(p, ret);
  return fits(version, max_size, ret);
}

void um_alias_out_sent(struct um_alias_out *out, const struct um_aliased *a) {
  if (a->known)
    use_again(out->table, a->alias);
  else
    assign(out->table, a);
}
