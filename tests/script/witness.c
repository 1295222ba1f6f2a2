#include "script/witness.h"

#include "script/codes.h"
#include "script/requests.h"
#include "script/steps.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run_hook(struct player *p, const char *event) {
  for (size_t i = 0; i < p->n_hooks; i++) {
    if (strcmp(p->hooks[i].event, event) != 0)
      continue;
    struct hook h = p->hooks[i];
    memmove(&p->hooks[i], &p->hooks[i + 1],
            (p->n_hooks - i - 1) * sizeof p->hooks[0]);
    p->n_hooks--;
    step_run(p, h.step);
    return;
  }
}

static void happened(struct player *p, char text[TEXT_MAX], size_t keep,
                     const char *hook) {
  static struct words w;
  if (p->requesting)
    player_fail(p, "an event inside the call of a request: %s", text);
  if (p->s.halted)
    player_fail(p, "an event after halt: %s", text);
  player_tell_sent(p);
  words_split(&w, text);
  words_join(&w, keep, text);
  player_observe(p, text);
  run_hook(p, hook);
}

static void on_connected(void *up, const uvmqtt_connack_t *c) {
  struct player *p = up;
  char text[TEXT_MAX] = "event connected";
  text_add(text, " version=%u sp=%d", c->version, c->session_present);
  if (strcmp(c->client_id, p->who.client_id) != 0)
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
      player_fail(p, "the same token again");
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
    player_fail(p, "a large message inside another");
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
    player_fail(p, "aborted, with a payload");
  if (!aborted && p->n_parts != p->parts_total)
    player_fail(p, "ends with %zu of %zu", p->n_parts, p->parts_total);
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
    player_fail(p, "a part that does not fit");
    return;
  }
  if (part->len != 0)
    memcpy(p->parts + p->n_parts, part->data, part->len);
  p->n_parts += part->len;
  if (!c->last && c->message->token != 0)
    player_fail(p, "a token before the last part");
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
  if (strcmp(a->method, p->who.auth_method) != 0)
    player_fail(p, "of another method: %s", a->method);
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

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *r) {
  struct player *p = up;
  struct request *q = arg;
  char text[TEXT_MAX] = "event completed", hook[64];
  if (cb != request_never_called)
    player_fail(p, "a completion of nothing");
  if (!q->accepted)
    player_fail(p, "completes, but was refused: %s", q->name);
  if (++q->completions > 1)
    player_fail(p, "completes again: %s", q->name);
  if (r->id != q->id)
    player_fail(p, "the id of %s differs", q->name);
  text_add(text, " %s", q->name);
  if (r->status != 0)
    text_add(text, " status=%s", code_name(r->status));
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
    text_add(text, " seq=%s", request_name(p, op->seq, buf));
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
  player_observe(p, text);
}

void witness_commit(void *up, const struct um_store_op *ops, size_t n,
                    uint64_t batch) {
  struct player *p = up;
  player_tell_sent(p);
  for (size_t i = 0; i < n && !p->starving; i++)
    tell_stored(p, &ops[i]);
  if (batch != p->committed + 1)
    player_fail(p, "batch %llu after %llu", (unsigned long long)batch,
                (unsigned long long)p->committed);
  p->committed = batch;
  if (p->late_store)
    return;
  p->answered = batch;
  um_session_stored(&p->s, batch, 0);
}

void witness_store_fails(struct player *p) {
  player_enter(p);
  um_session_stored(&p->s, p->answered + 1, UVMQTT_ESTORE);
  player_leave(p);
}

void witness_store_done(struct player *p, uint64_t n) {
  while (n-- > 0 && p->answered < p->committed) {
    player_enter(p);
    um_session_stored(&p->s, ++p->answered, 0);
    player_leave(p);
  }
}

void witness_listen(struct player *p) {
  p->events = (struct um_session_events){
      .connected = on_connected,
      .message = on_message,
      .chunk = on_chunk,
      .completed = on_completed,
      .notice = on_notice,
      .auth = on_auth,
      .water = on_water,
  };
}
