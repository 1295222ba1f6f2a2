/* umqtt.robust: a simple client whose uvmqtt_t outlives its connections, so
 * that the session of the client keeps identifiers, DUP and subscriptions. */
#include "simple/simple.h"
#include <uvmqtt/robust.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ms for the old connection to be left in good order */
#define REPLACE 1000u
#define DELAY_MAX 60000u /* the client's default */

struct uvmqtt_robust_s {
  uvmqtt_simple_t base; /* first: uvmqtt_simple_free frees it all */
  uvmqtt_robust_options_t options;
  bool established;  /* the first connect of this uvmqtt_t succeeded */
  unsigned failures; /* attempts in a row */
  int why;           /* the latest */
  uv_timer_t timer;  /* the delay hook's */
};

static uvmqtt_simple_t *base_of(uvmqtt_robust_t *c) {
  return c == NULL ? NULL : &c->base;
}

/* Losing and coming back. */

static int give_up(uvmqtt_robust_t *c, int code) {
  c->base.wanted = false;
  uv_timer_stop(&c->timer);
  (void)uvmqtt_disconnect(c->base.m, NULL, NULL, NULL);
  return code;
}

static bool is_last(const uvmqtt_robust_t *c, const uvmqtt_disconnect_t *d) {
  unsigned most = c->options.max_attempts;
  return !c->established || c->options.no_reconnect ||
         d->retry_in == UVMQTT_OFF || (most != 0 && c->failures >= most);
}

static void on_delay_over(uv_timer_t *timer) {
  uvmqtt_robust_t *c = timer->data;
  (void)uvmqtt_connect(c->base.m);
}

/* Another delay than the client's: it rests meanwhile. */
static void delay(uvmqtt_robust_t *c, int64_t ms) {
  (void)uvmqtt_disconnect(c->base.m, NULL, NULL, NULL);
  uv_timer_start(&c->timer, on_delay_over, ms == 0 ? 1 : (uint64_t)ms, 0);
}

static int pace(uvmqtt_robust_t *c, const uvmqtt_disconnect_t *d) {
  if (c->options.delay == NULL)
    return 0;
  int code = d->error->code;
  int64_t ms = c->options.delay(c->failures + 1, d->retry_in, c->options.arg);
  if (c->base.gone)
    return 0;
  if (ms < 0)
    return give_up(c, code);
  if (ms != d->retry_in)
    delay(c, ms);
  return 0;
}

/* error->code is 0 when we left, be it to connect anew. The user may leave in
 * each hook. */
static int judge(uvmqtt_simple_t *base, const uvmqtt_disconnect_t *d) {
  uvmqtt_robust_t *c = (uvmqtt_robust_t *)base;
  int code = d->error->code;
  if (code == 0 || base->gone)
    return 0;
  c->why = code;
  c->failures = d->was_online ? 0 : c->failures + 1;
  if (c->options.log != NULL)
    c->options.log(!d->was_online, d->error, c->options.arg);
  if (base->gone)
    return 0;
  return is_last(c, d) ? give_up(c, code) : pace(c, d);
}

/* Making. */

static int take(const uvmqtt_robust_options_t *from,
                uvmqtt_robust_options_t *ret) {
  memset(ret, 0, sizeof *ret);
  if (from == NULL)
    return 0;
  int r = um_simple_take(from, offsetof(uvmqtt_robust_options_t, delay_max),
                         ret, sizeof *ret);
  if (r)
    return r;
  uint32_t max = ret->delay_max == 0 ? DELAY_MAX : ret->delay_max;
  return ret->delay_min > max ? UV_EINVAL : 0;
}

/* Without an identifier there is nothing to come back to. */
static bool is_nameless(const uvmqtt_simple_options_t *simple) {
  return simple->size > offsetof(uvmqtt_simple_options_t, client_id) &&
         simple->client_id != NULL && *simple->client_id == '\0';
}

