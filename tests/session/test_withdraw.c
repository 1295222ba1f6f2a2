/* A walk through every call that ends a request, with a server that checks
 * what it gets. The names of the files that hold the mechanisms: withdraw.c,
 * victims.c, timeouts.c, pending.c. */
#include "base/alloc.h"
#include "base/err.h"
#include "session/pending.h"
#include "session/session.h"
#include "support/clock.h"
#include "support/suite.h"
#include <stdlib.h>
#include <string.h>

SUITE(withdraw);

#define REQUESTS 6000
#define QUOTA 5

struct request {
  uint64_t id;
  bool accepted;
  int completions, status;
};

struct world {
  struct um_session s;
  struct um_session_config config;
  struct um_identity who;
  struct um_commons commons;
  struct um_session_events events;
  uint64_t now;
  uint32_t seed;
  struct request requests[REQUESTS];
  size_t n;
  bool high, in_callback;
  unsigned statuses[8]; /* seen, see status_seen */
  /* the server */
  struct um_frame frame;
  struct um_scratch scratch;
  struct um_buf answers; /* not yet sent */
  uint8_t open[65536];   /* QoS of what it was sent and has not ended */
  bool subscribing[65536];
  int in_flight;
};

static uint32_t roll(struct world *w, uint32_t n) {
  w->seed = w->seed * 1664525u + 1013904223u;
  return (w->seed >> 8) % n;
}

static const int known[8] = {0,
                             UVMQTT_EDROPPED,
                             UVMQTT_EEXPIRED,
                             UM_ETIMEDOUT,
                             UM_ECANCELED,
                             UVMQTT_ESESSIONLOST,
                             UM_ECONNRESET,
                             UVMQTT_EREASON};

static void act(struct world *w);

static void on_completed(void *up, uvmqtt_request_cb cb, void *arg,
                         const uvmqtt_result_t *result) {
  struct world *w = up;
  struct request *q = arg;
  size_t i = 0;
  (void)cb;
  cr_assert(q->accepted);
  cr_assert_eq(q->id, result->id);
  cr_assert_eq(++q->completions, 1);
  q->status = result->status;
  while (i < 8 && known[i] != result->status)
    i++;
  cr_assert_lt(i, 8, "status %d", result->status);
  w->statuses[i]++;
  if (!w->in_callback && roll(w, 4) == 0) {
    w->in_callback = true;
    act(w);
    w->in_callback = false;
  }
}

static void on_connected(void *up, const uvmqtt_connack_t *connack) {
  (void)up, (void)connack;
}

static void on_notice(void *up, const uvmqtt_notice_t *notice) {
  (void)up, (void)notice;
}

static void on_water(void *up, bool high) {
  struct world *w = up;
  cr_assert_neq(w->high, high);
  uint64_t held = w->s.outbox->n_bytes;
  cr_assert(high ? held >= w->config.high_water : held <= w->config.low_water);
  w->high = high;
}

static void heard(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m, (void)result, (void)arg;
}

static struct request *new_request(struct world *w) {
  cr_assert_lt(w->n, REQUESTS);
  struct request *q = &w->requests[w->n++];
  q->accepted = true; /* a completion may not come before the id, but dropping
                         happens inside */
  return q;
}

static void accepted(struct request *q, int r) {
  cr_assert(r == 0 || r == UVMQTT_EFULL || r == UM_ENOTCONN || r == UM_ENOMEM,
            "%d", r);
  q->accepted = r == 0;
}

static void publish(struct world *w) {
  static const char *const topics[] = {"a", "b", "c/d", "e"};
  static const char payload[4000];
  uvmqtt_property_t expiry = UVMQTT_MESSAGE_EXPIRY(roll(w, 3));
  uvmqtt_message_t m = {
      .topic = topics[roll(w, 4)],
      .qos = (uint8_t)roll(w, 3),
      .payload = {payload, roll(w, 8) == 0 ? roll(w, 4000) : 3},
      .lane = (uvmqtt_lane_t)roll(w, 3),
      .timeout = roll(w, 3) == 0 ? 1 + roll(w, 3000) : 0,
      .properties = &expiry,
      .n_properties = w->s.version == UM_V5 && roll(w, 4) == 0,
  };
  struct request *q = new_request(w);
  accepted(q, um_session_publish(&w->s, w->now, &m, heard, q, &q->id));
}

