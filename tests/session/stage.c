#include "session/stage.h"

#include "base/alloc.h"
#include "base/err.h"
#include "script/codes.h"
#include "support/clock.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct stage *stage_of(uvmqtt_t *m) {
  return (struct stage *)(void *)m;
}

/* "ok", "ETOPIC", "ECANCELED" */
static const char *name_of_status(int status) {
  const char *name = code_name(status), *prefix = "UVMQTT_";
  if (status == 0)
    return "ok";
  return strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix)
                                                    : name;
}

static void note(struct stage *st, const char *line) {
  if (!st->quiet)
    text_add(st->log, "%s\n", line);
  if (st->hook != NULL)
    st->hook(st, line);
}

static void note_message(struct stage *st, const char *who,
                         const uvmqtt_message_t *m) {
  char line[TEXT_MAX];
  snprintf(line, sizeof line, "%s %s %.*s", who, m->topic, (int)m->payload.len,
           m->payload.len == 0 ? "" : (const char *)m->payload.data);
  note(st, line);
}

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)connack;
  note(up, "connected");
}

static void on_message(void *up, const uvmqtt_message_t *m) {
  struct stage *st = up;
  if (st->on_message != NULL)
    st->on_message(st, m);
  else
    note_message(st, "default", m);
}

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *result) {
  cb(up, result, arg);
}

static void on_notice(void *up, const uvmqtt_notice_t *n) {
  char line[TEXT_MAX];
  snprintf(line, sizeof line, "notice %d %s", n->kind,
           n->filter == NULL ? "" : n->filter);
  note(up, line);
}

static const struct um_session_events events = {.connected = on_connected,
                                                .message = on_message,
                                                .completed = on_completed,
                                                .notice = on_notice};

void stage_open(struct stage *st, uint8_t version) {
  memset(st, 0, sizeof *st);
  st->now = CLOCK_START;
  st->who = (struct um_identity){.client_id = "c",
                                 .seed = UINT64_C(0x5EED5EED5EED5EED)};
  st->config = (struct um_session_config){.version = (uvmqtt_protocol_t)version,
                                          .keep_alive = 0,
                                          .session_expiry = 300,
                                          .receive_maximum = 64,
                                          .maximum_packet_size = 1u << 20,
                                          .queue_messages = 10000,
                                          .queue_bytes = 1u << 24};
  um_session_init(&st->session, &st->config, &st->who, &events, st,
                  &st->commons);
}

void stage_begin(struct stage *st) {
  stage_open(st, 5);
  stage_online(st, "CONNACK");
}

void stage_settle(struct stage *st) {
  for (int i = 0;
       i < 1000 && um_session_unsettled(&st->session) && !st->session.halted;
       i++)
    um_session_settle(&st->session);
}

void stage_down(struct stage *st) {
  um_session_down(&st->session, st->now, UM_ECONNRESET);
  stage_settle(st);
}

void stage_close(struct stage *st) {
  um_session_cancel_all(&st->session, UM_ECANCELED);
  um_session_down(&st->session, st->now, 0);
  st->hook = NULL;
  stage_settle(st);
  um_session_done(&st->session);
  um_commons_done(&st->commons);
  cr_assert_eq(st->told, st->asked, "%u of %u completions came", st->told,
               st->asked);
  for (unsigned i = 0; i < st->asked && i < DONES_MAX; i++)
    cr_assert_eq(st->n[i], 1, "completion %u came %u times", i, st->n[i]);
}

static void drop_out(struct stage *st) {
  struct um_buf *out = &st->session.out;
  um_session_written(&st->session, out->len);
  um_buf_consume(out, out->len);
}

static void go_on(struct stage *st) {
  stage_settle(st);
  if (st->session.state == UM_SESSION_UP && !st->session.halted)
    um_session_drain(&st->session, st->now);
}

void stage_says(struct stage *st, const char *line) {
  size_t len;
  uint8_t *bytes = packet_text_bytes(line, st->session.version, &len);
  cr_assert(bytes != NULL, "nonsense: %s", line);
  int r = um_session_feed(&st->session, st->now, bytes, len);
  cr_assert_eq(r, 0, "%s: %d", line, r);
  memset(bytes, 0xEE, len);
  free(bytes);
  go_on(st);
}

void stage_tries(struct stage *st, const char *line) {
  size_t len;
  uint8_t *bytes = packet_text_bytes(line, st->session.version, &len);
  if (bytes != NULL)
    um_session_feed(&st->session, st->now, bytes, len);
  free(bytes);
}

