#include "e2e/peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer *peer_of(uvmqtt_t *m) {
  struct peer *p = uvmqtt_get_data(m);
  cr_assert_not(p->closed, "a callback after close");
  return p;
}

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  struct peer *p = peer_of(m);
  p->connects++;
  p->online = true;
  p->connack = *connack;
  p->connack.properties = NULL; /* borrowed */
  snprintf(p->client_id, sizeof p->client_id, "%s", connack->client_id);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  struct peer *p = peer_of(m);
  p->disconnects++;
  p->online = false;
  p->error = *d->error;
  p->retry_in = d->retry_in;
  snprintf(p->hint, sizeof p->hint, "%s", d->error->hint);
}

static void keep(struct peer *p, const uvmqtt_message_t *message) {
  size_t len = message->payload.len;
  p->heard = realloc(p->heard, (p->n_heard + 1) * sizeof *p->heard);
  struct heard *one = &p->heard[p->n_heard++];
  *one = (struct heard){.topic = strdup(message->topic),
                        .payload = malloc(len + 1),
                        .len = len,
                        .qos = message->qos,
                        .retain = message->retain};
  if (len > 0)
    memcpy(one->payload, message->payload.data, len);
  one->payload[len] = '\0';
}

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  struct peer *p = peer_of(m);
  if (p->inspect != NULL)
    p->inspect(p, message);
  else
    keep(p, message);
}

static void on_notice(uvmqtt_t *m, const uvmqtt_notice_t *notice) {
  struct peer *p = peer_of(m);
  p->notices[notice->kind]++;
  if (notice->kind == UVMQTT_NOTICE_SESSION_LOST)
    p->lost_messages += notice->n_messages;
}

static void log_in(const struct site *s, uvmqtt_options_t *o) {
  static const char password[] = "x";
  if (!s->login || o->username != NULL)
    return;
  o->username = "x@localhost";
  o->password = (uvmqtt_bytes_t){password, 1};
}

static void explain(const struct host *h) {
  for (const struct peer *p = h->peers; p != NULL; p = p->next) {
    uvmqtt_stats_t n = {.size = sizeof n};
    uvmqtt_get_stats(p->m, &n);
    fprintf(stderr,
            "%s: %s, %u connects, %u disconnects (last: %s), %zu kept, "
            "%u queued, %u in flight, %u packets sent, %u received\n",
            p->client_id, uvmqtt_state_name(uvmqtt_state(p->m)), p->connects,
            p->disconnects, uvmqtt_strerror(p->error.code), p->n_heard,
            (unsigned)n.queued, (unsigned)n.inflight, (unsigned)n.packets_sent,
            (unsigned)n.packets_received);
  }
}

struct peer *peer_new(struct host *h, const struct site *s,
                      const uvmqtt_options_t *options) {
  struct peer *p = calloc(1, sizeof *p);
  uvmqtt_options_t o = *options;
  p->host = h;
  p->next = h->peers;
  h->peers = p;
  h->explain = explain;
  if (o.url == NULL)
    o.url = site_url(s);
  o.version = s->version;
  log_in(s, &o);
  o.on_connect = on_connect;
  o.on_disconnect = on_disconnect;
  o.on_message = on_message;
  o.on_notice = on_notice;
  o.data = p;
  int r = uvmqtt_new(&h->loop, &o, &p->m);
  cr_assert_eq(r, 0, "new: %s", uvmqtt_strerror(r));
  return p;
}

struct peer *peer_online(struct host *h, const struct site *s,
                         const char *client_id) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique(client_id)};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  cr_assert_eq(p->connack.version, s->speaks);
  return p;
}

static void on_closed(void *arg) {
  struct peer *p = arg;
  p->closed = true;
}

static void leave_host(struct peer *p) {
  struct peer **at = &p->host->peers;
  while (*at != p)
    at = &(*at)->next;
  *at = p->next;
}

static void forget_heard(struct peer *p) {
  for (size_t i = 0; i < p->n_heard; i++) {
    free(p->heard[i].topic);
    free(p->heard[i].payload);
  }
  free(p->heard);
}

void peer_close(struct peer *p) {
  uvmqtt_close(p->m, on_closed, p);
  UNTIL(p->host, p->closed);
  leave_host(p);
  forget_heard(p);
  free(p);
}

void outcome_cb(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct outcome *o = arg;
  (void)m;
  o->n++;
  o->status = result->status;
  o->reason = result->reason;
}

static void finish(struct peer *p, const char *what, int accepted,
                   struct outcome *o) {
  cr_assert_eq(accepted, 0, "%s refused: %s", what, uvmqtt_strerror(accepted));
  UNTIL(p->host, o->n > 0);
  cr_assert_eq(o->status, 0, "%s: %s, %s", what, uvmqtt_strerror(o->status),
               uvmqtt_reason_string(o->reason));
}

void peer_connect(struct peer *p) {
  cr_assert_eq(uvmqtt_connect(p->m), 0);
  UNTIL(p->host, p->online);
}

void peer_leave(struct peer *p) {
  struct outcome o = {0};
  finish(p, "disconnect", uvmqtt_disconnect(p->m, NULL, outcome_cb, &o), &o);
}

void peer_subscribe(struct peer *p, const char *filter, uint8_t qos) {
  struct outcome o = {0};
  uvmqtt_subscription_t s = {.filter = filter, .qos = qos};
  finish(p, "subscribe",
         uvmqtt_subscribe(p->m, &s, 1, NULL, 0, outcome_cb, &o, NULL), &o);
}

void peer_unsubscribe(struct peer *p, const char *filter) {
  struct outcome o = {0};
  finish(p, "unsubscribe",
         uvmqtt_unsubscribe(p->m, &filter, 1, NULL, 0, outcome_cb, &o, NULL),
         &o);
}

void peer_send(struct peer *p, const uvmqtt_message_t *message) {
  struct outcome o = {0};
  finish(p, "publish", uvmqtt_publish(p->m, message, outcome_cb, &o, NULL), &o);
}

void peer_publish(struct peer *p, const char *topic, const char *text,
                  uint8_t qos) {
  uvmqtt_message_t message = {
      .topic = topic, .payload = {text, strlen(text)}, .qos = qos};
  peer_send(p, &message);
}

const struct heard *peer_hears(struct peer *p, size_t i, const char *topic,
                               const char *text) {
  UNTIL(p->host, p->n_heard > i);
  cr_assert_str_eq(p->heard[i].topic, topic);
  cr_assert_str_eq(p->heard[i].payload, text);
  return &p->heard[i];
}

void peer_sync(struct peer *p) {
  const char *topic = unique("sync");
  size_t n = p->n_heard;
  peer_publish(p, topic, "all here?", 1);
  UNTIL(p->host,
        p->n_heard > n && strcmp(p->heard[p->n_heard - 1].topic, topic) == 0);
  struct heard *last = &p->heard[--p->n_heard];
  free(last->topic);
  free(last->payload);
}