static void subscribe(struct world *w) {
  uvmqtt_subscription_t f = {.filter = "a"};
  struct request *q = new_request(w);
  accepted(
      q, um_session_subscribe(&w->s, w->now, &f, 1, NULL, 0, heard, q, &q->id));
}

static bool is_listed(struct world *w, uint64_t id) {
  uvmqtt_pending_t list[64];
  size_t n = um_pending_list(w->s.outbox, list, 64), i;
  cr_assert_eq(n, um_pending_count(w->s.outbox));
  for (i = 1; i < n; i++)
    cr_assert_lt(list[i - 1].id, list[i].id);
  for (i = 0; i < n && list[i].id != id; i++)
    ;
  return i < n;
}

static void cancel(struct world *w) {
  if (w->n == 0)
    return;
  size_t back = roll(w, w->n < 40 ? (uint32_t)w->n : 40);
  struct request *q = &w->requests[w->n - 1 - back];
  bool listed = q->accepted && is_listed(w, q->id);
  int r = um_session_cancel(&w->s, w->now, q->accepted ? q->id : 0);
  cr_assert_eq(r == 0, listed);
  cr_assert(r == 0 || r == UM_ENOENT || r == UM_EALREADY);
  if (r == UM_EALREADY)
    cr_assert_eq(q->completions, 0);
}

static void act(struct world *w) {
  uint32_t what = roll(w, 10);
  if (what < 6)
    publish(w);
  else if (what < 7)
    subscribe(w);
  else
    cancel(w);
}

/* ---- the server ---- */

static void answer(struct world *w, uint8_t type, uint16_t id, uint8_t reason) {
  static const uint8_t granted[] = {0};
  struct um_packet p = {.type = type, .id = id, .reason = reason};
  if (type == UVMQTT_SUBACK)
    p.u.suback = (struct um_suback){granted, 1};
  cr_assert_eq(um_encode(&w->answers, w->s.version, &p), 0);
}

static void ended(struct world *w, uint16_t id) {
  w->open[id] = 0;
  w->in_flight--;
}

static void got_publish(struct world *w, const struct um_packet *p) {
  uint8_t qos = p->u.publish.qos;
  if (qos == 0)
    return;
  cr_assert_not(w->subscribing[p->id]);
  cr_assert(w->open[p->id] == 0 || (p->u.publish.dup && w->open[p->id] == qos),
            "id %u is in use", p->id);
  w->in_flight += w->open[p->id] == 0;
  if (w->s.version == UM_V5) /* 3.1.1 has no Receive Maximum */
    cr_assert_leq(w->in_flight, QUOTA);
  w->open[p->id] = qos;
  uint8_t reason = w->s.version == UM_V5 && roll(w, 8) == 0 ? 0x87 : 0;
  answer(w, qos == 1 ? UVMQTT_PUBACK : UVMQTT_PUBREC, p->id, reason);
}

static void got(struct world *w, const struct um_packet *p) {
  switch (p->type) {
  case UVMQTT_PUBLISH:
    got_publish(w, p);
    break;
  case UVMQTT_PUBREL:
    answer(w, UVMQTT_PUBCOMP, p->id, 0);
    break;
  case UVMQTT_SUBSCRIBE:
    cr_assert_eq(w->open[p->id], 0);
    cr_assert_not(w->subscribing[p->id]);
    w->subscribing[p->id] = true;
    answer(w, UVMQTT_SUBACK, p->id, 0);
    break;
  default:
    break;
  }
}