void stage_online(struct stage *st, const char *connack) {
  int r = um_session_up(&st->session, st->now);
  cr_assert_eq(r, 0);
  drop_out(st);
  stage_says(st, connack);
  char *line = strstr(st->log, "connected\n");
  if (line != NULL)
    memmove(line, line + 10, strlen(line + 10) + 1);
}

static void sort(const char *line, char ret[TEXT_MAX]) {
  static struct words w;
  words_split(&w, line);
  words_join(&w, 1, ret);
}

/* Correlation Data differs from run to run of the numbering: remembered, not
 * compared. */
static void keep_correlation(struct stage *st, const uint8_t *data,
                             size_t len) {
  uint8_t *copy = malloc(len);
  size_t body;
  struct um_scratch scratch = {.version = st->session.version,
                               .from = UM_CLIENT};
  struct um_packet p;
  memcpy(copy, data, len);
  packet_text_length(copy, len, &body);
  struct um_span span = {copy, len, body};
  cr_assert_eq(um_decode(span, &scratch, &p), 0);
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p.properties, p.n_properties, UVMQTT_PROPERTY_CORRELATION_DATA);
  if (found != NULL) {
    st->correlation_len = found->value.bin.len;
    cr_assert_leq(st->correlation_len, sizeof st->correlation);
    memcpy(st->correlation, found->value.bin.data, found->value.bin.len);
  }
  um_scratch_done(&scratch);
  free(copy);
}

static void cut_word(char *text, const char *key) {
  char *at = strstr(text, key);
  if (at == NULL)
    return;
  char *end = strchr(at + 1, ' ');
  if (end == NULL)
    *at = '\0';
  else
    memmove(at, end, strlen(end) + 1);
}

void stage_hears(struct stage *st, const char *line, int at) {
  static char got[TEXT_MAX], expected[TEXT_MAX];
  struct um_buf *out = &st->session.out;
  size_t body, len = 0;
  if (out->len != 0)
    len = packet_text_length(um_buf_head(out), out->len, &body);
  sort(line, expected);
  got[0] = '\0';
  if (len != 0) {
    uint8_t *data = um_buf_head(out);
    if (data[0] >> 4 == UVMQTT_PUBLISH)
      keep_correlation(st, data, len);
    bool good = packet_text_of(data, len, st->session.version, got);
    cr_assert(good, "line %d: %s", at, got);
    memmove(got, got + 3, strlen(got + 3) + 1);
    cut_word(got, " correlation_data=");
    um_session_written(&st->session, len);
    um_buf_consume(out, len);
  }
  cr_assert_str_eq(got, expected, "line %d: expected %s, heard %s", at,
                   expected, got);
}

void stage_logs(struct stage *st, const char *text, int at) {
  cr_assert_str_eq(st->log, text, "line %d: expected\n%sheard\n%s", at, text,
                   st->log);
  st->log[0] = '\0';
}

void stage_pass(struct stage *st, uint64_t ms) {
  st->now += ms;
  while (um_session_deadline(&st->session) <= st->now)
    cr_assert_eq(um_session_tick(&st->session, st->now++), 0);
  stage_settle(st);
}

/* Handlers. What travels as the argument of a done is where it is counted. */

struct ticket {
  const char *name;
  const char *verb;
};
static struct ticket tickets[DONES_MAX];

static void on_handled(uvmqtt_t *m, const uvmqtt_message_t *message,
                       void *arg) {
  note_message(stage_of(m), arg, message);
}

static void on_done(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct stage *st = stage_of(m);
  struct ticket *t = arg;
  char line[TEXT_MAX];
  snprintf(line, sizeof line, "%s %s %s", t->name, t->verb,
           name_of_status(result->status));
  cr_assert_leq(result->n_reasons, 1);
  if (result->n_reasons == 1) {
    cr_assert_eq(result->reasons[0], result->reason);
    text_add(line, " %u", result->reasons[0]);
  }
  st->told++;
  st->n[t - tickets]++;
  note(st, line);
}

static struct ticket *make_ticket(struct stage *st, const char *name,
                                  const char *verb) {
  cr_assert_lt(st->asked, DONES_MAX);
  tickets[st->asked] = (struct ticket){name, verb};
  return &tickets[st->asked];
}

