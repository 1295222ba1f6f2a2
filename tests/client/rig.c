#include "client/rig.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE 10000 /* ms, more than anything here takes */

/* Time. */

static void on_late(uv_timer_t *timer) {
  struct rig *r = timer->data;
  r->late = true;
}

uint64_t rig_clock(void) {
  return uv_hrtime() / 1000000;
}

void rig_arm(struct rig *r) {
  r->late = false;
  uv_timer_start(&r->guard, on_late, PATIENCE, 0);
}

void rig_turn(struct rig *r, const char *awaited, const char *file, int line) {
  uv_ref((uv_handle_t *)&r->guard); /* else an idle loop would not wait */
  r->turning = true;
  uv_run(&r->loop, UV_RUN_ONCE);
  r->turning = false;
  uv_unref((uv_handle_t *)&r->guard);
  cr_assert(!r->late, "%s:%d: waited in vain until %s; heard:\n%s", file, line,
            awaited, r->g.log);
}

static void on_rested(uv_timer_t *timer) {
  uv_stop(timer->loop); /* it may be before the poll */
}

void rig_rest(struct rig *r, unsigned ms) {
  uv_timer_t timer;
  uv_timer_init(&r->loop, &timer);
  timer.data = &r->b; /* ours, see rig_owns */
  uv_timer_start(&timer, on_rested, ms, 0);
  while (uv_is_active((uv_handle_t *)&timer))
    uv_run(&r->loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&r->loop, UV_RUN_NOWAIT);
}

/* What the client says. */

static void note(struct guest *g, enum heard what, const char *format, ...) {
  cr_assert(!g->rig->in_call, "a callback inside a call");
  cr_assert(!g->closed, "a callback after the close callback");
  g->n[what]++;
  if (g->rig->turning) /* a timer's callback comes before the poll */
    uv_stop(&g->rig->loop);
  size_t used = strlen(g->log);
  va_list ap;
  va_start(ap, format);
  if (!g->quiet && used + 200 < sizeof g->log)
    vsnprintf(g->log + used, sizeof g->log - used, format, ap);
  va_end(ap);
}

static void hook(struct guest *g, enum heard what) {
  if (++g->total == g->close_at)
    guest_close(g);
  if (g->on[what] != NULL)
    g->on[what](g);
}

static struct guest *of(uvmqtt_t *m) {
  struct guest *g = uvmqtt_get_data(m);
  cr_assert_eq(g->m, m);
  return g;
}

static void silent(const struct guest *g) {
  cr_assert(!g->closing, "on_* after uvmqtt_close");
}

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *c) {
  struct guest *g = of(m);
  silent(g);
  note(g, CONNECTED, "connected %u sp=%d\n", c->version, c->session_present);
  hook(g, CONNECTED);
}

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  struct guest *g = of(m);
  silent(g);
  note(g, MESSAGE, "message %s %.*s\n", message->topic,
       message->payload.len > 100 ? 100 : (int)message->payload.len,
       (const char *)message->payload.data);
  hook(g, MESSAGE);
}

static void take_error(struct guest *g, const uvmqtt_error_t *e) {
  g->error = *e;
  snprintf(g->address, sizeof g->address, "%s", e->address);
  snprintf(g->hint, sizeof g->hint, "%s", e->hint);
  snprintf(g->reason_string, sizeof g->reason_string, "%s", e->reason_string);
  g->error.address = g->address;
  g->error.hint = g->hint;
  g->error.reason_string = g->reason_string;
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  struct guest *g = of(m);
  silent(g);
  take_error(g, d->error);
  g->was_online = d->was_online;
  g->retry_in = d->retry_in;
  g->attempt = d->attempt;
  note(g, DISCONNECTED, "disconnected %s online=%d attempt=%u%s\n",
       uvmqtt_err_name(d->error->code), d->was_online, d->attempt,
       d->retry_in == UVMQTT_OFF ? " for good" : "");
  hook(g, DISCONNECTED);
}

static void on_state(uvmqtt_t *m, const uvmqtt_transition_t *t) {
  struct guest *g = of(m);
  silent(g);
  if (t->to == UVMQTT_STATE_WAITING)
    g->retry_in = t->retry_in;
  cr_assert((t->to == UVMQTT_STATE_WAITING) == (t->retry_in != UVMQTT_OFF));
  cr_assert_eq(uvmqtt_state(m), t->to);
  if (t->to == UVMQTT_STATE_CONNECTING) /* not the last one's fault */
    cr_assert(t->error->code == 0 && *t->address == '\0');
  size_t used = strlen(g->states);
  if (used + 32 < sizeof g->states)
    snprintf(g->states + used, sizeof g->states - used, "%s%s",
             used == 0 ? "" : " ", uvmqtt_state_name(t->to));
  note(g, STATE, "state %s>%s\n", uvmqtt_state_name(t->from),
       uvmqtt_state_name(t->to));
  hook(g, STATE);
}

