/* O24: calls from a thread that is not the loop's, while a callback of ours
 * waits there: refused, and nothing happened. */
#include "client/rig.h"

#include "support/suite.h"
#include <uvmqtt/remote.h>

SUITE(threads);

static struct rig r;
static uvmqtt_handler_t *handler;

/* What each returns; on the loop's thread no two of these are refused so. */

static int new_client(void) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://127.0.0.1"};
  uvmqtt_t *m;
  return uvmqtt_new(&r.loop, &o, &m);
}

static int loop_limits(void) {
  uvmqtt_loop_limits_t limits = {UVMQTT_LOOP_LIMITS_INIT, .handshakes = 1};
  return uvmqtt_loop_limits(&r.loop, &limits);
}

static int ask_online(void) {
  return uvmqtt_connect(r.g.m);
}

static int go(void) {
  return uvmqtt_go(r.g.m, NULL);
}

static int resolved(void) {
  return uvmqtt_resolved(r.g.m, 1, NULL, 0, UV_ENOENT);
}

static int publish_at(uint8_t qos) {
  uvmqtt_message_t message = {.topic = "t", .qos = qos};
  return uvmqtt_publish(r.g.m, &message, NULL, NULL, NULL);
}

static int publish0(void) {
  return publish_at(0);
}

static int publish1(void) {
  return publish_at(1);
}

static int subscribe(void) {
  uvmqtt_subscription_t s = {.filter = "f"};
  return uvmqtt_subscribe(r.g.m, &s, 1, NULL, 0, NULL, NULL, NULL);
}

static int unsubscribe(void) {
  const char *filter = "f";
  return uvmqtt_unsubscribe(r.g.m, &filter, 1, NULL, 0, NULL, NULL, NULL);
}

static int auth(void) {
  return uvmqtt_auth(r.g.m, (uvmqtt_bytes_t){NULL, 0}, NULL, 0);
}

static int reauthenticate(void) {
  return uvmqtt_reauthenticate(r.g.m, (uvmqtt_bytes_t){NULL, 0}, NULL, 0, NULL,
                               NULL, NULL);
}

static int cancel(void) {
  return uvmqtt_cancel(r.g.m, 1);
}

static void on_handled(uvmqtt_t *m, const uvmqtt_message_t *message,
                       void *arg) {
  (void)m;
  (void)message;
  (void)arg;
}

static int handle(void) {
  uvmqtt_subscription_t s = {.filter = "h"};
  return uvmqtt_handle(r.g.m, &s, 0, on_handled, NULL, NULL, NULL, NULL);
}

static int unhandle(void) {
  return uvmqtt_unhandle(r.g.m, handler, NULL, NULL);
}

static void on_reply(uvmqtt_t *m, int status, const uvmqtt_message_t *reply,
                     void *arg) {
  (void)m;
  (void)status;
  (void)reply;
  (void)arg;
}

static int request(void) {
  uvmqtt_message_t message = {.topic = "q"};
  return uvmqtt_request(r.g.m, &message, "a", 0, on_reply, NULL, NULL);
}

static int respond(void) {
  uvmqtt_property_t p = {.id = UVMQTT_PROPERTY_RESPONSE_TOPIC,
                         .value.str = "a"};
  uvmqtt_message_t asked = {.topic = "q", .properties = &p, .n_properties = 1};
  uvmqtt_message_t answer = {.qos = 0};
  return uvmqtt_respond(r.g.m, &asked, &answer, NULL, NULL, NULL);
}

static int ack(void) {
  return uvmqtt_ack(r.g.m, 1, 0);
}

static int ping(void) {
  return uvmqtt_ping(r.g.m);
}

static int poke(void) {
  return uvmqtt_poke(r.g.m);
}

static int read_stop(void) {
  return uvmqtt_read_stop(r.g.m);
}

static int read_start(void) {
  return uvmqtt_read_start(r.g.m);
}

static int leave(void) {
  return uvmqtt_disconnect(r.g.m, NULL, NULL, NULL);
}

static int ws_headers(void) {
  return uvmqtt_ws_headers(r.g.m, 0, NULL, 0);
}

static int ws_fail(void) {
  return uvmqtt_ws_fail(r.g.m, 0);
}

static int remote_open(void) {
  uvmqtt_remote_t *remote;
  return uvmqtt_remote_open(r.g.m, NULL, &remote);
}

