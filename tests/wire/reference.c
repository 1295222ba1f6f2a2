#include "wire/reference.h"
#include "wire/trace.h"

#include <string.h>

/* Table 2-4. */
const struct ref_property ref_properties[27] = {
    {1, "payload-format-indicator", '1', "Nw", "", 0, 1},
    {2, "message-expiry-interval", '4', "Nw", "", 0, UINT32_MAX},
    {3, "content-type", 's', "Nw", "", 0, 0},
    {8, "response-topic", 's', "Nw", "", 0, 0},
    {9, "correlation-data", 'b', "Nw", "", 0, 0},
    {11, "subscription-identifier", 'v', "NS", "N", 1, 268435455},
    {17, "session-expiry-interval", '4', "CAD", "", 0, UINT32_MAX},
    {18, "assigned-client-identifier", 's', "A", "", 0, 0},
    {19, "server-keep-alive", '2', "A", "", 0, 65535},
    {21, "authentication-method", 's', "CAX", "", 0, 0},
    {22, "authentication-data", 'b', "CAX", "", 0, 0},
    {23, "request-problem-information", '1', "C", "", 0, 1},
    {24, "will-delay-interval", '4', "w", "", 0, UINT32_MAX},
    {25, "request-response-information", '1', "C", "", 0, 1},
    {26, "response-information", 's', "A", "", 0, 0},
    {28, "server-reference", 's', "AD", "", 0, 0},
    {31, "reason-string", 's', "APRLMsuDX", "", 0, 0},
    {33, "receive-maximum", '2', "CA", "", 1, 65535},
    {34, "topic-alias-maximum", '2', "CA", "", 0, 65535},
    {35, "topic-alias", '2', "N", "", 1, 65535},
    {36, "maximum-qos", '1', "A", "", 0, 1},
    {37, "retain-available", '1', "A", "", 0, 1},
    {38, "user-property", 'p', "CANwPRLMSsUuDX", "CANwPRLMSsUuDX", 0, 0},
    {39, "maximum-packet-size", '4', "CA", "", 1, UINT32_MAX},
    {40, "wildcard-subscription-available", '1', "A", "", 0, 1},
    {41, "subscription-identifier-available", '1', "A", "", 0, 1},
    {42, "shared-subscription-available", '1', "A", "", 0, 1},
};

char ref_letter(int type) {
  return "wCANPRLMSsUu--DX"[type];
}

/* Tables 3.2.2.2, 3-4 to 3-8, 3.11.3, 3-10, 3-11; and 8C by section 2.4. */
static const struct {
  int type;
  const char *sender, *codes;
} reasons5[] = {
    {2, "s",
     "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D "
     "9F "},
    {4, "cs", "00 10 80 83 87 90 91 97 99 "},
    {5, "cs", "00 10 80 83 87 90 91 97 99 "},
    {6, "cs", "00 92 "},
    {7, "cs", "00 92 "},
    {9, "s", "00 01 02 80 83 87 8F 91 97 9E A1 A2 "},
    {11, "s", "00 11 80 83 87 8F 91 "},
    {14, "c", "00 04 80 81 82 83 8C 90 93 94 95 96 97 98 99 "},
    {14, "s",
     "00 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A "
     "9B 9C 9D 9E 9F A0 A1 A2 "},
    {15, "c", "18 19 "},
    {15, "s", "00 18 "},
};

bool ref_reason_legal(int type, int version, bool from_server, int code) {
  char text[8];
  if (version == 4)
    return from_server && ((type == 2 && code <= 5) ||
                           (type == 9 && (code <= 2 || code == 128)));
  snprintf(text, sizeof text, "%02X ", code);
  for (size_t i = 0; i < sizeof reasons5 / sizeof reasons5[0]; i++)
    if (reasons5[i].type == type &&
        strchr(reasons5[i].sender, from_server ? 's' : 'c') &&
        strstr(reasons5[i].codes, text))
      return true;
  return false;
}

/* --- text -----------------------------------------------------------------*/

