/* The linker puts this in front of uvmqtt_new (--wrap in tests/meson.build), so
 * it sees the clients of all tests, and those that lib/simple makes: secrets
 * are planted in them, and what they say is looked through. */
#include "support/planted.h"
#include "support/told.h"
#include "support/wiped.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt.h>

/* The names are the linker's. */
int __real_uvmqtt_new(uv_loop_t *loop, const uvmqtt_options_t *options,
                      uvmqtt_t **ret);
int __wrap_uvmqtt_new(uv_loop_t *loop, const uvmqtt_options_t *options,
                      uvmqtt_t **ret);

/* What the tests' clients wanted to hear. A closed one stays listed until its
 * address is used again. */
struct listener {
  const uvmqtt_t *m;
  uvmqtt_log_cb on_log;
  uvmqtt_trace_cb on_trace;
  uvmqtt_state_cb on_state;
  uvmqtt_disconnect_cb on_disconnect;
  uvmqtt_notice_cb on_notice;
  struct listener *next;
};

#define BUCKETS 4096
static struct listener *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct listener **bucket_of(const uvmqtt_t *m) {
  return &buckets[((uintptr_t)m >> 4) % BUCKETS];
}

static struct listener *find(const uvmqtt_t *m) {
  struct listener *l = *bucket_of(m);
  while (l != NULL && l->m != m)
    l = l->next;
  return l;
}

static struct listener *add(const uvmqtt_t *m) {
  struct listener *l = calloc(1, sizeof *l), **bucket = bucket_of(m);
  if (l == NULL)
    abort();
  l->m = m;
  l->next = *bucket;
  return *bucket = l;
}

static void remember(const uvmqtt_t *m, const uvmqtt_options_t *o) {
  pthread_mutex_lock(&lock);
  struct listener *l = find(m);
  if (l == NULL)
    l = add(m);
  l->on_log = o->on_log;
  l->on_trace = o->on_trace;
  l->on_state = o->on_state;
  l->on_disconnect = o->on_disconnect;
  l->on_notice = o->on_notice;
  pthread_mutex_unlock(&lock);
}

static struct listener listener_of(const uvmqtt_t *m) {
  pthread_mutex_lock(&lock);
  const struct listener *l = find(m);
  struct listener ret = l == NULL ? (struct listener){.m = m} : *l;
  pthread_mutex_unlock(&lock);
  return ret;
}

/* Listening. */

static void look_at_error(const uvmqtt_error_t *e) {
  planted_look("error.address", e->address);
  planted_look("error.hint", e->hint);
  planted_look("error.reason_string", e->reason_string);
  planted_look("error.server_reference", e->server_reference);
  planted_look("error.detail", e->detail);
  planted_look("error.subject", e->subject);
  planted_look("error.names", e->names);
}

static void on_log(uvmqtt_t *m, uvmqtt_log_level_t level, const char *text) {
  struct listener l = listener_of(m);
  planted_look("the log", text);
  if (l.on_log != NULL)
    l.on_log(m, level, text);
}

/* Of a flood only the beginning, to keep the time that tests take. */
#define LINES_MAX 5000

static void look_at_line(const uvmqtt_trace_t *trace) {
  static _Thread_local unsigned lines;
  char line[1024];
  if (lines++ >= LINES_MAX)
    return;
  uvmqtt_trace_print(trace, line, sizeof line);
  planted_look("the trace", line);
}

static void on_trace(uvmqtt_t *m, const uvmqtt_trace_t *trace) {
  struct listener l = listener_of(m);
  look_at_line(trace);
  planted_look("trace.topic", trace->topic);
  planted_look("trace.client_id", trace->client_id);
  if (l.on_trace != NULL)
    l.on_trace(m, trace);
}

static void on_state(uvmqtt_t *m, const uvmqtt_transition_t *step) {
  struct listener l = listener_of(m);
  planted_look("transition.address", step->address);
  look_at_error(step->error);
  if (l.on_state != NULL)
    l.on_state(m, step);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  struct listener l = listener_of(m);
  look_at_error(d->error);
  if (l.on_disconnect != NULL)
    l.on_disconnect(m, d);
}

