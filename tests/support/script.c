#include "support/script.h"

#include "base/alloc.h"
#include "base/err.h"
#include "session/pending.h"
#include "session/session.h"
#include "support/clock.h"
#include "support/packets.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 400     /* of what one step does */
#define REQUESTS_MAX 3000 /* of one conversation */
#define HOOKS_MAX 64
#define OWNED_MAX 64
#define CUTS_MAX 400
#define TOKENS_MAX 200
#define WHOLE 0
#define EACH_BYTE SIZE_MAX

struct request {
  struct player *player;
  char name[24];
  uint64_t id;
  bool accepted;
  int completions;
};

struct hook {
  char event[40];
  char step[400];
};

struct lines {
  char *text[LINES_MAX];
  int at[LINES_MAX]; /* line of the script */
  size_t n;
};

struct chunk {
  uint8_t *data;
  size_t len;
};

struct player {
  const char *path;
  const char *title;
  int line, step_line;
  size_t cut; /* offset in all input, WHOLE or EACH_BYTE */
  size_t fed; /* input so far */
  bool uncut; /* "whole:" was said */
  bool trace, failed;
  /* allocation failure */
  bool starving;
  bool ended; /* an error ended the connection; wait for the next up */
  uint64_t fail_in;
  int inside; /* depth of calls into the session */

  struct um_session s;
  struct um_session_config config;
  struct um_session_events events;
  uvmqtt_message_t will;
  struct text_properties will_properties, properties;
  char *owned[OWNED_MAX]; /* strings of the config */
  size_t n_owned;
  bool begun;
  bool late_store;
  uint64_t now;
  int result; /* of the step */
  bool result_named, requesting;
  bool kernel_stopped;
  size_t seen; /* bytes of out already told */
  uint64_t committed, answered;
  struct request *requests;
  size_t n_requests;
  struct hook hooks[HOOKS_MAX];
  size_t n_hooks;
  uint64_t tokens[TOKENS_MAX]; /* in the order in which they came */
  size_t n_tokens;
  uint8_t *parts; /* of the message that comes in chunks */
  size_t n_parts, parts_total;
  struct lines expected, observed;
};

static void run_step(struct player *p, const char *line);

/* ---- codes ---- */

static const struct {
  int code;
  const char *name;
} codes[] = {
#define X(name, number, text) {UVMQTT_##name, "UVMQTT_" #name},
    UVMQTT_ERRNO_MAP(X)
#undef X
        {0, "0"},
    {UM_EINVAL, "EINVAL"},
    {UM_ENOMEM, "ENOMEM"},
    {UM_ECANCELED, "ECANCELED"},
    {UM_ECONNRESET, "ECONNRESET"},
    {UM_ETIMEDOUT, "ETIMEDOUT"},
    {UM_ENOTCONN, "ENOTCONN"},
    {UM_ENOENT, "ENOENT"},
    {UM_EALREADY, "EALREADY"},
    {UM_EOF, "EOF"},
};
#define N_CODES (sizeof codes / sizeof codes[0])

static const char *err_name(int code) {
  for (size_t i = 0; i < N_CODES; i++)
    if (codes[i].code == code)
      return codes[i].name;
  return "unknown";
}

static int code_named(const char *name) {
  for (size_t i = 0; i < N_CODES; i++)
    if (strcmp(codes[i].name, name) == 0)
      return codes[i].code;
  fprintf(stderr, "no such code: %s\n", name);
  abort();
}

/* ---- failing ---- */