static void init_timer(uvmqtt_robust_t *c) {
  uv_timer_init(&c->base.loop, &c->timer);
  c->timer.data = c;
}

int uvmqtt_robust_new(const uvmqtt_simple_options_t *simple,
                      const uvmqtt_robust_options_t *robust,
                      uvmqtt_robust_t **ret) {
  if (simple == NULL || ret == NULL)
    return UV_EINVAL;
  uvmqtt_robust_t *c = calloc(1, sizeof *c);
  if (c == NULL)
    return UV_ENOMEM;
  int r = take(robust, &c->options);
  if (r == 0 && is_nameless(simple))
    r = UVMQTT_ECLIENTID;
  if (r == 0)
    r = um_simple_init(&c->base, simple);
  if (r) {
    free(c);
    return r;
  }
  init_timer(c);
  c->base.lasting = true;
  c->base.judge = judge;
  *ret = c;
  return 0;
}

void uvmqtt_robust_free(uvmqtt_robust_t *c) {
  uvmqtt_simple_free(base_of(c));
}

/* Connecting. */

static int left_of(uint64_t start, int timeout_ms) {
  uint64_t gone = (uv_hrtime() - start) / 1000000;
  if (timeout_ms < 0)
    return timeout_ms;
  return gone >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)gone;
}

static int open_one(uvmqtt_robust_t *c, uvmqtt_session_mode_t session,
                    uint64_t start, int timeout_ms) {
  uvmqtt_message_t will;
  uvmqtt_options_t options;
  um_settings_write(&c->base.settings, &will, &options);
  um_simple_listen(&c->base, &options);
  options.session = session;
  options.connect_timeout = um_timeout_option(timeout_ms);
  options.reconnect_min = c->options.delay_min;
  options.reconnect_max = c->options.delay_max;
  if (session == UVMQTT_SESSION_CLEAN)
    options.will = NULL; /* the connection that stays has it */
  int r = um_simple_open(&c->base, &options);
  if (r)
    return um_simple_end(&c->base, r);
  return um_simple_await(&c->base, left_of(start, timeout_ms));
}

/* 3.1.1 knows no session that begins clean and lasts. */
static int forget_session(uvmqtt_robust_t *c, uint64_t start, int timeout_ms) {
  int r = open_one(c, UVMQTT_SESSION_CLEAN, start, timeout_ms);
  if (r < 0)
    return r;
  r = uvmqtt_simple_disconnect(&c->base);
  um_simple_drop(&c->base);
  return r;
}

static int connect_once(uvmqtt_robust_t *c, bool clean_session,
                        int timeout_ms) {
  uint64_t start = uv_hrtime();
  int r = clean_session ? forget_session(c, start, timeout_ms) : 0;
  if (r == 0)
    r = open_one(c, UVMQTT_SESSION_RESUME, start, timeout_ms);
  return r;
}

int uvmqtt_robust_connect(uvmqtt_robust_t *c, bool clean_session,
                          int timeout_ms) {
  int r = um_simple_begin(base_of(c));
  if (r && r != UV_ENOTCONN)
    return r;
  uv_timer_stop(&c->timer);
  um_simple_drop(&c->base);
  c->established = false;
  c->failures = 0;
  c->base.wanted = true;
  r = connect_once(c, clean_session, timeout_ms);
  c->established = r >= 0 && c->base.wanted;
  if (r < 0 && c->base.wanted && c->base.m != NULL)
    give_up(c, r); /* the bound was ours, not the client's */
  c->base.wanted = c->established;
  return r;
}

/* Attempts that are under way are as good as any; what is online is left. */
static int ask_again(uvmqtt_robust_t *c) {
  uvmqtt_disconnect_options_t replace = {UVMQTT_DISCONNECT_OPTIONS_INIT,
                                         .mode = UVMQTT_DISCONNECT_NOW,
                                         .timeout = REPLACE};
  int r = 0;
  if (uvmqtt_simple_is_online(&c->base))
    r = uvmqtt_disconnect(c->base.m, &replace, NULL, NULL);
  return r ? r : uvmqtt_connect(c->base.m);
}