/* The kernel takes some, and the server reads it. */
static void take(struct world *w) {
  struct um_span frame;
  struct um_packet p;
  size_t n = w->s.out.len;
  if (n == 0 || w->s.state != UM_SESSION_UP)
    return;
  n = roll(w, 3) == 0 ? roll(w, (uint32_t)n) + 1 : n;
  uint8_t *chunk = malloc(n);
  memcpy(chunk, um_buf_head(&w->s.out), n);
  um_buf_consume(&w->s.out, n);
  um_session_written(&w->s, n);
  um_frame_push(&w->frame, chunk, n);
  while (um_frame_next(&w->frame, &frame) > 0) {
    cr_assert_eq(um_decode(frame, &w->scratch, &p), 0);
    got(w, &p);
  }
  um_frame_push(&w->frame, NULL, 0);
  free(chunk);
}

/* An answer arrives: what it ends is free. */
static void say(struct world *w) {
  if (w->answers.len == 0 || w->s.state != UM_SESSION_UP)
    return;
  uint8_t *at = um_buf_head(&w->answers), packet[16];
  size_t len = 2u + at[1];
  memcpy(packet, at, len);
  uint16_t id = (uint16_t)(packet[2] << 8 | packet[3]);
  uint8_t type = packet[0] >> 4;
  bool refused = packet[1] > 2 && packet[4] >= 0x80;
  if (type == UVMQTT_SUBACK)
    w->subscribing[id] = false;
  else if (type == UVMQTT_PUBCOMP || type == UVMQTT_PUBACK ||
           (type == UVMQTT_PUBREC && refused))
    ended(w, id);
  um_buf_consume(&w->answers, len);
  cr_assert_eq(um_session_feed(&w->s, w->now, packet, len), 0);
}

static void link_down(struct world *w) {
  um_buf_consume(&w->s.out, w->s.out.len);
  um_session_down(&w->s, w->now, UM_ECONNRESET);
  um_buf_consume(&w->answers, w->answers.len);
  um_frame_reset(&w->frame);
}

static void link_up(struct world *w) {
  bool present = w->s.have_session && roll(w, 3) != 0;
  struct um_packet p = {.type = UVMQTT_CONNACK};
  uvmqtt_property_t quota = UVMQTT_PROPERTY_NUM(RECEIVE_MAXIMUM, QUOTA);
  p.u.connack.session_present = present;
  p.properties = &quota;
  p.n_properties = 1;
  memset(w->subscribing, 0, sizeof w->subscribing);
  if (!present) {
    memset(w->open, 0, sizeof w->open);
    w->in_flight = 0;
  }
  cr_assert_eq(um_session_up(&w->s, w->now), 0);
  size_t n = w->s.out.len;
  um_buf_consume(&w->s.out, n);
  um_session_written(&w->s, n);
  cr_assert_eq(um_encode(&w->answers, w->s.version, &p), 0);
  uint8_t packet[16];
  n = w->answers.len;
  memcpy(packet, um_buf_head(&w->answers), n);
  um_buf_consume(&w->answers, n);
  cr_assert_eq(um_session_feed(&w->s, w->now, packet, n), 0);
}

static void pass(struct world *w) {
  w->now += roll(w, 400);
  cr_assert_eq(um_session_tick(&w->s, w->now), 0);
}

static void turn_link(struct world *w) {
  if (w->s.state == UM_SESSION_DOWN)
    link_up(w);
  else if (roll(w, 3) == 0)
    link_down(w);
}

static void check(struct world *w) {
  const struct um_outbox *o = w->s.outbox;
  cr_assert_leq(o->n_messages, w->config.queue_messages);
  cr_assert_leq(o->n_bytes, w->config.queue_bytes);
  cr_assert_leq(o->n_dropped, w->config.queue_messages);
}

static void walk(struct world *w, int steps) {
  static void (*const what[])(struct world *) = {
      act, act, act, act, take, take, say, say, say, pass, turn_link};
  for (int i = 0; i < steps; i++) {
    what[roll(w, sizeof what / sizeof what[0])](w);
    if (roll(w, 2) == 0)
      um_session_settle(&w->s);
    if (w->s.state == UM_SESSION_UP)
      cr_assert_eq(um_session_drain(&w->s, w->now), 0);
    check(w);
  }
}