static void on_notice(uvmqtt_t *m, const uvmqtt_notice_t *n) {
  struct guest *g = of(m);
  silent(g);
  cr_assert(n->text != NULL && *n->text != '\0');
  note(g, NOTICE, "notice %s\n", n->text);
  hook(g, NOTICE);
}

/* The number of the request travels as the argument. */
static void on_completed(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  struct guest *g = of(m);
  size_t i = (size_t)((char *)arg - (char *)g);
  note(g, COMPLETED, "done %zu %s\n", i,
       result->status == 0 ? "OK" : uvmqtt_err_name(result->status));
  /* 0: it was done before, and only not told yet */
  if (g->closing)
    cr_assert(result->status == UV_ECANCELED || result->status == 0,
              "%s after close:\n%s", uvmqtt_err_name(result->status), g->log);
  if (i < REQUESTS_MAX) {
    g->status[i] = result->status;
    g->completions[i]++;
    g->order[g->n_order++] = (unsigned)i;
  }
  hook(g, COMPLETED);
}

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  struct guest *g = of(m);
  cr_assert_eq(arg, (char *)g + REQUESTS_MAX);
  g->left = result->status;
  note(g, LEFT, "left %s\n",
       result->status == 0 ? "OK" : uvmqtt_err_name(result->status));
  if (g->closing)
    cr_assert_eq(result->status, UV_ECANCELED, "%s after close:\n%s",
                 uvmqtt_err_name(result->status), g->log);
  hook(g, LEFT);
}

bool rig_owns(const struct rig *r, const uv_handle_t *h) {
  return h == (const uv_handle_t *)&r->guard || h->data == &r->b;
}

static void no_foreign(uv_handle_t *h, void *arg) {
  cr_assert(rig_owns(arg, h), "a client's %s is left at its close callback",
            uv_handle_type_name(uv_handle_get_type(h)));
}

static void on_closed(void *arg) {
  struct guest *g = arg;
  if (!g->rig->crowded)
    uv_walk(&g->rig->loop, no_foreign, g->rig);
  note(g, CLOSED, "closed\n");
  g->closed = true;
  g->m = NULL;
  hook(g, CLOSED);
}

/* Making. */

int guest_try(struct rig *r, struct guest *g, const uvmqtt_options_t *options) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT};
  if (options != NULL)
    o = *options;
  memset(g, 0, sizeof *g);
  g->rig = r;
  if (o.url == NULL)
    o.url = r->b.url;
  if (o.client_id == NULL)
    o.client_id = "c";
  o.on_connect = on_connect;
  if (o.on_message == NULL)
    o.on_message = on_message;
  o.on_disconnect = on_disconnect;
  o.on_state = on_state;
  o.on_notice = on_notice;
  o.data = g;
  return uvmqtt_new(&r->loop, &o, &g->m);
}

void guest_open(struct rig *r, struct guest *g,
                const uvmqtt_options_t *options) {
  int result = guest_try(r, g, options);
  cr_assert_eq(result, 0, "uvmqtt_new: %s", uvmqtt_err_name(result));
}

void guest_close(struct guest *g) {
  if (g->m == NULL)
    return;
  g->rig->in_call = true;
  uvmqtt_close(g->m, on_closed, g);
  g->rig->in_call = false;
  if (!g->closing)
    g->closed_after = g->n_order;
  g->closing = true;
}

void rig_open(struct rig *r) {
  memset(r, 0, sizeof *r);
  cr_assert_eq(uv_loop_init(&r->loop), 0);
  uv_timer_init(&r->loop, &r->guard);
  uv_unref((uv_handle_t *)&r->guard);
  r->guard.data = r;
  broker_open(&r->b, &r->loop);
}

static void print_handle(uv_handle_t *h, void *arg) {
  (void)arg;
  fprintf(stderr, "left on the loop: %s%s\n",
          uv_handle_type_name(uv_handle_get_type(h)),
          uv_is_closing(h) ? " (closing)" : "");
}