static int get_stats(void) {
  uvmqtt_stats_t stats = {.size = sizeof stats};
  return uvmqtt_get_stats(r.g.m, &stats);
}

static int get_limits(void) {
  uvmqtt_limits_t limits = {.size = sizeof limits};
  return uvmqtt_get_limits(r.g.m, &limits);
}

static const struct {
  const char *name;
  int (*call)(void);
} calls[] = {
#define CALL(name)                                                             \
  { #name, name }
    CALL(new_client),  CALL(loop_limits), CALL(ask_online),     CALL(go),
    CALL(resolved),    CALL(publish0),    CALL(publish1),       CALL(subscribe),
    CALL(unsubscribe), CALL(auth),        CALL(reauthenticate), CALL(cancel),
    CALL(handle),      CALL(unhandle),    CALL(request),        CALL(respond),
    CALL(ack),         CALL(ping),        CALL(poke),           CALL(read_stop),
    CALL(read_start),  CALL(leave),       CALL(ws_headers),     CALL(ws_fail),
    CALL(remote_open), CALL(get_stats),   CALL(get_limits),
#undef CALL
};
#define CALLS (sizeof calls / sizeof calls[0])

static int results[CALLS];
static unsigned n_asked;

static void call_all(void *arg) {
  (void)arg;
  for (size_t i = 0; i < CALLS; i++)
    results[i] = calls[i].call();
}

/* The callback waits, so the two threads never touch anything together. */
static void ask_elsewhere(struct guest *g) {
  uv_thread_t thread;
  g->on[MESSAGE] = NULL;
  n_asked++;
  cr_assert_eq(uv_thread_create(&thread, call_all, NULL), 0);
  cr_assert_eq(uv_thread_join(&thread), 0);
  for (size_t i = 0; i < CALLS; i++)
    cr_expect_eq(results[i], UVMQTT_ETHREAD, "%s: %s", calls[i].name,
                 uvmqtt_err_name(results[i]));
}

static void on_message_with(struct guest *g) {
  ask_elsewhere(g);
  cr_expect_eq(uvmqtt_read_start(g->m), 0); /* here it is legal */
  cr_expect_eq(publish_at(0), 0);
}

static void begin(void) {
  n_asked = 0;
  rig_open(&r);
  rig_online(&r, NULL, "CONNACK");
  uvmqtt_subscription_t s = {.filter = "own"};
  cr_assert_eq(
      uvmqtt_handle(r.g.m, &s, 0, on_handled, NULL, NULL, NULL, &handler), 0);
  HEARS(&r, "SUBSCRIBE id=1 ...");
  SAYS(&r, "SUBACK id=1 reasons=00");
}

/* Only what the loop's own thread asked for is ever heard. */
Test(threads, a_call_from_another_thread_inside_a_callback_does_nothing) {
  begin();
  size_t pending = uvmqtt_get_pending(r.g.m, NULL, 0);
  r.g.on[MESSAGE] = on_message_with;
  SAYS(&r, "PUBLISH topic=t payload=x");
  UNTIL(&r, n_asked == 1);
  HEARS(&r, "PUBLISH topic=t");
  cr_expect_leq(uvmqtt_get_pending(r.g.m, NULL, 0), pending);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_ONLINE);
  cr_assert_eq(guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  HEARS(&r, "DISCONNECT ...");
  rig_close(&r);
}

/* A loop may move to another thread between two turns: no false alarm. */
static void turn_there(void *arg) {
  (void)arg;
  r.g.on[MESSAGE] = NULL;
  cr_expect_eq(publish_at(0), 0);
  uv_run(&r.loop, UV_RUN_NOWAIT);
  cr_expect_eq(publish_at(0), 0);
  uv_run(&r.loop, UV_RUN_NOWAIT);
}

Test(threads, a_loop_that_moves_to_another_thread_is_no_mistake) {
  uv_thread_t thread;
  begin();
  cr_assert_eq(uv_thread_create(&thread, turn_there, NULL), 0);
  cr_assert_eq(uv_thread_join(&thread), 0);
  HEARS(&r, "PUBLISH topic=t");
  HEARS(&r, "PUBLISH topic=t");
  cr_expect_eq(publish_at(0), 0);
  HEARS(&r, "PUBLISH topic=t");
  rig_close(&r);
}