static int handle(struct stage *st, const char *name, const char *filter,
                  bool mute, uvmqtt_handler_t **ret) {
  char text[TEXT_MAX];
  uvmqtt_subscription_t o[WORDS_MAX];
  snprintf(text, sizeof text, "%s", filter);
  char *id = strrchr(text, '=');
  if (id != NULL)
    *id++ = '\0';
  cr_assert_eq(text_subscriptions(text, o), 1);
  struct ticket *t = make_ticket(st, name, "handled");
  int r = um_session_handle(
      &st->session, st->now, o, id == NULL ? 0 : (uint32_t)atoi(id), on_handled,
      (void *)(uintptr_t)name, mute ? NULL : on_done, t, ret);
  st->asked += r == 0 && !mute;
  return r;
}

int stage_handle(struct stage *st, const char *name, const char *filter,
                 uvmqtt_handler_t **ret) {
  return handle(st, name, filter, false, ret);
}

int stage_handle_mute(struct stage *st, const char *name, const char *filter,
                      uvmqtt_handler_t **ret) {
  return handle(st, name, filter, true, ret);
}

void stage_granted(struct stage *st, const char *name, const char *filter,
                   unsigned id, uvmqtt_handler_t **ret) {
  char line[TEXT_MAX];
  cr_assert_eq(stage_handle(st, name, filter, ret), 0);
  snprintf(line, sizeof line, "SUBSCRIBE id=%u filters=%s", id, filter);
  char *identifier = strrchr(line, '=');
  if (strchr(filter, '=') != NULL) {
    char number[16];
    snprintf(number, sizeof number, "%s", identifier + 1);
    *identifier = '\0';
    text_add(line, " subscription_identifier=%s", number);
  }
  HEARS(st, line);
  snprintf(line, sizeof line, "SUBACK id=%u reasons=00", id);
  SAYS(st, line);
  st->log[0] = '\0';
}

int stage_unhandle(struct stage *st, const char *name, uvmqtt_handler_t *h) {
  struct ticket *t = make_ticket(st, name, "unhandled");
  int r = um_session_unhandle(&st->session, st->now, h, on_done, t);
  st->asked += r == 0;
  return r;
}

/* Requests. */

void stage_reply_cb(uvmqtt_t *m, int status, const uvmqtt_message_t *reply,
                    void *arg) {
  struct stage *st = stage_of(m);
  struct ticket *t = arg;
  char line[TEXT_MAX];
  cr_assert_eq(status == 0, reply != NULL);
  st->told++;
  st->n[t - tickets]++;
  if (reply == NULL) {
    snprintf(line, sizeof line, "%s %s", t->name, name_of_status(status));
    note(st, line);
    return;
  }
  snprintf(line, sizeof line, "%s reply %.*s", t->name, (int)reply->payload.len,
           (const char *)reply->payload.data);
  note(st, line);
}

void *stage_ticket(unsigned i, const char *name) {
  tickets[i] = (struct ticket){name, ""};
  return &tickets[i];
}

int stage_request(struct stage *st, const char *name, const char *topic,
                  uint8_t qos, const char *reply_topic, uint32_t timeout,
                  uint64_t *ret_id) {
  uvmqtt_message_t m = {.topic = topic, .payload = {"?", 1}, .qos = qos};
  struct ticket *t = make_ticket(st, name, "");
  int r = um_session_request(&st->session, st->now, &m, reply_topic, timeout,
                             stage_reply_cb, t, ret_id);
  st->asked += r == 0;
  return r;
}

void stage_reply(struct stage *st, const char *topic, const char *payload) {
  uvmqtt_property_t data = {.id = UVMQTT_PROPERTY_CORRELATION_DATA};
  data.value.bin = (uvmqtt_bytes_t){st->correlation, st->correlation_len};
  struct um_packet p = {.type = UVMQTT_PUBLISH,
                        .id = st->reply_qos == 0 ? 0 : 9,
                        .properties = &data,
                        .n_properties = 1,
                        .u.publish = {.topic = topic,
                                      .topic_len = strlen(topic),
                                      .qos = st->reply_qos,
                                      .payload = {payload, strlen(payload)}}};
  struct um_buf b;
  um_buf_init(&b, SIZE_MAX, NULL);
  cr_assert_eq(um_encode(&b, st->session.version, &p), 0);
  int r = um_session_feed(&st->session, st->now, um_buf_head(&b), b.len);
  cr_assert_eq(r, 0);
  um_buf_done(&b);
  go_on(st);
}

/* Memory. */

uint64_t stage_starve(struct stage *st, void (*live)(void)) {
  uint64_t calls = 1;
  for (uint64_t n = 1; n <= calls; n++) {
    stage_begin(st);
    um_alloc_fail_at(n, n % 2 == 0);
    live();
    calls = um_alloc_calls();
    um_alloc_fail_at(0, false);
    stage_close(st);
  }
  return calls;
}
