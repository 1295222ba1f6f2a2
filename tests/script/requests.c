#include "script/requests.h"

#include "script/codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *request_name(struct player *p, uint64_t id, char buf[24]) {
  for (size_t i = 0; i < p->n_requests; i++)
    if (p->requests[i].accepted && p->requests[i].id == id)
      return p->requests[i].name;
  snprintf(buf, 24, "%llu", (unsigned long long)id);
  return buf;
}

void request_never_called(uvmqtt_t *m, const uvmqtt_result_t *result,
                          void *arg) {
  (void)m, (void)result, (void)arg;
  abort();
}

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
  player_enter(p);
  int err = um_session_publish(&p->s, p->now, &m,
                               q ? request_never_called : NULL, q, id);
  player_leave(p);
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
  player_enter(p);
  int err = um_session_subscribe(&p->s, p->now, list, n, props.p, props.n,
                                 q ? request_never_called : NULL, q, id);
  player_leave(p);
  return err;
}

static int unsubscribe(struct player *p, struct words *w, struct request *q,
                       uint64_t *id) {
  struct text_properties props;
  const char *list[WORDS_MAX];
  text_properties_read(&props, w, "");
  size_t n = text_filters(w->word[1], list);
  player_enter(p);
  int err = um_session_unsubscribe(&p->s, p->now, list, n, props.p, props.n,
                                   q ? request_never_called : NULL, q, id);
  player_leave(p);
  return err;
}

uvmqtt_bytes_t request_auth_data(const struct words *w) {
  uvmqtt_bytes_t data = {words_value(w, "data"), 0};
  if (data.data != NULL)
    data.len = strlen(data.data);
  return data;
}

static int reauthenticate(struct player *p, struct words *w, struct request *q,
                          uint64_t *id) {
  struct text_properties props;
  text_properties_read(&props, w, "");
  player_enter(p);
  int err = um_session_reauthenticate(&p->s, p->now, request_auth_data(w),
                                      props.p, props.n,
                                      q ? request_never_called : NULL, q, id);
  player_leave(p);
  return err;
}

void request_make(struct player *p, struct words *w) {
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
    player_fail(p, "accepted without an id");
  if (p->inside == 0)
    p->result = err;
  else if (err != 0 && !p->starving)
    player_fail(p, "refused inside an event: %s", code_name(err));
  if (p->starving)
    p->result = 0;
}