static struct world *begin(uint32_t seed) {
  struct world *w = calloc(1, sizeof *w);
  w->seed = seed;
  w->now = CLOCK_START;
  w->events = (struct um_session_events){.connected = on_connected,
                                         .completed = on_completed,
                                         .notice = on_notice,
                                         .water = on_water};
  w->who = (struct um_identity){.client_id = "c"};
  w->config = (struct um_session_config){
      .version = seed % 2 == 0 ? UVMQTT_VERSION_5 : UVMQTT_VERSION_311,
      .receive_maximum = 10,
      .maximum_packet_size = 100000,
      .session_expiry = 1,
      .lost = (uvmqtt_session_lost_t)(seed / 2 % 3),
      .overflow = (uvmqtt_overflow_t)(seed / 6 % 4),
      .queue_messages = 12,
      .queue_bytes = 9000,
      .high_water = 4000,
      .low_water = 1500,
      .refuse_offline_qos0 = seed % 5 == 0};
  um_session_init(&w->s, &w->config, &w->who, &w->events, w, &w->commons);
  uint8_t version = w->s.version;
  um_frame_init(&w->frame, version, 100000);
  w->scratch = (struct um_scratch){.version = version, .from = UM_CLIENT};
  um_buf_init(&w->answers, 1000000, NULL);
  return w;
}

static void end(struct world *w) {
  um_session_cancel_all(&w->s, UM_ECANCELED);
  w->in_callback = true; /* no more requests */
  while (um_session_unsettled(&w->s))
    um_session_settle(&w->s);
  for (size_t i = 0; i < w->n; i++)
    cr_assert_eq(w->requests[i].completions, w->requests[i].accepted,
                 "request %zu", i);
  const struct um_outbox *o = w->s.outbox;
  cr_assert_eq(o->n_messages + o->n_bytes + o->n_waiting + o->n_inflight, 0);
  cr_assert_eq(o->n_detached + o->inflight_quota + o->ids.n, 0);
  cr_assert_eq(o->n_dropped + o->dropped_bytes + o->victims.n, 0);
  cr_assert_eq(o->timeouts.n, 0);
  um_session_done(&w->s);
  um_commons_done(&w->commons);
  um_frame_done(&w->frame);
  um_scratch_done(&w->scratch);
  um_buf_done(&w->answers);
}

Test(withdraw, each_request_ends_once_on_any_walk) {
  unsigned seen[8] = {0};
  for (uint32_t seed = 0; seed < 240; seed++) {
    struct world *w = begin(seed);
    walk(w, 2000);
    end(w);
    for (size_t i = 0; i < 8; i++)
      seen[i] += w->statuses[i];
    free(w);
  }
  for (size_t i = 0; i < 8; i++)
    cr_assert_neq(seen[i], 0, "never saw status %d", known[i]);
}

Test(withdraw, lists_the_oldest_when_there_is_not_room_for_all) {
  struct world *w = begin(0);
  uvmqtt_pending_t list[5];
  cr_assert_eq(um_session_need_outbox(&w->s), 0);
  w->config.queue_messages = w->s.outbox->max_messages = 100;
  w->s.outbox->max_bytes = 1000000;
  for (int i = 0; i < 50; i++) {
    uvmqtt_message_t m = {
        .topic = "t", .qos = 1, .lane = (uvmqtt_lane_t)((50 - i) % 3)};
    struct request *q = new_request(w);
    accepted(q, um_session_publish(&w->s, w->now, &m, heard, q, &q->id));
  }
  cr_assert_eq(um_pending_count(w->s.outbox), 50);
  cr_assert_eq(um_pending_list(w->s.outbox, list, 5), 5);
  for (size_t i = 0; i < 5; i++) {
    cr_assert_eq(list[i].id, w->requests[i].id);
    cr_assert_eq(list[i].type, UVMQTT_PUBLISH);
    cr_assert_eq(list[i].qos, 1);
    cr_assert_not(list[i].sent);
    cr_assert_str_eq(list[i].topic, "t");
    cr_assert_geq(list[i].bytes, 2);
  }
  cr_assert_eq(um_pending_list(w->s.outbox, NULL, 0), 0);
  end(w);
  free(w);
}