static void fail(struct player *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void print_lines(const char *what, const struct lines *l) {
  fprintf(stderr, "  %s:%s\n", what, l->n == 0 ? " nothing" : "");
  for (size_t i = 0; i < l->n; i++)
    fprintf(stderr, "    %s\n", l->text[i]);
}

static void fail(struct player *p, const char *format, ...) {
  if (p->failed)
    return;
  p->failed = true;
  char cut[40] = "";
  if (p->cut == EACH_BYTE)
    snprintf(cut, sizeof cut, " (byte by byte)");
  else if (p->cut != WHOLE)
    snprintf(cut, sizeof cut, " (input cut at %zu)", p->cut);
  if (p->starving)
    snprintf(cut, sizeof cut, " (without memory)");
  fprintf(stderr, "%s:%d: \"%s\"%s: ", p->path, p->step_line, p->title, cut);
  va_list ap;
  va_start(ap, format);
  vfprintf(stderr, format, ap);
  va_end(ap);
  fprintf(stderr, "\n");
  if (p->starving)
    return;
  print_lines("expected", &p->expected);
  print_lines("observed", &p->observed);
}

/* ---- lines ---- */

static void lines_add(struct lines *l, const char *text, int at) {
  if (l->n == LINES_MAX)
    abort();
  l->at[l->n] = at;
  l->text[l->n++] = strcpy(malloc(strlen(text) + 1), text);
}

static void lines_clear(struct lines *l) {
  for (size_t i = 0; i < l->n; i++)
    free(l->text[i]);
  l->n = 0;
}

static bool starts(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* Cutting the input cannot change the order within one of these, but between
 * them it may: the session is drained and settled in between. */
enum class { SENT_REQUEST, SENT_OTHER, COMPLETED, COMMITTED, OTHER, N_CLASSES };

static enum class class_of(const char *text) {
  if (starts(text, "-> PUBLISH") || starts(text, "-> SUBSCRIBE") ||
      starts(text, "-> UNSUBSCRIBE") || starts(text, "-> 3") ||
      starts(text, "-> 8") || starts(text, "-> a")) return SENT_REQUEST;
  if (starts(text, "->")) return SENT_OTHER;
  if (starts(text, "event completed")) return COMPLETED;
  return starts(text, "commit") ? COMMITTED : OTHER;
}

static void by_class(const struct lines *from, const char *ret[LINES_MAX]) {
  size_t n = 0;
  for (int c = 0; c < N_CLASSES; c++)
    for (size_t i = 0; i < from->n; i++)
      if ((int)class_of(from->text[i]) == c)
        ret[n++] = from->text[i];
}

static void compare(struct player *p) {
  static const char *want[LINES_MAX], *got[LINES_MAX];
  if (p->starving || p->failed) {
    lines_clear(&p->expected);
    lines_clear(&p->observed);
    return;
  }
  if (p->cut == WHOLE) {
    for (size_t i = 0; i < p->expected.n; i++)
      want[i] = p->expected.text[i];
    for (size_t i = 0; i < p->observed.n; i++)
      got[i] = p->observed.text[i];
  } else {
    by_class(&p->expected, want);
    by_class(&p->observed, got);
  }
  bool same = p->expected.n == p->observed.n;
  for (size_t i = 0; same && i < p->expected.n; i++)
    same = strcmp(want[i], got[i]) == 0;
  if (!same)
    fail(p, "something else happened");
  else if (p->result != 0 && !p->result_named)
    fail(p, "failed with %s (ending %d)", err_name(p->result),
         p->s.ending.code);
  lines_clear(&p->expected);
  lines_clear(&p->observed);
}

static void observe(struct player *p, const char *text) {
  if (p->starving)
    return;
  if (p->trace)
    fprintf(stderr, "      %s\n", text);
  lines_add(&p->observed, text, p->step_line);
}

/* ---- around each call into the session ---- */

static void enter(struct player *p) {
  if (p->inside++ == 0 && p->starving)
    um_alloc_fail_at(p->fail_in, false);
}

static void leave(struct player *p) {
  if (--p->inside != 0 || !p->starving)
    return;
  uint64_t used = um_alloc_calls();
  um_alloc_fail_at(0, false);
  p->fail_in = used >= p->fail_in ? 0 : p->fail_in - used;
}

/* Where a line in hex is expected the bytes are compared: when they are those
 * of such a line, text becomes that line. */
static void as_hex(struct player *p, const uint8_t *data, size_t len,
                   char text[TEXT_MAX]) {
  for (size_t i = 0; i < p->expected.n; i++) {
    const char *want = p->expected.text[i];
    size_t want_len = 0;
    if (!starts(want, "-> ") || !packet_text_is_hex(want + 3))
      continue;
    uint8_t *bytes = packet_text_bytes(want + 3, p->s.version, &want_len);
    bool same =
        bytes != NULL && want_len == len && memcmp(bytes, data, len) == 0;
    free(bytes);
    if (same) {
      snprintf(text, TEXT_MAX, "%s", want);
      return;
    }
  }
}

/* Tells the packets that have come into out since it was looked at last. */
static void tell_sent(struct player *p) {
  struct um_buf *out = &p->s.out;
  while (!p->starving && p->seen < out->len) {
    const uint8_t *at = um_buf_head(out) + p->seen;
    char text[TEXT_MAX];
    size_t body, len = packet_text_length(at, out->len - p->seen, &body);
    if (len == 0) {
      fail(p, "half a packet in out");
      return;
    }
    uint8_t *copy = malloc(len);
    memcpy(copy, at, len);
    packet_text_of(copy, len, p->s.version, text);
    as_hex(p, at, len, text);
    free(copy);
    p->seen += len;
    observe(p, text);
  }
}

static void kernel_takes(struct player *p, size_t n) {
  um_buf_consume(&p->s.out, n);
  p->seen = p->seen > n ? p->seen - n : 0;
  enter(p);
  um_session_written(&p->s, n);
  leave(p);
}

/* What the pump does when the stack is its own. */
static void pump(struct player *p) {
  for (int turn = 0; turn < 100000; turn++) {
    size_t n = p->s.out.len;
    enter(p);
    um_session_settle(&p->s);
    int r = um_session_drain(&p->s, p->now);
    um_session_settle(&p->s);
    leave(p);
    p->result = p->result == 0 ? r : p->result;
    tell_sent(p);
    if (!p->kernel_stopped && p->s.out.len != 0)
      kernel_takes(p, p->s.out.len);
    else if (n == p->s.out.len && (p->s.halted || !um_session_unsettled(&p->s)))
      return;
  }
  fail(p, "never comes to rest");
}

/* ---- events ---- */

static const char *name_of(struct player *p, uint64_t id, char buf[24]) {
  for (size_t i = 0; i < p->n_requests; i++)
    if (p->requests[i].accepted && p->requests[i].id == id)
      return p->requests[i].name;
  snprintf(buf, 24, "%llu", (unsigned long long)id);
  return buf;
}

static void run_hook(struct player *p, const char *event) {
  for (size_t i = 0; i < p->n_hooks; i++) {
    if (strcmp(p->hooks[i].event, event) != 0)
      continue;
    struct hook h = p->hooks[i];
    memmove(&p->hooks[i], &p->hooks[i + 1],
            (p->n_hooks - i - 1) * sizeof p->hooks[0]);
    p->n_hooks--;
    run_step(p, h.step);
    return;
  }
}

static void happened(struct player *p, char text[TEXT_MAX], size_t keep,
                     const char *hook) {
  static struct words w;
  if (p->requesting)
    fail(p, "an event inside the call of a request: %s", text);
  if (p->s.halted)
    fail(p, "an event after halt: %s", text);
  tell_sent(p);
  words_split(&w, text);
  words_join(&w, keep, text);
  observe(p, text);
  run_hook(p, hook);
}

static void on_connected(void *up, const uvmqtt_connack_t *c) {
  struct player *p = up;
  char text[TEXT_MAX] = "event connected";
  text_add(text, " version=%u sp=%d", c->version, c->session_present);
  if (strcmp(c->client_id, p->config.client_id) != 0)
    text_add(text, " client_id=%s", c->client_id);
  if (c->keep_alive != p->config.keep_alive)
    text_add(text, " keep_alive=%u", c->keep_alive);
  if (c->receive_maximum != (c->version == 4 ? 20 : 65535))
    text_add(text, " quota=%u", c->receive_maximum);
  if (c->maximum_packet_size != 268435460)
    text_add(text, " packet=%u", c->maximum_packet_size);
  if (c->maximum_qos != 2)
    text_add(text, " max_qos=%u", c->maximum_qos);
  if (!c->retain_available)
    text_add(text, " no_retain=1");
  text_properties_write(text, "", c->properties, c->n_properties);
  happened(p, text, 2, "connected");
}

/* Tokens are told by their number. */
static void tell_token(struct player *p, uint64_t token, char text[TEXT_MAX]) {
  if (token == 0)
    return;
  for (size_t i = 0; i < p->n_tokens; i++)
    if (p->tokens[i] == token)
      fail(p, "the same token again");
  if (p->n_tokens == TOKENS_MAX)
    abort();
  p->tokens[p->n_tokens++] = token;
  text_add(text, " token=%zu", p->n_tokens);
}

static void tell_header(const uvmqtt_message_t *m, char text[TEXT_MAX]) {
  text_add(text, " qos=%u dup=%d retain=%d", m->qos, m->dup, m->retain);
  text_add_bytes(text, "topic", m->topic, strlen(m->topic));
  text_properties_write(text, "", m->properties, m->n_properties);
}

static void on_message(void *up, const uvmqtt_message_t *m) {
  char text[TEXT_MAX] = "event message";
  tell_header(m, text);
  text_add_bytes(text, "payload", m->payload.data, m->payload.len);
  tell_token(up, m->token, text);
  happened(up, text, 2, "message");
}

static void begin_chunks(struct player *p, const uvmqtt_chunk_t *c) {
  char text[TEXT_MAX] = "event chunk begins";
  if (p->parts != NULL)
    fail(p, "a large message inside another");
  p->parts = malloc(c->total);
  p->n_parts = 0;
  p->parts_total = c->total;
  tell_header(c->message, text);
  text_add(text, " total=%zu", c->total);
  happened(p, text, 2, "chunk begins");
}

static void end_chunks(struct player *p, const uvmqtt_chunk_t *c) {
  bool aborted = c->total == UVMQTT_CHUNK_ABORTED;
  char text[TEXT_MAX] = "event chunk";
  text_add(text, aborted ? " aborted" : " ends");
  if (aborted && c->message->payload.len != 0)
    fail(p, "aborted, with a payload");
  if (!aborted && p->n_parts != p->parts_total)
    fail(p, "ends with %zu of %zu", p->n_parts, p->parts_total);
  text_add_bytes(text, "topic", c->message->topic, strlen(c->message->topic));
  text_add_bytes(text, "payload", p->parts, p->n_parts);
  tell_token(p, c->message->token, text);
  free(p->parts);
  p->parts = NULL;
  happened(p, text, 2, aborted ? "chunk aborted" : "chunk ends");
}

static void on_chunk(void *up, const uvmqtt_chunk_t *c) {
  struct player *p = up;
  const uvmqtt_bytes_t *part = &c->message->payload;
  bool aborted = c->total == UVMQTT_CHUNK_ABORTED;
  if (c->offset == 0)
    begin_chunks(p, c);
  if (p->parts == NULL || c->offset != p->n_parts ||
      (!aborted && c->total != p->parts_total) ||
      part->len > p->parts_total - p->n_parts) {
    fail(p, "a part that does not fit");
    return;
  }
  if (part->len != 0)
    memcpy(p->parts + p->n_parts, part->data, part->len);
  p->n_parts += part->len;
  if (!c->last && c->message->token != 0)
    fail(p, "a token before the last part");
  if (c->last)
    end_chunks(p, c);
}

static void on_notice(void *up, const uvmqtt_notice_t *n) {
  static const char *const kinds[] = {
#define X(name, text) #name,
      UVMQTT_NOTICE_MAP(X)
#undef X
  };
  char text[TEXT_MAX] = "event notice";
  text_add(text, " %s messages=%zu subscriptions=%zu", kinds[n->kind],
           n->n_messages, n->n_subscriptions);
  if (n->filter != NULL)
    text_add(text, " filter=%s", n->filter);
  text_add(text, " reason=0x%02x", n->reason);
  happened(up, text, 3, "notice");
}

static void on_auth(void *up, const uvmqtt_auth_t *a) {
  static const char *const words[] = {"START", "CONTINUE", "SUCCESS"};
  struct player *p = up;
  char text[TEXT_MAX] = "event auth", name[40];
  text_add(text, " %s", words[a->step]);
  snprintf(name, sizeof name, "auth %s", words[a->step]);
  if (strcmp(a->method, p->config.auth_method) != 0)
    fail(p, "of another method: %s", a->method);
  if (a->data.data != NULL)
    text_add_bytes(text, "data", a->data.data, a->data.len);
  text_properties_write(text, "", a->properties, a->n_properties);
  happened(p, text, 3, name);
}

static void on_water(void *up, bool high) {
  char text[TEXT_MAX] = "event water";
  text_add(text, high ? " high" : " low");
  happened(up, text, 3, "water");
}

static void never_called(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  (void)m, (void)result, (void)arg;
  abort();
}

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *r) {
  struct player *p = up;
  struct request *q = arg;
  char text[TEXT_MAX] = "event completed", hook[64];
  if (cb != never_called)
    fail(p, "a completion of nothing");
  if (!q->accepted)
    fail(p, "completes, but was refused: %s", q->name);
  if (++q->completions > 1)
    fail(p, "completes again: %s", q->name);
  if (r->id != q->id)
    fail(p, "the id of %s differs", q->name);
  text_add(text, " %s", q->name);
  if (r->status != 0)
    text_add(text, " status=%s", err_name(r->status));
  text_add(text, " reason=0x%02x", r->reason);
  for (size_t i = 0; i < r->n_reasons; i++)
    text_add(text, i == 0 ? " reasons=%02x" : ",%02x", r->reasons[i]);
  text_properties_write(text, "", r->properties, r->n_properties);
  snprintf(hook, sizeof hook, "completed %s", q->name);
  happened(p, text, 3, hook);
}

/* ---- the store ---- */

static const char *const out_states[] = {"QUEUED", "SENT", "RELEASED", "DONE"};

static void tell_stored(struct player *p, const struct um_store_op *op) {
  static const char *const kinds[] = {"PUT_OUT",   "SET_OUT",   "DEL_OUT",
                                      "PUT_IN_ID", "DEL_IN_ID", "NEW_EPOCH",
                                      "META"};
  char text[TEXT_MAX] = "commit", buf[24];
  text_add(text, " %s", kinds[op->kind]);
  if (op->kind <= UM_STORE_DEL_OUT)
    text_add(text, " seq=%s", name_of(p, op->seq, buf));
  if (op->kind == UM_STORE_PUT_OUT) {
    text_add_bytes(text, "topic", op->message->topic,
                   strlen(op->message->topic));
    text_add_bytes(text, "payload", op->message->payload.data,
                   op->message->payload.len);
    text_add(text, " qos=%u", op->message->qos);
  }
  if (op->kind == UM_STORE_SET_OUT)
    text_add(text, " pid=%u state=%s", op->pid,
             out_states[op->state <= UM_OP_DONE ? op->state : UM_OP_DONE]);
  if (op->kind == UM_STORE_PUT_IN_ID || op->kind == UM_STORE_DEL_IN_ID)
    text_add(text, " pid=%u", op->pid);
  if (op->kind == UM_STORE_META)
    text_add(text, " client_id=%s version=%u may_exist=%d", op->client_id,
             op->version, op->session_may_exist);
  static struct words w;
  words_split(&w, text);
  words_join(&w, 2, text);
  observe(p, text);
}

static void on_commit(void *up, const struct um_store_op *ops, size_t n,
                      uint64_t batch) {
  struct player *p = up;
  tell_sent(p);
  for (size_t i = 0; i < n && !p->starving; i++)
    tell_stored(p, &ops[i]);
  if (batch != p->committed + 1)
    fail(p, "batch %llu after %llu", (unsigned long long)batch,
         (unsigned long long)p->committed);
  p->committed = batch;
  if (p->late_store)
    return;
  p->answered = batch;
  um_session_stored(&p->s, batch);
}

static void store_done(struct player *p, uint64_t n) {
  while (n-- > 0 && p->answered < p->committed) {
    enter(p);
    um_session_stored(&p->s, ++p->answered);
    leave(p);
  }
}

/* ---- config ---- */

static const char *own(struct player *p, const char *s) {
  if (s == NULL)
    return NULL;
  if (p->n_owned == OWNED_MAX)
    abort();
  return p->owned[p->n_owned++] = strcpy(malloc(strlen(s) + 1), s);
}

static void default_config(struct player *p) {
  p->config = (struct um_session_config){
      .client_id = "c",
      .version = UVMQTT_VERSION_5,
      .mode = UVMQTT_SESSION_KEEP,
      .lost = UVMQTT_LOST_REPUBLISH,
      .session_expiry = 300,
      .keep_alive = 60,
      .receive_maximum = 64,
      .maximum_packet_size = 1048576,
      .queue_messages = 10000,
      .queue_bytes = 64 * 1024 * 1024,
      .topic_alias_out = 64,
  };
}

static void set_will(struct player *p, const struct words *w) {
  const char *topic = words_value(w, "will.topic");
  if (topic == NULL)
    return;
  const char *payload = own(p, words_value(w, "will.payload"));
  text_properties_read(&p->will_properties, w, "will.");
  p->will = (uvmqtt_message_t){
      .topic = own(p, topic),
      .payload = {payload, payload == NULL ? 0 : strlen(payload)},
      .qos = (uint8_t)words_number(w, "will.qos", 0),
      .retain = words_number(w, "will.retain", 0) != 0,
      .properties = p->will_properties.p,
      .n_properties = p->will_properties.n,
  };
  p->config.will = &p->will;
}

static void set_enums(struct player *p, const struct words *w) {
  struct um_session_config *c = &p->config;
  const char *v = words_value(w, "session");
  if (v != NULL)
    c->mode = strcmp(v, "CLEAN") == 0    ? UVMQTT_SESSION_CLEAN
              : strcmp(v, "RESUME") == 0 ? UVMQTT_SESSION_RESUME
                                         : UVMQTT_SESSION_KEEP;
  v = words_value(w, "version");
  if (v != NULL)
    c->version = strcmp(v, "ANY") == 0 ? UVMQTT_VERSION_ANY
                 : *v == '4'           ? UVMQTT_VERSION_311
                                       : UVMQTT_VERSION_5;
  v = words_value(w, "lost");
  if (v != NULL)
    c->lost = strcmp(v, "FAIL") == 0   ? UVMQTT_LOST_FAIL
              : strcmp(v, "DROP") == 0 ? UVMQTT_LOST_DROP
                                       : UVMQTT_LOST_REPUBLISH;
  v = words_value(w, "overflow");
  if (v != NULL)
    c->overflow = strcmp(v, "OLDEST") == 0   ? UVMQTT_OVERFLOW_DROP_OLDEST
                  : strcmp(v, "QOS0") == 0   ? UVMQTT_OVERFLOW_DROP_OLDEST_QOS0
                  : strcmp(v, "LATEST") == 0 ? UVMQTT_OVERFLOW_LATEST_PER_TOPIC
                                             : UVMQTT_OVERFLOW_REFUSE;
  v = words_value(w, "store");
  if (v != NULL && strcmp(v, "none") != 0) {
    p->events.commit = on_commit;
    p->late_store = strcmp(v, "late") == 0;
  }
}

static void set_config(struct player *p, const struct words *w) {
  struct um_session_config *c = &p->config;
  set_enums(p, w);
  set_will(p, w);
  if (words_value(w, "client_id") != NULL)
    c->client_id = own(p, words_value(w, "client_id"));
  if (words_value(w, "username") != NULL)
    c->username = own(p, words_value(w, "username"));
  if (words_value(w, "auth_method") != NULL)
    c->auth_method = own(p, words_value(w, "auth_method"));
  const char *password = own(p, words_value(w, "password"));
  if (password != NULL) {
    c->has_password = true;
    c->password = (uvmqtt_bytes_t){password, strlen(password)};
  }
  if (words_value(w, "user_property") != NULL) {
    text_properties_read(&p->properties, w, "");
    size_t n = 0; /* session_expiry and the like are no such words */
    for (size_t i = 0; i < p->properties.n; i++)
      if (p->properties.p[i].id == UVMQTT_PROPERTY_USER_PROPERTY)
        p->properties.p[n++] = p->properties.p[i];
    c->properties = p->properties.p;
    c->n_properties = n;
  }
#define NUMBER(member, type)                                                   \
  c->member = (type)words_number(w, #member, c->member)
  NUMBER(session_expiry, uint32_t);
  NUMBER(keep_alive, uint16_t);
  NUMBER(receive_maximum, uint16_t);
  NUMBER(max_inflight, uint16_t);
  NUMBER(maximum_packet_size, uint32_t);
  NUMBER(topic_alias_maximum, uint16_t);
  NUMBER(topic_alias_out, uint16_t);
  NUMBER(request_response_information, bool);
  NUMBER(no_problem_information, bool);
  NUMBER(queue_messages, size_t);
  NUMBER(queue_bytes, uint64_t);
  NUMBER(high_water, uint64_t);
  NUMBER(low_water, uint64_t);
  NUMBER(chunk_threshold, uint32_t);
  c->manual_ack = words_number(w, "manual_ack", c->manual_ack) != 0;
#undef NUMBER
  c->refuse_offline_qos0 =
      words_number(w, "refuse_offline_qos0", c->refuse_offline_qos0) != 0;
  c->drop_properties =
      words_number(w, "drop_properties", (uint64_t)c->drop_properties) != 0;
}

static void begin(struct player *p) {
  if (p->begun)
    return;
  p->begun = true;
  enter(p);
  um_session_init(&p->s, &p->config, &p->events, p, NULL);
  leave(p);
}

/* ---- input ---- */

static void feed_piece(struct player *p, const uint8_t *data, size_t len) {
  if (p->result != 0 || p->ended || len == 0)
    return;                     /* after an error the connection is closed */
  uint8_t *chunk = malloc(len); /* so that reading past it is seen */
  memcpy(chunk, data, len);
  enter(p);
  p->result = um_session_feed(&p->s, p->now, chunk, len);
  leave(p);
  memset(chunk, 0xEE, len); /* nothing may point there any more */
  free(chunk);
  tell_sent(p);
  if (p->result != 0 && p->starving)
    p->ended = true;
  pump(p);
}

static void feed(struct player *p, const uint8_t *data, size_t len) {
  size_t from = p->fed, to = p->fed + len;
  p->fed = to;
  if (p->cut == EACH_BYTE) {
    for (size_t i = 0; i < len; i++)
      feed_piece(p, data + i, 1);
  } else if (p->cut > from && p->cut < to) {
    feed_piece(p, data, p->cut - from);
    feed_piece(p, data + (p->cut - from), to - p->cut);
  } else {
    feed_piece(p, data, len);
  }
}

static struct chunk chunk_of(struct player *p, const char *line) {
  struct chunk c = {NULL, 0};
  c.data = packet_text_bytes(line, p->s.version, &c.len);
  if (c.data == NULL) {
    fail(p, "not a packet: %s", line);
    return (struct chunk){NULL, 0};
  }
  return c;
}

/* ---- requests ---- */

static struct request *new_request(struct player *p, struct words *w) {
  if (p->n_requests == REQUESTS_MAX)
    abort();
  struct request *q = &p->requests[p->n_requests++];
  q->player = p;
  snprintf(q->name, sizeof q->name, "#%zu", p->n_requests);
  if (w->n >= 2 && strcmp(w->word[w->n - 2], "as") == 0) {
    snprintf(q->name, sizeof q->name, "%s", w->word[w->n - 1]);
    w->n -= 2;
    return q;
  }
  return NULL; /* no callback; it completes unheard */
}

static uvmqtt_lane_t lane_named(const char *name) {
  if (name == NULL)
    return UVMQTT_LANE_NORMAL;
  return strcmp(name, "URGENT") == 0 ? UVMQTT_LANE_URGENT : UVMQTT_LANE_BULK;
}

static int publish(struct player *p, struct words *w, struct request *q,
                   uint64_t *id) {
  static struct text_properties props;
  text_properties_read(&props, w, "");
  uvmqtt_message_t m = {
      .topic = words_value(w, "topic") == NULL ? "a" : words_value(w, "topic"),
      .qos = (uint8_t)words_number(w, "qos", 0),
      .retain = words_number(w, "retain", 0) != 0,
      .dup = words_number(w, "dup", 0) != 0,
      .properties = props.p,
      .n_properties = props.n,
      .timeout = (uint32_t)words_number(w, "timeout", 0),
      .lane = lane_named(words_value(w, "lane")),
  };
  char *payload =
      words_value(w, "payload") == NULL
          ? NULL
          : text_bytes_read(words_value(w, "payload"), &m.payload.len);
  m.payload.data = payload;
  enter(p);
  int err =
      um_session_publish(&p->s, p->now, &m, q ? never_called : NULL, q, id);
  leave(p);
  memset(&props, 0xEE, sizeof props); /* copied before return */
  free(payload);
  return err;
}

static int subscribe(struct player *p, struct words *w, struct request *q,
                     uint64_t *id) {
  struct text_properties props;
  uvmqtt_subscription_t list[WORDS_MAX];
  text_properties_read(&props, w, "");
  size_t n = text_subscriptions(w->word[1], list);
  enter(p);
  int err = um_session_subscribe(&p->s, p->now, list, n, props.p, props.n,
                                 q ? never_called : NULL, q, id);
  leave(p);
  return err;
}

static int unsubscribe(struct player *p, struct words *w, struct request *q,
                       uint64_t *id) {
  struct text_properties props;
  const char *list[WORDS_MAX];
  text_properties_read(&props, w, "");
  size_t n = text_filters(w->word[1], list);
  enter(p);
  int err = um_session_unsubscribe(&p->s, p->now, list, n, props.p, props.n,
                                   q ? never_called : NULL, q, id);
  leave(p);
  return err;
}

/* "data=" is empty data, no such word is none. */
static uvmqtt_bytes_t auth_data(const struct words *w) {
  uvmqtt_bytes_t data = {words_value(w, "data"), 0};
  if (data.data != NULL)
    data.len = strlen(data.data);
  return data;
}

static int reauthenticate(struct player *p, struct words *w, struct request *q,
                          uint64_t *id) {
  struct text_properties props;
  text_properties_read(&props, w, "");
  enter(p);
  int err = um_session_reauthenticate(&p->s, p->now, auth_data(w), props.p,
                                      props.n, q ? never_called : NULL, q, id);
  leave(p);
  return err;
}

static void request(struct player *p, struct words *w) {
  struct request *q = new_request(p, w);
  struct request *record = &p->requests[p->n_requests - 1];
  bool was = p->requesting;
  const char *verb = w->word[0];
  uint64_t id = 0;
  p->requesting = true;
  /* known before the call, for a store that is told inside it */
  record->accepted = true;
  record->id = p->s.next_id;
  int err = strcmp(verb, "publish") == 0          ? publish(p, w, q, &id)
            : strcmp(verb, "subscribe") == 0      ? subscribe(p, w, q, &id)
            : strcmp(verb, "reauthenticate") == 0 ? reauthenticate(p, w, q, &id)
                                                  : unsubscribe(p, w, q, &id);
  p->requesting = was;
  record->accepted = err == 0;
  record->id = id;
  if (q == NULL)
    record->completions = -1;
  if (err == 0 && id == 0)
    fail(p, "accepted without an id");
  if (p->inside == 0)
    p->result = err;
  else if (err != 0 && !p->starving)
    fail(p, "refused inside an event: %s", err_name(err));
  if (p->starving)
    p->result = 0;
}

/* ---- steps ---- */

static void down(struct player *p, int code) {
  um_buf_consume(&p->s.out, p->s.out.len);
  p->seen = 0;
  p->ended = true;
  enter(p);
  um_session_down(&p->s, p->now, code);
  leave(p);
}

static void step_up(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  p->ended = false;
  p->seen = 0;
  enter(p);
  p->result = um_session_ask(&p->s);
  if (p->result == 0)
    p->result = um_session_up(&p->s, p->now);
  leave(p);
  if (p->starving && p->result != 0) {
    down(p, 0);
    p->result = 0;
  }
}

static void step_down(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  down(p, w->n > 1 ? code_named(w->word[1]) : 0);
}

static void step_feed(struct player *p, struct words *w, const char *rest) {
  (void)w;
  struct chunk c = chunk_of(p, rest);
  feed(p, c.data, c.len);
  free(c.data);
}

static void pass(struct player *p, uint64_t ms) {
  uint64_t until = p->now + ms;
  bool up = p->s.state != UM_SESSION_DOWN;
  for (int wakes = 0; p->result == 0 && !(p->ended && up); wakes++) {
    uint64_t due = um_session_deadline(&p->s);
    if (due > until || p->failed)
      break;
    if (wakes > 10000) {
      fail(p, "the deadline does not move on");
      break;
    }
    p->now = due > p->now ? due : p->now;
    enter(p);
    p->result = um_session_tick(&p->s, p->now);
    leave(p);
    tell_sent(p);
    pump(p);
    if (p->starving && p->result != 0)
      p->ended = true;
  }
  if (p->starving)
    p->result = 0;
  p->now = until > p->now ? until : p->now;
}

static void step_tick(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  enter(p);
  p->result = um_session_tick(&p->s, p->now);
  leave(p);
}

static void step_block(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  p->now += strtoull(w->word[1], NULL, 10);
}

static void step_ping(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  enter(p);
  p->result = um_session_ping(&p->s, p->now);
  leave(p);
}

/* Inside an event a refusal has no place to go to but the failure. */
static void step_auth(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  struct text_properties props;
  text_properties_read(&props, w, "");
  bool was = p->requesting;
  p->requesting = true;
  enter(p);
  int err = um_session_auth(&p->s, p->now, auth_data(w), props.p, props.n);
  leave(p);
  memset(&props, 0xEE, sizeof props); /* copied before return */
  p->requesting = was;
  if (p->inside == 0 && !p->starving)
    p->result = err;
  else if (err != 0 && !p->starving)
    fail(p, "refused inside an event: %s", err_name(err));
}

static void step_leave(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  struct text_properties props;
  text_properties_read(&props, w, "");
  uint8_t reason = w->n > 1 ? (uint8_t)strtoul(w->word[1], NULL, 0) : 0;
  enter(p);
  um_session_leave(&p->s, p->now, reason, props.p, props.n);
  leave(p);
}

static void step_cancel(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  bool was = p->requesting;
  p->requesting = true;
  enter(p);
  um_session_cancel_all(&p->s, code_named(w->word[1]));
  leave(p);
  p->requesting = was;
}

static void step_cancel_one(struct player *p, struct words *w,
                            const char *rest) {
  uint64_t id = UINT64_MAX;
  bool was = p->requesting;
  for (size_t i = 0; i < p->n_requests; i++)
    if (strcmp(p->requests[i].name, w->word[1]) == 0 && p->requests[i].accepted)
      id = p->requests[i].id;
  p->requesting = true;
  enter(p);
  int r = um_session_cancel(&p->s, p->now, id);
  leave(p);
  p->requesting = was;
  (void)rest;
  if (!p->starving)
    p->result = r;
}

static void step_halt(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  um_session_halt(&p->s);
}

static void step_ack(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  size_t n = strtoull(w->word[1], NULL, 10);
  uint8_t reason = w->n > 2 ? (uint8_t)strtoul(w->word[2], NULL, 0) : 0;
  bool was = p->requesting;
  if (n == 0 || n > p->n_tokens) {
    if (!p->starving)
      fail(p, "no such token yet");
    return;
  }
  p->requesting = true;
  enter(p);
  int err = um_session_ack(&p->s, p->now, p->tokens[n - 1], reason);
  leave(p);
  p->requesting = was;
  if (p->starving)
    return;
  if (p->inside == 0)
    p->result = err;
  else if (err != 0)
    fail(p, "refused inside an event: %s", err_name(err));
}

static void step_pause(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  um_session_pause(&p->s, p->now);
}

static void step_resume(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  enter(p);
  um_session_resume(&p->s, p->now);
  if (p->inside == 1)
    p->result = um_session_read_on(&p->s, p->now);
  leave(p);
}

static void step_kernel(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  p->kernel_stopped = strcmp(w->word[1], "stop") == 0;
}

static void step_written(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  size_t n = (size_t)strtoull(w->word[1], NULL, 10);
  if (n > p->s.out.len && !p->starving)
    fail(p, "only %zu bytes are in out", p->s.out.len);
  kernel_takes(p, n > p->s.out.len ? p->s.out.len : n);
}

static void step_store(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  store_done(p, w->n > 2 ? strtoull(w->word[2], NULL, 10) : UINT64_MAX);
}

static void step_config(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  set_config(p, w);
}

static bool is_hook_step(const char *line);

static void step_on(struct player *p, struct words *w, const char *rest) {
  (void)w;
  const char *does = strstr(rest, " do ");
  if (does == NULL || p->n_hooks == HOOKS_MAX)
    abort();
  struct hook *h = &p->hooks[p->n_hooks++];
  if (!is_hook_step(does + 4))
    fail(p, "not inside an event: %s", does + 4);
  snprintf(h->event, sizeof h->event, "%.*s", (int)(does - rest), rest);
  snprintf(h->step, sizeof h->step, "%s", does + 4);
}

static void step_whole(struct player *p, struct words *w, const char *rest) {
  (void)w, (void)rest;
  p->uncut = true;
}

static void step_request(struct player *p, struct words *w, const char *rest) {
  (void)rest;
  request(p, w);
}

static void step_online(struct player *p, struct words *w, const char *rest) {
  char line[TEXT_MAX];
  step_up(p, w, rest);
  tell_sent(p);
  pump(p);
  if (p->late_store) {
    store_done(p, UINT64_MAX);
    pump(p);
  }
  snprintf(line, sizeof line, "CONNACK %s", rest);
  step_feed(p, w, line);
  struct lines kept = {.n = 0};
  int greetings = 0;
  for (size_t i = 0; i < p->observed.n; i++) {
    bool is_greeting = starts(p->observed.text[i], "-> CONNECT") ||
                       starts(p->observed.text[i], "event connected") ||
                       starts(p->observed.text[i], "commit META");
    if (greetings < 2 && starts(p->observed.text[i], "commit NEW_EPOCH"))
      continue; /* R1, before CONNECT */
    greetings += starts(p->observed.text[i], "-> CONNECT") ? 2 : is_greeting;
    if (!is_greeting)
      lines_add(&kept, p->observed.text[i], 0);
  }
  lines_clear(&p->observed);
  p->observed = kept;
  if (!p->starving && greetings < 3)
    fail(p, "no CONNECT, or not connected");
}

static const struct {
  const char *word;
  void (*run)(struct player *, struct words *, const char *rest);
  bool in_hook; /* legal behind "do" */
} steps[] = {
    {"config", step_config, false},
    {"up", step_up, false},
    {"online", step_online, false},
    {"<-", step_feed, false},
    {"down", step_down, false},
    {"tick", step_tick, false},
    {"block", step_block, false},
    {"publish", step_request, true},
    {"subscribe", step_request, true},
    {"unsubscribe", step_request, true},
    {"reauthenticate", step_request, true},
    {"auth", step_auth, true},
    {"ping", step_ping, false},
    {"leave", step_leave, true},
    {"cancel_all", step_cancel, true},
    {"halt", step_halt, true},
    {"cancel", step_cancel_one, true},
    {"kernel", step_kernel, false},
    {"pause", step_pause, true},
    {"resume", step_resume, true},
    {"written", step_written, false},
    {"store", step_store, false},
    {"on", step_on, false},
    {"whole:", step_whole, false},
    {"ack", step_ack, true},
};

static bool is_step(const char *line) {
  size_t len = strcspn(line, " ");
  if (line[0] == '+')
    return true;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (strlen(steps[i].word) == len && memcmp(line, steps[i].word, len) == 0)
      return true;
  return false;
}

static bool is_hook_step(const char *line) {
  size_t len = strcspn(line, " ");
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (strlen(steps[i].word) == len && memcmp(line, steps[i].word, len) == 0)
      return steps[i].in_hook;
  return false;
}

/* Not static words: a hook runs inside a step. */
static void run_step(struct player *p, const char *line) {
  struct words *w = malloc(sizeof *w);
  words_split(w, line);
  const char *rest = line + strcspn(line, " ");
  rest += strspn(rest, " ");
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (strcmp(w->word[0], steps[i].word) == 0)
      steps[i].run(p, w, rest);
  if (line[0] == '+')
    pass(p, strtoull(line + 1, NULL, 10));
  free(w);
}

/* ---- what is asked after a step ---- */

static void ask_fails(struct player *p, struct words *w) {
  const struct um_ending *e = &p->s.ending;
  const char *text = words_value(w, "text");
  int want = code_named(w->word[1]);
  p->result_named = true;
  if (p->result != want)
    fail(p, "should fail with %s, not %s", w->word[1],
         p->result == 0 ? "work" : err_name(p->result));
  bool is_ending = p->s.state == UM_SESSION_FAILED;
  if (is_ending && e->code != want)
    fail(p, "ending.code is %s", err_name(e->code));
  if (is_ending && e->reason != words_number(w, "reason", 0))
    fail(p, "ending.reason is 0x%02x", e->reason);
  if (is_ending && strcmp(e->reason_string, text == NULL ? "" : text) != 0)
    fail(p, "ending.reason_string is \"%s\"", e->reason_string);
}

/* What is not named is not asked for; reference= and information= none: "". */
static void ask_server(struct player *p, struct words *w) {
  const struct um_limits *l = &p->s.limits;
  const char *named[][3] = {
      {"reference", words_value(w, "reference"), p->s.ending.server_reference},
      {"information", words_value(w, "information"), p->s.response_information},
  };
  for (size_t i = 0; i < 2; i++) {
    const char *is = named[i][2] == NULL ? "" : named[i][2];
    if (named[i][1] != NULL && strcmp(named[i][1], is) != 0)
      fail(p, "%s is \"%s\"", named[i][0], is);
  }
  if (l->session_expiry != words_number(w, "expiry", l->session_expiry))
    fail(p, "expiry is %u", l->session_expiry);
  if (l->topic_alias_maximum !=
      words_number(w, "aliases", l->topic_alias_maximum))
    fail(p, "aliases is %u", l->topic_alias_maximum);
}

static void ask_state(struct player *p, struct words *w) {
  static const char *const names[] = {"DOWN", "GREETING", "UP", "LEAVING",
                                      "FAILED"};
  if (strcmp(names[p->s.state], w->word[1]) != 0)
    fail(p, "state is %s, not %s", names[p->s.state], w->word[1]);
}

static void ask_deadline(struct player *p, struct words *w) {
  uint64_t due = um_session_deadline(&p->s);
  if (strcmp(w->word[1], "never") == 0) {
    if (due != UM_NEVER)
      fail(p, "there is a deadline, +%lld", (long long)(due - p->now));
  } else if (due != p->now + strtoull(w->word[1] + 1, NULL, 10)) {
    fail(p, "deadline is +%lld", (long long)(due - p->now));
  }
}

static void ask_flushed(struct player *p, struct words *w) {
  bool want = strcmp(w->word[1], "yes") == 0;
  if (um_session_flushed(&p->s) != want)
    fail(p, "flushed is %d", !want);
}

static void ask_paused(struct player *p, struct words *w) {
  bool want = strcmp(w->word[1], "yes") == 0;
  if (um_session_paused(&p->s) != want)
    fail(p, "paused is %d", !want);
}

static void ask_version(struct player *p, struct words *w) {
  if (p->s.version != w->word[1][0] - '0')
    fail(p, "version is %d", p->s.version);
}

static void ask_retry_now(struct player *p, struct words *w) {
  bool want = strcmp(w->word[1], "yes") == 0;
  if (p->s.ending.retry_now != want)
    fail(p, "retry_now is %d", !want);
}

static void ask_counters(struct player *p, struct words *w) {
  const struct um_session_counters *c = &p->s.counters;
  if (c->unknown_acks != words_number(w, "unknown_acks", c->unknown_acks))
    fail(p, "unknown_acks is %d", (int)c->unknown_acks);
  if (c->duplicates != words_number(w, "duplicates", c->duplicates))
    fail(p, "duplicates is %d", (int)c->duplicates);
}

/* "pending p1 s2+": what is listed, in order, + is sent */
static void ask_pending(struct player *p, struct words *w) {
  static uvmqtt_pending_t list[REQUESTS_MAX];
  char text[TEXT_MAX] = "", buf[24];
  size_t n = um_pending_list(&p->s.outbox, list, REQUESTS_MAX), at = 1;
  if (um_pending_count(&p->s.outbox) != n)
    fail(p, "%zu are counted", um_pending_count(&p->s.outbox));
  bool same = n == w->n - 1;
  for (size_t i = 0; i < n; i++) {
    char one[32];
    snprintf(one, sizeof one, "%s%s", name_of(p, list[i].id, buf),
             list[i].sent ? "+" : "");
    same = same && strcmp(one, w->word[at++]) == 0;
    text_add(text, " %s", one);
  }
  if (!same)
    fail(p, "pending are%s", text);
}

static const struct {
  const char *word;
  void (*ask)(struct player *, struct words *);
} questions[] = {
    {"fails", ask_fails},         {"state", ask_state},
    {"paused", ask_paused},       {"deadline", ask_deadline},
    {"flushed", ask_flushed},     {"version", ask_version},
    {"retry_now", ask_retry_now}, {"counters", ask_counters},
    {"server", ask_server},       {"pending", ask_pending},
};

static bool ask(struct player *p, const char *line) {
  struct words w;
  words_split(&w, line);
  for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
    if (strcmp(w.word[0], questions[i].word) != 0)
      continue;
    if (!p->starving && !p->failed)
      questions[i].ask(p, &w);
    return true;
  }
  return false;
}

/* ---- a conversation ---- */

struct conversation {
  char *title;
  char **line;
  int *at;
  size_t n;
};

static bool is_effect(const char *line) {
  return starts(line, "-> ") || starts(line, "event ") ||
         starts(line, "commit ");
}

static void expect(struct player *p, const char *line, int at) {
  struct words w;
  char text[TEXT_MAX];
  if (starts(line, "-> ") && packet_text_is_hex(line + 3)) {
    lines_add(&p->expected, line, at);
    return;
  }
  words_split(&w, line);
  bool named = starts(line, "event completed") ||
               starts(line, "event notice") || starts(line, "event auth");
  words_join(&w, named ? 3 : 2, text);
  lines_add(&p->expected, text, at);
}

/* Each accepted request has completed once, each refused one never. */
static void check_requests(struct player *p) {
  for (size_t i = 0; i < p->n_requests; i++) {
    struct request *q = &p->requests[i];
    if (q->completions != (q->accepted ? 1 : 0) && q->completions != -1)
      fail(p, "%s %s and completed %d times", q->name,
           q->accepted ? "was accepted" : "was refused", q->completions);
  }
}

static void finish(struct player *p) {
  p->step_line = p->line;
  if (p->begun) {
    p->n_hooks = 0;
    p->s.halted = false;
    enter(p);
    um_session_cancel_all(&p->s, UM_ECANCELED);
    leave(p);
    for (int i = 0; i < 100 && um_session_unsettled(&p->s); i++)
      um_session_settle(&p->s);
    lines_clear(&p->observed);
    check_requests(p);
    um_session_done(&p->s);
  }
  for (size_t i = 0; i < p->n_owned; i++)
    free(p->owned[i]);
  lines_clear(&p->observed);
  lines_clear(&p->expected);
  free(p->requests);
  free(p->parts);
}

/* The expectations that belong to line i come before it acts, so that bytes
 * can be compared with a line in hex. */
static size_t take_effects(struct player *p, const struct conversation *c,
                           size_t i) {
  for (; i < c->n && !is_step(c->line[i]); i++)
    if (is_effect(c->line[i]))
      expect(p, c->line[i], c->at[i]);
  return i;
}

/* Joins "<-" and the "<+" below it; ret is to be freed. */
static struct chunk joined(struct player *p, const struct conversation *c,
                           size_t *i) {
  struct chunk all = chunk_of(p, c->line[*i] + 3);
  while (*i + 1 < c->n && starts(c->line[*i + 1], "<+ ")) {
    struct chunk more = chunk_of(p, c->line[++*i] + 3);
    all.data = realloc(all.data, all.len + more.len + 1);
    memcpy(all.data + all.len, more.data, more.len);
    all.len += more.len;
    free(more.data);
  }
  return all;
}

static void play_line(struct player *p, const struct conversation *c,
                      size_t *i) {
  const char *line = c->line[*i];
  struct chunk chunk = {NULL, 0};
  p->step_line = p->line = c->at[*i];
  if (p->trace)
    fprintf(stderr, "%5d %s\n", p->line, line);
  if (!starts(line, "config") && !starts(line, "whole:"))
    begin(p);
  p->result = 0;
  p->result_named = false;
  if (starts(line, "<- "))
    chunk = joined(p, c, i);
  size_t next = take_effects(p, c, *i + 1);
  if (chunk.data != NULL)
    feed(p, chunk.data, chunk.len);
  else if (!starts(line, "<- "))
    run_step(p, line);
  free(chunk.data);
  if (p->begun && !starts(line, "block")) {
    tell_sent(p);
    pump(p);
  }
  for (size_t k = *i + 1; k < next; k++) {
    p->line = c->at[k];
    if (!is_effect(c->line[k]) && !ask(p, c->line[k]))
      fail(p, "what is \"%s\"?", c->line[k]);
  }
  compare(p);
  if (p->starving && p->result != 0 && p->s.state != UM_SESSION_DOWN)
    down(p, UM_ENOMEM);
  *i = next - 1;
}

struct outcome {
  size_t fed;
  bool failed, uncut, starved;
};

static struct outcome play(const char *path, const struct conversation *c,
                           size_t cut, uint64_t fail_at) {
  struct player *p = calloc(1, sizeof *p);
  p->path = path;
  p->title = c->title;
  p->cut = cut;
  p->starving = fail_at != 0;
  p->fail_in = fail_at;
  p->trace = cut == WHOLE && !p->starving && getenv("SCRIPT_TRACE") != NULL;
  p->now = CLOCK_START;
  p->requests = calloc(REQUESTS_MAX, sizeof *p->requests);
  p->events = (struct um_session_events){
      .connected = on_connected,
      .message = on_message,
      .chunk = on_chunk,
      .completed = on_completed,
      .notice = on_notice,
      .auth = on_auth,
      .water = on_water,
  };
  default_config(p);
  for (size_t i = 0; i < c->n && !p->failed; i++)
    play_line(p, c, &i);
  finish(p);
  struct outcome o = {p->fed, p->failed, p->uncut,
                      p->starving && p->fail_in == 0};
  free(p);
  return o;
}

/* ---- a file ---- */

static void add_line(struct conversation *c, const char *line, int at) {
  c->line = realloc(c->line, (c->n + 1) * sizeof *c->line);
  c->at = realloc(c->at, (c->n + 1) * sizeof *c->at);
  c->line[c->n] = strcpy(malloc(strlen(line) + 1), line);
  c->at[c->n++] = at;
}

static void conversation_done(struct conversation *c) {
  for (size_t i = 0; i < c->n; i++)
    free(c->line[i]);
  free(c->line);
  free(c->at);
  free(c->title);
  memset(c, 0, sizeof *c);
}

static int each_conversation(const char *path,
                             int (*run)(const char *,
                                        const struct conversation *)) {
  FILE *f = fopen(path, "r");
  char buf[TEXT_MAX];
  struct conversation c = {NULL, NULL, NULL, 0};
  int failures = 0, at = 0, played = 0;
  if (f == NULL) {
    fprintf(stderr, "%s: cannot be opened\n", path);
    return 1;
  }
  while (fgets(buf, sizeof buf, f) != NULL) {
    char *line = buf + strspn(buf, " \t");
    char *end = line + strcspn(line, "\n");
    at++;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
      end--;
    *end = 0;
    if (starts(line, "== ")) {
      if (c.title != NULL) {
        failures += run(path, &c);
        played++;
      }
      conversation_done(&c);
      c.title = strcpy(malloc(strlen(line)), line + 3);
    } else if (line[0] != 0 && line[0] != '#') {
      add_line(&c, line, at);
    }
  }
  if (c.title != NULL) {
    failures += run(path, &c);
    played++;
  }
  conversation_done(&c);
  fclose(f);
  if (played == 0)
    fprintf(stderr, "%s: nothing to play\n", path);
  return played == 0 ? 1 : failures;
}

/* Long input is cut at CUTS_MAX places, evenly spread. */
static int play_cut(const char *path, const struct conversation *c) {
  struct outcome o = play(path, c, WHOLE, 0);
  if (o.failed || o.uncut)
    return o.failed;
  if (play(path, c, EACH_BYTE, 0).failed)
    return 1;
  size_t step = o.fed / CUTS_MAX + 1;
  for (size_t cut = 1; cut < o.fed; cut += step)
    if (play(path, c, cut, 0).failed)
      return 1;
  return 0;
}

static size_t n_starved; /* plays in which an allocation failed */

static int play_starving(const char *path, const struct conversation *c) {
  for (uint64_t n = 1; n < 10000; n++) {
    struct outcome o = play(path, c, WHOLE, n);
    if (o.failed)
      return 1;
    if (!o.starved)
      return 0;
    n_starved++;
  }
  fprintf(stderr, "%s: \"%s\" allocates without end\n", path, c->title);
  return 1;
}

int script_play(const char *path) {
  return each_conversation(path, play_cut);
}

int script_play_without_memory(const char *path) {
  n_starved = 0;
  int failures = each_conversation(path, play_starving);
  return n_starved == 0 ? 1 : failures; /* nothing failed, nothing proven */
}