int uvmqtt_robust_reconnect(uvmqtt_robust_t *c, int timeout_ms) {
  int r = um_simple_begin(base_of(c));
  if (r && r != UV_ENOTCONN)
    return r;
  if (!c->established)
    return UV_ENOTCONN;
  uv_timer_stop(&c->timer);
  c->failures = 0;
  c->base.lost = 0;
  c->base.wanted = true;
  r = ask_again(c);
  return r ? um_simple_end(&c->base, r) : um_simple_await(&c->base, timeout_ms);
}

int uvmqtt_robust_disconnect(uvmqtt_robust_t *c) {
  if (c == NULL)
    return UV_EINVAL;
  uv_timer_stop(&c->timer);
  int r = uvmqtt_simple_disconnect(&c->base);
  c->base.wanted = false;
  return r;
}

/* Messages. */

/* At QoS 0 the client never sends anything twice, but what the kernel did not
 * take whole has not arrived either. */
int uvmqtt_robust_publish(uvmqtt_robust_t *c, const char *topic,
                          uvmqtt_bytes_t payload, bool retain, uint8_t qos) {
  uvmqtt_message_t message = {
      .topic = topic, .payload = payload, .qos = qos, .retain = retain};
  uint64_t start = uv_hrtime();
  if (c == NULL)
    return UV_EINVAL;
  int r, timeout_ms = c->base.settings.timeout_ms;
  do
    r = um_simple_publish(&c->base, &message, left_of(start, timeout_ms));
  while (r == UV_ECONNRESET && qos == 0 && c->base.wanted &&
         left_of(start, timeout_ms) != 0);
  return r;
}

int uvmqtt_robust_check_msg(uvmqtt_robust_t *c, unsigned attempts) {
  int r = uvmqtt_simple_check_msg(base_of(c));
  if (r != 0 || attempts == 0 || c->failures < attempts)
    return r;
  return um_simple_note(&c->base, c->why);
}

/* As simple does it. */

int uvmqtt_robust_ping(uvmqtt_robust_t *c) {
  return uvmqtt_simple_ping(base_of(c));
}

void uvmqtt_robust_set_callback(uvmqtt_robust_t *c, uvmqtt_simple_cb cb,
                                void *arg) {
  uvmqtt_simple_set_callback(base_of(c), cb, arg);
}

int uvmqtt_robust_set_last_will(uvmqtt_robust_t *c, const char *topic,
                                uvmqtt_bytes_t payload, bool retain,
                                uint8_t qos) {
  return uvmqtt_simple_set_last_will(base_of(c), topic, payload, retain, qos);
}

int uvmqtt_robust_subscribe(uvmqtt_robust_t *c, const char *filter,
                            uint8_t qos) {
  return uvmqtt_simple_subscribe(base_of(c), filter, qos);
}

int uvmqtt_robust_unsubscribe(uvmqtt_robust_t *c, const char *filter) {
  return uvmqtt_simple_unsubscribe(base_of(c), filter);
}

int uvmqtt_robust_wait_msg(uvmqtt_robust_t *c, int timeout_ms) {
  return uvmqtt_simple_wait_msg(base_of(c), timeout_ms);
}

bool uvmqtt_robust_is_online(const uvmqtt_robust_t *c) {
  return c != NULL && uvmqtt_simple_is_online(&c->base);
}

uv_loop_t *uvmqtt_robust_loop(uvmqtt_robust_t *c) {
  return uvmqtt_simple_loop(base_of(c));
}

const uvmqtt_error_t *uvmqtt_robust_last_error(const uvmqtt_robust_t *c) {
  return uvmqtt_simple_last_error(c == NULL ? NULL : &c->base);
}

const char *uvmqtt_robust_error_text(uvmqtt_robust_t *c) {
  return uvmqtt_simple_error_text(base_of(c));
}
