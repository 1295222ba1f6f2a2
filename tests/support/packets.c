#include "support/packets.h"

#include "base/alloc.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum shape { U8, U16, U32, VAR, STR, BIN, PAIR };

static const struct {
  uvmqtt_property_id_t id;
  const char *name;
  enum shape shape;
} properties[] = {
#define X(number, name, shape, packets, repeats, min, max)                     \
  {UVMQTT_PROPERTY_##name, #name, shape},
    UVMQTT_PROPERTY_MAP(X)
#undef X
};
#define N_PROPERTIES (sizeof properties / sizeof properties[0])

static const char *const defaults[] = {
    "dup=0", "retain=0", "qos=0",      "reason=0x00",
    "sp=0",  "status=0", "messages=0", "subscriptions=0",
    "n=0",   "pid=0",    "clean=0",
};

/* ---- words ---- */

void words_split(struct words *w, const char *line) {
  snprintf(w->copy, sizeof w->copy, "%s", line);
  w->n = 0;
  char *save = NULL;
  for (char *t = strtok_r(w->copy, " \t", &save); t != NULL && w->n < WORDS_MAX;
       t = strtok_r(NULL, " \t", &save))
    w->word[w->n++] = t;
}

const char *words_value(const struct words *w, const char *key) {
  size_t len = strlen(key);
  for (size_t i = 0; i < w->n; i++)
    if (strncmp(w->word[i], key, len) == 0 && w->word[i][len] == '=')
      return w->word[i] + len + 1;
  return NULL;
}

uint64_t words_number(const struct words *w, const char *key, uint64_t absent) {
  const char *v = words_value(w, key);
  return v == NULL ? absent : strtoull(v, NULL, 0);
}

static bool is_default(const char *word) {
  for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
    if (strcmp(word, defaults[i]) == 0)
      return true;
  return false;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void words_join(struct words *w, size_t from, char ret[TEXT_MAX]) {
  ret[0] = 0;
  if (w->n > from)
    qsort(w->word + from, w->n - from, sizeof *w->word, by_text);
  for (size_t i = 0; i < w->n; i++)
    if (i < from || !is_default(w->word[i]))
      text_add(ret, i == 0 ? "%s" : " %s", w->word[i]);
}

void text_add(char text[TEXT_MAX], const char *format, ...) {
  size_t used = strlen(text);
  va_list ap;
  va_start(ap, format);
  vsnprintf(text + used, TEXT_MAX - used, format, ap);
  va_end(ap);
}

static bool is_one_byte_repeated(const char *p, size_t len) {
  for (size_t i = 1; i < len; i++)
    if (p[i] != p[0])
      return false;
  return len > 16;
}

void text_add_bytes(char text[TEXT_MAX], const char *key, const void *p,
                    size_t len) {
  const char *s = p;
  if (len == 0)
    return;
  text_add(text, " %s=", key);
  if (is_one_byte_repeated(s, len)) {
    text_add(text, "%c*%zu", s[0], len);
    return;
  }
  bool plain = true;
  for (size_t i = 0; i < len; i++)
    plain = plain && isgraph((unsigned char)s[i]);
  if (!plain)
    text_add(text, "0x");
  for (size_t i = 0; i < len && i < 200; i++)
    text_add(text, plain ? "%c" : "%02x", (unsigned char)s[i]);
}

char *text_bytes_read(const char *value, size_t *ret_len) {
  const char *star = strchr(value, '*');
  if (star == value + 1 && isdigit((unsigned char)star[1])) {
    size_t n = (size_t)strtoull(star + 1, NULL, 10);
    char *p = malloc(n + 1);
    memset(p, value[0], n);
    p[n] = 0;
    *ret_len = n;
    return p;
  }
  size_t len = strlen(value);
  char *p = malloc(len + 1);
  if (strncmp(value, "0x", 2) == 0) {
    len = (len - 2) / 2;
    for (size_t i = 0; i < len; i++) {
      char two[3] = {value[2 + 2 * i], value[3 + 2 * i], 0};
      p[i] = (char)strtoul(two, NULL, 16);
    }
    p[len] = 0;
  } else {
    memcpy(p, value, len + 1);
  }
  *ret_len = len;
  return p;
}

/* ---- properties ---- */

static char *keep(struct text_properties *t, const char *s, size_t len) {
  char *p = t->copy + t->used;
  if (t->used + len + 1 > sizeof t->copy)
    abort();
  memcpy(p, s, len);
  p[len] = 0;
  t->used += len + 1;
  return p;
}

static void read_value(struct text_properties *t, enum shape shape,
                       const char *v, uvmqtt_property_t *p) {
  size_t len;
  char *bytes = text_bytes_read(v, &len);
  const char *colon = strchr(v, ':');
  switch (shape) {
  case STR:
    p->value.str = keep(t, bytes, len);
    break;
  case BIN:
    p->value.bin = (uvmqtt_bytes_t){keep(t, bytes, len), len};
    break;
  case PAIR:
    p->value.pair.key = keep(t, v, (size_t)(colon - v));
    p->value.pair.value = keep(t, colon + 1, strlen(colon + 1));
    break;
  default:
    p->value.num = (uint32_t)strtoul(v, NULL, 0);
    break;
  }
  free(bytes);
}

void text_properties_read(struct text_properties *t, const struct words *w,
                          const char *prefix) {
  size_t skip = strlen(prefix);
  t->n = t->used = 0;
  for (size_t i = 0; i < w->n; i++) {
    const char *equal = strchr(w->word[i], '=');
    if (equal == NULL || strncmp(w->word[i], prefix, skip) != 0)
      continue;
    size_t len = (size_t)(equal - w->word[i]) - skip;
    for (size_t k = 0; k < N_PROPERTIES; k++) {
      if (strlen(properties[k].name) != len ||
          strncasecmp(properties[k].name, w->word[i] + skip, len) != 0)
        continue;
      t->p[t->n].id = properties[k].id;
      read_value(t, properties[k].shape, equal + 1, &t->p[t->n]);
      t->n++;
    }
  }
}

static void write_property(char text[TEXT_MAX], const char *key,
                           enum shape shape, const uvmqtt_property_t *p) {
  switch (shape) {
  case STR:
    text_add_bytes(text, key, p->value.str, strlen(p->value.str));
    break;
  case BIN:
    text_add_bytes(text, key, p->value.bin.data, p->value.bin.len);
    break;
  case PAIR:
    text_add(text, " %s=%s:%s", key, p->value.pair.key, p->value.pair.value);
    break;
  default:
    text_add(text, " %s=%u", key, p->value.num);
    break;
  }
}

void text_properties_write(char text[TEXT_MAX], const char *prefix,
                           const uvmqtt_property_t *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < N_PROPERTIES; k++) {
      if (properties[k].id != p[i].id)
        continue;
      char key[128];
      size_t at = (size_t)snprintf(key, sizeof key, "%s", prefix);
      for (const char *c = properties[k].name; *c != 0; c++)
        key[at++] = (char)tolower((unsigned char)*c);
      key[at] = 0;
      write_property(text, key, properties[k].shape, &p[i]);
    }
}

/* ---- text to bytes ---- */

bool packet_text_is_hex(const char *line) {
  if (line[0] == '"')
    return true;
  return isxdigit((unsigned char)line[0]) && isxdigit((unsigned char)line[1]) &&
         (line[2] == 0 || line[2] == ' ' || line[2] == '*');
}

struct bytes {
  uint8_t *p;
  size_t len, cap;
};

static void put(struct bytes *b, uint8_t byte) {
  if (b->len == b->cap) {
    b->cap = b->cap == 0 ? 64 : 2 * b->cap;
    b->p = realloc(b->p, b->cap);
  }
  b->p[b->len++] = byte;
}

/* Puts the Remaining Length in at `at` for everything behind it. */
static void put_length(struct bytes *b, size_t at) {
  size_t rest = b->len - at, n = 0;
  uint8_t vbi[4];
  for (size_t v = rest; n == 0 || v != 0; v >>= 7)
    vbi[n++] = (uint8_t)((v & 127) | (v > 127 ? 128u : 0u));
  for (size_t i = 0; i < n; i++)
    put(b, 0);
  memmove(b->p + at + n, b->p + at, rest);
  memcpy(b->p + at, vbi, n);
}

static const char *put_hex(struct bytes *b, const char *s) {
  char two[3] = {s[0], s[1], 0};
  char *end;
  uint8_t byte = (uint8_t)strtoul(two, &end, 16);
  size_t times = 1;
  s += 2;
  if (end != two + 2)
    return NULL;
  if (*s == '*')
    times = (size_t)strtoull(s + 1, (char **)(void *)&s, 10);
  while (times-- > 0)
    put(b, byte);
  return s;
}

static uint8_t *hex_bytes(const char *s, size_t *ret_len) {
  struct bytes b = {NULL, 0, 0};
  size_t length_at = 0;
  while (s != NULL && *s != 0) {
    if (*s == ' ' || *s == '|') {
      s++;
    } else if (*s == '"') {
      for (s++; *s != 0 && *s != '"'; s++)
        put(&b, (uint8_t)*s);
      s += *s == '"';
    } else if (*s == '@') {
      length_at = b.len;
      s++;
    } else {
      s = put_hex(&b, s);
    }
  }
  if (length_at != 0)
    put_length(&b, length_at);
  *ret_len = b.len;
  if (s == NULL) {
    free(b.p);
    return NULL;
  }
  return b.p;
}

size_t text_filters(char *value, const char **ret) {
  size_t n = 0;
  char *save = NULL;
  for (char *t = strtok_r(value, ",", &save); t != NULL && n < WORDS_MAX;
       t = strtok_r(NULL, ",", &save))
    ret[n++] = t;
  return n;
}

size_t text_subscriptions(char *value, uvmqtt_subscription_t *ret) {
  const char *list[WORDS_MAX];
  size_t n = text_filters(value, list);
  memset(ret, 0, n * sizeof *ret);
  for (size_t i = 0; i < n; i++) {
    char *colon = strrchr(list[i], ':');
    ret[i].filter = list[i];
    if (colon == NULL)
      continue;
    *colon = 0;
    ret[i].qos = (uint8_t)(colon[1] - '0');
    for (const char *c = colon + 2; *c != 0; c++) {
      ret[i].no_local = ret[i].no_local || *c == 'n';
      ret[i].retain_as_published = ret[i].retain_as_published || *c == 'p';
      if (*c == 'h')
        ret[i].retain_handling = (uint8_t)(*++c - '0');
    }
  }
  return n;
}

static uint8_t type_named(const char *name) {
#define X(number, type)                                                        \
  if (strcmp(name, #type) == 0)                                                \
    return number;
  UVMQTT_PACKET_MAP(X)
#undef X
  return 0;
}

static size_t read_reasons(const char *v, uint8_t *ret) {
  size_t n = 0;
  while (v != NULL && *v != 0 && n < WORDS_MAX) {
    char *end;
    ret[n++] = (uint8_t)strtoul(v, &end, 16);
    v = *end == ',' ? end + 1 : NULL;
  }
  return n;
}

uint8_t *packet_text_bytes(const char *line, uint8_t version, size_t *ret_len) {
  if (packet_text_is_hex(line))
    return hex_bytes(line, ret_len);
  static struct words w; /* large; tests run one at a time */
  static struct text_properties props;
  words_split(&w, line);
  text_properties_read(&props, &w, "");
  struct um_packet p = {
      .type = w.n == 0 ? 0 : type_named(w.word[0]),
      .reason = (uint8_t)words_number(&w, "reason", 0),
      .id = (uint16_t)words_number(&w, "id", 0),
      .properties = props.p,
      .n_properties = props.n,
  };
  uint8_t reasons[WORDS_MAX];
  char *payload = NULL;
  switch (p.type) {
  case UVMQTT_CONNACK:
    p.u.connack.session_present = words_number(&w, "sp", 0) != 0;
    break;
  case UVMQTT_PUBLISH:
    p.u.publish.topic = words_value(&w, "topic");
    if (p.u.publish.topic == NULL)
      p.u.publish.topic = "";
    p.u.publish.topic_len = strlen(p.u.publish.topic);
    if (words_value(&w, "payload") != NULL)
      payload =
          text_bytes_read(words_value(&w, "payload"), &p.u.publish.payload.len);
    p.u.publish.payload.data = payload;
    p.u.publish.qos = (uint8_t)words_number(&w, "qos", 0);
    p.u.publish.retain = words_number(&w, "retain", 0) != 0;
    p.u.publish.dup = words_number(&w, "dup", 0) != 0;
    break;
  case UVMQTT_SUBACK:
  case UVMQTT_UNSUBACK:
    p.u.suback.reasons = reasons;
    p.u.suback.n = read_reasons(words_value(&w, "reasons"), reasons);
    break;
  case UVMQTT_PUBACK:
  case UVMQTT_PUBREC:
  case UVMQTT_PUBREL:
  case UVMQTT_PUBCOMP:
  case UVMQTT_PINGRESP:
  case UVMQTT_DISCONNECT:
  case UVMQTT_AUTH:
    break;
  default:
    return NULL; /* what a server never sends is written in hex */
  }
  struct um_buf buf;
  um_buf_init(&buf, UM_PACKET_MAX, NULL);
  buf.secret = true; /* ours; support/wiped.h looks at it, too */
  uint8_t *bytes = NULL;
  if (um_encode(&buf, version, &p) == 0) {
    bytes = malloc(buf.len);
    memcpy(bytes, um_buf_head(&buf), buf.len);
    *ret_len = buf.len;
  }
  um_buf_done(&buf);
  free(payload);
  return bytes;
}

/* ---- bytes to text ---- */

static void add_will(char text[TEXT_MAX], const uvmqtt_message_t *will) {
  if (will == NULL)
    return;
  text_add(text, " will.topic=%s", will->topic);
  text_add_bytes(text, "will.payload", will->payload.data, will->payload.len);
  if (will->qos != 0)
    text_add(text, " will.qos=%u", will->qos);
  if (will->retain)
    text_add(text, " will.retain=1");
  text_properties_write(text, "will.", will->properties, will->n_properties);
}

static void add_connect(char text[TEXT_MAX], const struct um_connect *c) {
  text_add(text, " version=%u clean=%d keep_alive=%u client_id=%s", c->version,
           c->clean_start, c->keep_alive, c->client_id);
  if (c->username != NULL)
    text_add(text, " username=%s", c->username);
  if (c->has_password)
    text_add(text, " password=%.*s", (int)c->password.len,
             (const char *)c->password.data);
  add_will(text, c->will);
}

static void add_publish(char text[TEXT_MAX], const struct um_publish *m) {
  text_add(text, " qos=%u dup=%d retain=%d", m->qos, m->dup, m->retain);
  text_add_bytes(text, "topic", m->topic, m->topic_len);
  text_add_bytes(text, "payload", m->payload.data, m->payload.len);
}

static void add_subscribe(char text[TEXT_MAX], const struct um_subscribe *s) {
  for (size_t i = 0; i < s->n; i++) {
    const uvmqtt_subscription_t *f = &s->filters[i];
    text_add(text, i == 0 ? " filters=%s:%u" : ",%s:%u", f->filter, f->qos);
    text_add(text, "%s%s", f->no_local ? "n" : "",
             f->retain_as_published ? "p" : "");
    if (f->retain_handling != 0)
      text_add(text, "h%u", f->retain_handling);
  }
}

static void add_body(char text[TEXT_MAX], const struct um_packet *p) {
  switch (p->type) {
  case UVMQTT_CONNECT:
    add_connect(text, &p->u.connect);
    break;
  case UVMQTT_PUBLISH:
    add_publish(text, &p->u.publish);
    break;
  case UVMQTT_SUBSCRIBE:
    add_subscribe(text, &p->u.subscribe);
    break;
  case UVMQTT_UNSUBSCRIBE:
    for (size_t i = 0; i < p->u.unsubscribe.n; i++)
      text_add(text, i == 0 ? " filters=%s" : ",%s",
               p->u.unsubscribe.filters[i]);
    break;
  default:
    text_add(text, " reason=0x%02x", p->reason);
    break;
  }
}

size_t packet_text_length(const uint8_t *data, size_t len, size_t *ret_body) {
  size_t value = 0;
  for (size_t i = 1; i < len && i <= 4; i++) {
    value |= (size_t)(data[i] & 127) << (7 * (i - 1));
    if (data[i] & 128)
      continue;
    *ret_body = i + 1;
    return i + 1 + value <= len ? i + 1 + value : 0;
  }
  return 0;
}

bool packet_text_of(uint8_t *data, size_t len, uint8_t version,
                    char ret[TEXT_MAX]) {
  struct um_span span = {data, len, 0};
  struct um_scratch scratch = {.version = version, .from = UM_CLIENT};
  struct um_packet p;
  packet_text_length(data, len, &span.body);
  ret[0] = 0;
  int err = um_decode(span, &scratch, &p);
  if (err) {
    text_add(ret, "(the packet does not decode: %d)", err);
    um_scratch_done(&scratch);
    return false;
  }
  text_add(ret, "-> %s", uvmqtt_packet_name(p.type));
  if (p.id != 0)
    text_add(ret, " id=%u", p.id);
  add_body(ret, &p);
  text_properties_write(ret, "", p.properties, p.n_properties);
  um_scratch_done(&scratch);
  static struct words w;
  words_split(&w, ret);
  words_join(&w, 2, ret);
  return true;
}