bool ref_utf8(const uint8_t *s, size_t len) {
  static const uint32_t smallest[] = {1, 0x80, 0x800, 0x10000};
  for (size_t i = 0; i < len;) {
    uint32_t c = s[i++];
    int more = c < 0x80             ? 0
               : (c & 0xE0) == 0xC0 ? 1
               : (c & 0xF0) == 0xE0 ? 2
               : (c & 0xF8) == 0xF0 ? 3
                                    : -1;
    if (more < 0)
      return false;
    c &= more == 0 ? 0x7F : 0x3Fu >> more;
    for (int k = 0; k < more; k++) {
      if (i == len || (s[i] & 0xC0) != 0x80)
        return false;
      c = c << 6 | (s[i++] & 0x3F);
    }
    if (c < smallest[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
      return false;
  }
  return true;
}

bool ref_topic_name(const uint8_t *s, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (s[i] == '+' || s[i] == '#')
      return false;
  return len >= 1 && len <= 65535 && ref_utf8(s, len);
}

static bool ref_levels(const uint8_t *s, size_t len) {
  size_t start = 0;
  for (size_t i = 0; i <= len; i++) {
    if (i < len && s[i] != '/')
      continue;
    size_t n = i - start;
    bool plus = memchr(s + start, '+', n), hash = memchr(s + start, '#', n);
    if ((plus || hash) && n != 1)
      return false;
    if (hash && i != len)
      return false;
    start = i + 1;
  }
  return true;
}

bool ref_topic_filter(const uint8_t *s, size_t len) {
  if (len < 1 || len > 65535 || !ref_utf8(s, len))
    return false;
  if (len < 7 || memcmp(s, "$share/", 7) != 0)
    return ref_levels(s, len);
  size_t name = 7;
  while (name < len && s[name] != '/') {
    if (s[name] == '+' || s[name] == '#')
      return false;
    name++;
  }
  if (name == 7 || name + 1 >= len)
    return false;
  return ref_levels(s + name + 1, len - name - 1);
}

static bool match_levels(const char *filter, const char *name) {
  size_t f = strcspn(filter, "/"), n = strcspn(name, "/");
  bool filter_ends = filter[f] == '\0', name_ends = name[n] == '\0';
  if (f == 1 && filter[0] == '#')
    return true;
  if (!(f == 1 && filter[0] == '+') &&
      !(f == n && memcmp(filter, name, n) == 0))
    return false;
  if (name_ends)
    return filter_ends || strcmp(filter + f, "/#") == 0;
  return !filter_ends && match_levels(filter + f + 1, name + n + 1);
}

bool ref_topic_match(const char *filter, const char *name) {
  if (strncmp(filter, "$share/", 7) == 0)
    filter = strchr(filter + 7, '/') + 1;
  if (name[0] == '$' && strchr("+#", filter[0]))
    return false;
  return match_levels(filter, name);
}

/* --- packets --------------------------------------------------------------*/

struct in {
  const uint8_t *p;
  size_t left;
  enum verdict verdict;
  int version;
  bool from_server;
  FILE *trace;
};

struct bytes {
  const uint8_t *p;
  size_t len;
};

static void blame(struct in *in, enum verdict v) {
  if (in->verdict == FINE)
    in->verdict = v;
  in->left = 0;
}

static uint32_t number(struct in *in, int bytes) {
  uint32_t v = 0;
  for (; bytes > 0; bytes--) {
    if (in->left == 0) {
      blame(in, MALFORMED);
      return 0;
    }
    v = v << 8 | *in->p++;
    in->left--;
  }
  return v;
}

static uint32_t varint(struct in *in) {
  uint32_t v = 0, unit = 1;
  for (int i = 1; i <= 4; i++, unit *= 128) {
    uint32_t c = number(in, 1);
    v += c % 128 * unit;
    if (c < 128) {
      if (in->version == 5 && i > 1 && c == 0)
        blame(in, MALFORMED);
      return v;
    }
  }
  blame(in, MALFORMED);
  return 0;
}

static struct bytes binary(struct in *in) {
  struct bytes b = {in->p, number(in, 2)};
  if (b.len > in->left) {
    blame(in, MALFORMED);
    b.len = 0;
  }
  b.p = in->p;
  in->p += b.len;
  in->left -= b.len;
  return b;
}

static struct bytes string(struct in *in) {
  struct bytes b = binary(in);
  if (!ref_utf8(b.p, b.len))
    blame(in, MALFORMED);
  return b;
}

static void show(struct in *in, const char *label, struct bytes b) {
  fputs(label, in->trace);
  trace_bytes(in->trace, b.p, b.len);
}

struct seen {
  bool id[64];
};

static const struct ref_property *lookup(uint32_t id) {
  for (size_t i = 0; i < 27; i++)
    if (ref_properties[i].id == id)
      return &ref_properties[i];
  return NULL;
}

static void property_value(struct in *in, const struct ref_property *r) {
  if (strchr("124v", r->type)) {
    uint32_t v = r->type == 'v' ? varint(in) : number(in, r->type - '0');
    if (in->verdict == FINE && (v < r->min || v > r->max))
      blame(in, r->id == 35 ? ALIAS : PROTOCOL);
    fprintf(in->trace, "%u", v);
    return;
  }
  struct bytes b = r->type == 'b' ? binary(in) : string(in);
  if (r->id == 8 && in->verdict == FINE && !ref_topic_name(b.p, b.len))
    blame(in, PROTOCOL);
  show(in, "", b);
  if (r->type == 'p')
    show(in, ":", string(in));
}

static void property(struct in *in, char where, struct seen *seen) {
  const struct ref_property *r = lookup(varint(in));
  if (r == NULL) {
    blame(in, MALFORMED);
    return;
  }
  if (!strchr(r->where, where) ||
      (seen->id[r->id] && !strchr(r->often, where)) ||
      (r->id == 11 && where == 'N' && !in->from_server) ||
      (r->id == 17 && where == 'D' && in->from_server) ||
      (r->id == 28 && where == 'D' && !in->from_server)) {
    blame(in, PROTOCOL);
    return;
  }
  seen->id[r->id] = true;
  fprintf(in->trace, "%s=", r->name);
  property_value(in, r);
}

static struct seen properties(struct in *in, char where) {
  struct seen seen = {{false}};
  fputs(" {", in->trace);
  if (in->version == 5) {
    size_t len = varint(in);
    if (len > in->left)
      blame(in, MALFORMED);
    else {
      struct in inner = *in;
      inner.left = len;
      while (inner.left > 0) {
        property(&inner, where, &seen);
        if (inner.left > 0)
          fputc(' ', in->trace);
      }
      in->p += len;
      in->left -= len;
      if (inner.verdict != FINE)
        blame(in, inner.verdict);
    }
  }
  fputc('}', in->trace);
  return seen;
}

static void packet_id(struct in *in) {
  uint32_t id = number(in, 2);
  if (id == 0)
    blame(in, PROTOCOL);
  fprintf(in->trace, " id=%u", id);
}

static void judge_code(struct in *in, int type, uint32_t code) {
  if (!ref_reason_legal(type, in->version, in->from_server, (int)code))
    blame(in, PROTOCOL);
}

static void connect_will(struct in *in, uint32_t flags) {
  fprintf(in->trace, " will qos=%u retain=%u", flags >> 3 & 3, flags >> 5 & 1);
  properties(in, 'w');
  struct bytes topic = string(in);
  show(in, " topic=", topic);
  show(in, " payload=", binary(in));
  if (in->verdict == FINE && !ref_topic_name(topic.p, topic.len))
    blame(in, MALFORMED);
}

static void connect_packet(struct in *in) {
  struct bytes name = binary(in);
  uint32_t version = number(in, 1), flags;
  if (name.len != 4 || memcmp(name.p, "MQTT", 4) || version < 4 || version > 5)
    blame(in, PROTOCOL);
  in->version = (int)version;
  flags = number(in, 1);
  bool will = flags & 4, user = flags & 128, password = flags & 64;
  if (flags & 1 || (flags & 0x18) == 0x18 || (!will && flags & 0x38) ||
      (version == 4 && password && !user))
    blame(in, MALFORMED);
  uint32_t keep_alive = number(in, 2);
  fprintf(in->trace, " version=%u clean=%u keepalive=%u", version,
          flags >> 1 & 1, keep_alive);
  struct seen seen = properties(in, 'C');
  show(in, " id=", string(in));
  if (will)
    connect_will(in, flags);
  if (user)
    show(in, " username=", string(in));
  if (password)
    show(in, " password=", binary(in));
  if (seen.id[22] && !seen.id[21])
    blame(in, PROTOCOL);
}

static void connack_packet(struct in *in) {
  uint32_t flags = number(in, 1), code = number(in, 1);
  if (flags > 1)
    blame(in, MALFORMED);
  judge_code(in, 2, code);
  if (flags == 1 && code != 0)
    blame(in, PROTOCOL);
  fprintf(in->trace, " sp=%u reason=%02x", flags, code);
  properties(in, 'A');
}

static void publish_packet(struct in *in, int flags) {
  int qos = flags >> 1 & 3, dup = flags >> 3;
  if (qos == 3 || (qos == 0 && dup))
    blame(in, MALFORMED);
  struct bytes topic = string(in);
  if (topic.len > 0 && !ref_topic_name(topic.p, topic.len))
    blame(in, MALFORMED);
  fprintf(in->trace, " qos=%d retain=%d dup=%d", qos, flags & 1, dup);
  if (qos > 0)
    packet_id(in);
  else
    fputs(" id=0", in->trace);
  show(in, " topic=", topic);
  struct seen seen = properties(in, 'N');
  if (topic.len == 0 && !seen.id[35])
    blame(in, PROTOCOL);
  show(in, " payload=", (struct bytes){in->p, in->left});
  in->left = 0;
}

static void reason_and_properties(struct in *in, int type) {
  uint32_t code = 0;
  bool given = in->version == 5 && in->left > 0;
  if (given)
    code = number(in, 1);
  if (given || (type == 15))
    judge_code(in, type, code);
  fprintf(in->trace, " reason=%02x", code);
  if (given && (in->left > 0 || type == 15))
    properties(in, ref_letter(type));
  else
    fputs(" {}", in->trace);
}

static void subscribe_packet(struct in *in, int type) {
  int n = 0;
  packet_id(in);
  properties(in, ref_letter(type));
  for (; in->left > 0; n++) {
    struct bytes filter = binary(in);
    if (!ref_topic_filter(filter.p, filter.len))
      blame(in, MALFORMED);
    show(in, " ", filter);
    if (type == 10)
      continue;
    uint32_t o = number(in, 1);
    if (in->version == 4 ? o > 2 : o > 63)
      blame(in, MALFORMED);
    bool share = filter.len > 6 && memcmp(filter.p, "$share/", 7) == 0;
    if ((o & 3) == 3 || (o >> 4 & 3) == 3 || (o & 4 && share))
      blame(in, PROTOCOL);
    fprintf(in->trace, ":qos=%u,nl=%u,rap=%u,rh=%u", o & 3, o >> 2 & 1,
            o >> 3 & 1, o >> 4 & 3);
  }
  if (n == 0)
    blame(in, PROTOCOL);
}

static void suback_packet(struct in *in, int type) {
  packet_id(in);
  properties(in, ref_letter(type));
  if (type == 11 && in->version == 4)
    return;
  if (in->left == 0)
    blame(in, PROTOCOL);
  while (in->left > 0) {
    uint32_t code = number(in, 1);
    fprintf(in->trace, " %02x", code);
    judge_code(in, type, code);
  }
}

/* Who sends it (c, s or b for both), by version; 2.1.2. */
static bool may_send(const struct in *in, int type, enum verdict *ret) {
  char who = (in->version == 4 ? "-csbbbbbcscscsc-" : "-csbbbbbcscscsbb")[type];
  *ret = who == '-' ? MALFORMED : PROTOCOL;
  return who == 'b' || who == (in->from_server ? 's' : 'c');
}

static void body(struct in *in, int type, int flags) {
  switch (type) {
  case 1:
    connect_packet(in);
    break;
  case 2:
    connack_packet(in);
    break;
  case 3:
    publish_packet(in, flags);
    break;
  case 4:
  case 5:
  case 6:
  case 7:
    packet_id(in);
    reason_and_properties(in, type);
    break;
  case 8:
  case 10:
    subscribe_packet(in, type);
    break;
  case 9:
  case 11:
    suback_packet(in, type);
    break;
  case 14:
  case 15:
    reason_and_properties(in, type);
    break;
  default:
    break;
  }
}

enum verdict ref_decode(const uint8_t *p, size_t len, int version,
                        bool from_server, FILE *trace) {
  static const char *const names[] = {
      "",        "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
      "PUBREL",  "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
      "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};
  struct in in = {p, len, FINE, version, from_server, trace};
  uint32_t first = number(&in, 1), left = varint(&in);
  int type = (int)first >> 4, flags = (int)first & 15;
  enum verdict wrong_sender;
  if (in.verdict != FINE || left != in.left)
    return MALFORMED;
  if (type != 3 && flags != (type == 6 || type == 8 || type == 10 ? 2 : 0))
    return MALFORMED;
  if (!may_send(&in, type, &wrong_sender))
    return wrong_sender;
  fputs(names[type], trace);
  body(&in, type, flags);
  fputc('\n', trace);
  if (in.verdict == FINE && in.left > 0)
    return MALFORMED;
  return in.verdict;
}