void rig_close(struct rig *r) {
  bool open = r->g.m != NULL;
  bool asked = r->g.closing;
  if (!asked)
    guest_close(&r->g);
  UNTIL(r, r->g.m == NULL);
  if (open)
    cr_assert_eq(r->g.n[CLOSED], 1);
  if (open)
    guest_all_completed(&r->g);
  broker_close(&r->b);
  uv_close((uv_handle_t *)&r->guard, NULL);
  uv_run(&r->loop, UV_RUN_DEFAULT);
  uv_walk(&r->loop, print_handle, NULL);
  cr_assert_eq(uv_loop_close(&r->loop), 0, "something is left on the loop");
}

/* The conversation. */

void rig_hears(struct rig *r, const char *expected, const char *file,
               int line) {
  const char *got = NULL;
  for (rig_arm(r); (got = broker_next(&r->b)) == NULL;) {
    broker_moves_on(&r->b);
    rig_turn(r, expected, file, line);
  }
  cr_assert(broker_matches(got, expected), "%s:%d: expected %s\nheard %s", file,
            line, expected, got);
}

void rig_hears_end(struct rig *r) {
  cr_assert(r->b.link != NULL);
  UNTIL(r, r->b.link->ended);
  const char *got = broker_next(&r->b);
  cr_assert(got == NULL, "heard %s", got);
  cr_assert_eq(r->b.link->in.len, 0);
}

void rig_hears_nothing(struct rig *r, unsigned ms) {
  rig_rest(r, ms);
  const char *got = broker_next(&r->b);
  cr_assert(got == NULL, "heard %s", got);
}

void rig_online(struct rig *r, const uvmqtt_options_t *options,
                const char *connack) {
  if (r->g.m == NULL)
    guest_open(r, &r->g, options);
  unsigned before = r->g.n[CONNECTED];
  cr_assert_eq(guest_connect(&r->g), 0);
  if (!r->b.polite) {
    HEARS(r, "CONNECT ...");
    SAYS(r, connack == NULL ? "CONNACK" : connack);
  }
  UNTIL(r, r->g.n[CONNECTED] > before);
}

/* Calls. */

int guest_connect(struct guest *g) {
  int result;
  IN_CALL(g->rig, result, uvmqtt_connect(g->m));
  return result;
}

static void *next_request(struct guest *g) {
  return (char *)g + g->requests;
}

static int accepted(struct guest *g, int result) {
  g->requests += result == 0;
  return result;
}

int guest_publish(struct guest *g, const char *topic, const char *payload,
                  uint8_t qos) {
  uvmqtt_message_t message = {
      .topic = topic, .payload = {payload, strlen(payload)}, .qos = qos};
  int result;
  IN_CALL(g->rig, result,
          uvmqtt_publish(g->m, &message, on_completed, next_request(g), NULL));
  return accepted(g, result);
}

int guest_subscribe(struct guest *g, const char *filter, uint8_t qos) {
  uvmqtt_subscription_t s = {.filter = filter, .qos = qos};
  int result;
  IN_CALL(g->rig, result,
          uvmqtt_subscribe(g->m, &s, 1, NULL, 0, on_completed, next_request(g),
                           NULL));
  return accepted(g, result);
}

int guest_unsubscribe(struct guest *g, const char *filter) {
  int result;
  IN_CALL(g->rig, result,
          uvmqtt_unsubscribe(g->m, &filter, 1, NULL, 0, on_completed,
                             next_request(g), NULL));
  return accepted(g, result);
}

int guest_leave(struct guest *g, uvmqtt_disconnect_mode_t mode,
                uint32_t timeout) {
  uvmqtt_disconnect_options_t o = {UVMQTT_DISCONNECT_OPTIONS_INIT, .mode = mode,
                                   .timeout = timeout};
  int result;
  IN_CALL(g->rig, result,
          uvmqtt_disconnect(g->m, &o, on_left, (char *)g + REQUESTS_MAX));
  return result;
}

uvmqtt_request_cb guest_completed(void) {
  return on_completed;
}

uvmqtt_stats_t guest_stats(const struct guest *g) {
  uvmqtt_stats_t stats = {.size = sizeof stats};
  cr_assert_eq(uvmqtt_get_stats(g->m, &stats), 0);
  return stats;
}

void guest_all_completed(const struct guest *g) {
  for (unsigned i = 0; i < g->requests && i < REQUESTS_MAX; i++)
    cr_assert_eq(g->completions[i], 1, "request %u completed %u times", i,
                 g->completions[i]);
  if (g->closing)
    for (unsigned i = g->closed_after + 1; i < g->n_order; i++)
      cr_assert_lt(g->order[i - 1], g->order[i], "cancelled out of order");
}