static void on_notice(uvmqtt_t *m, const uvmqtt_notice_t *notice) {
  struct listener l = listener_of(m);
  planted_look("notice.text", notice->text);
  planted_look("notice.filter", notice->filter);
  if (l.on_notice != NULL)
    l.on_notice(m, notice);
}

static void listen(uvmqtt_options_t *o) {
  o->on_log = on_log;
  o->on_trace = on_trace;
  o->on_state = on_state;
  o->on_disconnect = on_disconnect;
  o->on_notice = on_notice;
}

/* Planting, where the test has nothing of its own. */

static bool has_credentials(const uvmqtt_options_t *o) {
  return o->username != NULL || o->password.data != NULL ||
         o->password.len != 0 || strchr(o->url, '@') != NULL ||
         o->auth_method != NULL || o->n_ws_headers != 0 ||
         o->on_ws_headers != NULL || o->on_before_connect != NULL;
}

/* A test without credentials does not expect them to be refused. */
static void plant_login(uvmqtt_options_t *o) {
  static const char password[] = PLANTED_PASSWORD;
  if (!planted_is_on(PLANTED_LOGIN) || has_credentials(o))
    return;
  o->username = PLANTED_USER;
  o->password = (uvmqtt_bytes_t){password, sizeof password - 1};
  o->plain_credentials = true;
}

static void plant_will(uvmqtt_options_t *o) {
  static const uvmqtt_message_t will = {
      .topic = PLANTED_TOPIC,
      .payload = {PLANTED_PAYLOAD, sizeof PLANTED_PAYLOAD - 1}};
  if (planted_is_on(PLANTED_WILL) && o->will == NULL)
    o->will = &will;
}

static void plant_property(uvmqtt_options_t *o) {
  static const uvmqtt_property_t p =
      UVMQTT_USER_PROPERTY(PLANTED_PAYLOAD, PLANTED_PAYLOAD);
  if (!planted_is_on(PLANTED_PROPERTY) || o->n_properties != 0 ||
      o->version == UVMQTT_VERSION_311)
    return;
  o->properties = &p;
  o->n_properties = 1;
}

static void plant_header(uvmqtt_options_t *o) {
  static const uvmqtt_header_t headers[] = {
      {.name = "Authorization", .value = "Bearer " PLANTED_SECRET},
      {.name = "Cookie", .value = "a=" PLANTED_SECRET}};
  if (!planted_is_on(PLANTED_HEADER) || o->n_ws_headers != 0 ||
      o->on_ws_headers != NULL || !o->plain_credentials)
    return;
  o->ws_headers = headers;
  o->n_ws_headers = 2;
}

static void plant_path(uvmqtt_options_t *o) {
  const char *host = strstr(o->url, "://");
  if (planted_is_on(PLANTED_PATH) && o->ws_path == NULL && host != NULL &&
      strchr(host + 3, '/') == NULL)
    o->ws_path = "/mqtt?token=" PLANTED_SECRET;
}

static bool is_websocket(const char *url) {
  return strncmp(url, "ws", 2) == 0;
}

static void plant(uvmqtt_options_t *o) {
  plant_login(o);
  plant_will(o);
  plant_property(o);
  if (!is_websocket(o->url))
    return;
  plant_header(o);
  plant_path(o);
}

/* Options of another size than ours are the matter of their test. */
static bool is_usual(const uvmqtt_options_t *o) {
  return o != NULL && o->size == sizeof *o && o->url != NULL;
}

int __wrap_uvmqtt_new(uv_loop_t *loop, const uvmqtt_options_t *options,
                      uvmqtt_t **ret) {
  if (!is_usual(options))
    return __real_uvmqtt_new(loop, options, ret);
  uvmqtt_options_t o = *options;
  wiped_watch();
  told_at_birth(options);
  plant(&o);
  listen(&o);
  int r = __real_uvmqtt_new(loop, &o, ret);
  if (r == 0)
    remember(*ret, options);
  return r;
}
