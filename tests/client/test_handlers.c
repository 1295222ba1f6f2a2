/* uvmqtt_handle and uvmqtt_unhandle on a loop. */
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(handlers);

static struct rig r;
static uvmqtt_handler_t *first, *second;
static void (*inside)(const char *name); /* what the test does in a handler */

static void on_handled(uvmqtt_t *m, const uvmqtt_message_t *message,
                       void *arg) {
  cr_assert_not(r.in_call, "a callback inside a call");
  cr_assert_not(r.g.closing, "a handler after uvmqtt_close");
  cr_assert_eq(m, r.g.m);
  size_t used = strlen(r.g.log);
  snprintf(r.g.log + used, sizeof r.g.log - used, "%s %s %.*s\n",
           (const char *)arg, message->topic, (int)message->payload.len,
           (const char *)message->payload.data);
  if (inside != NULL)
    inside(arg);
}

static void *next_request(void) {
  return (char *)&r.g + r.g.requests++;
}

static int handle(const char *name, const uvmqtt_subscription_t *s,
                  uint32_t identifier, uvmqtt_handler_t **ret) {
  int result;
  IN_CALL(&r, result,
          uvmqtt_handle(r.g.m, s, identifier, on_handled,
                        (void *)(uintptr_t)name, guest_completed(),
                        next_request(), ret));
  if (result)
    r.g.requests--;
  return result;
}

static int handle_filter(const char *name, const char *filter, uint8_t qos,
                         uvmqtt_handler_t **ret) {
  uvmqtt_subscription_t s = {.filter = filter, .qos = qos};
  return handle(name, &s, 0, ret);
}

static int unhandle(uvmqtt_handler_t *h) {
  int result;
  IN_CALL(&r, result,
          uvmqtt_unhandle(r.g.m, h, guest_completed(), next_request()));
  if (result)
    r.g.requests--;
  return result;
}

static void begin(void) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  r.g.log[0] = '\0';
}

static void granted(const char *name, const char *filter,
                    uvmqtt_handler_t **ret) {
  char line[128];
  unsigned before = r.g.n[COMPLETED];
  static unsigned id;
  cr_assert_eq(handle_filter(name, filter, 1, ret), 0);
  snprintf(line, sizeof line, "SUBSCRIBE id=%u filters=%s:1", ++id, filter);
  HEARS(&r, line);
  snprintf(line, sizeof line, "SUBACK id=%u reasons=01", id);
  SAYS(&r, line);
  UNTIL(&r, r.g.n[COMPLETED] > before);
  r.g.log[0] = '\0';
}

static void logs(const char *text) {
  UNTIL(&r, strlen(r.g.log) >= strlen(text));
  rig_rest(&r, 2);
  cr_assert_str_eq(r.g.log, text);
  r.g.log[0] = '\0';
}

Test(handlers, deliver_to_those_that_match_and_to_on_message_else) {
  begin();
  granted("a", "t/+", &first);
  granted("b", "t/#", &second);
  SAYS(&r, "PUBLISH id=7 qos=1 topic=t/x payload=1");
  HEARS(&r, "PUBACK id=7");
  SAYS(&r, "PUBLISH topic=other payload=2");
  logs("a t/x 1\nb t/x 1\nmessage other 2\n");
  rig_close(&r);
}

Test(handlers, never_complete_inside_the_call) {
  uvmqtt_subscription_t s = {.filter = "t", .qos = 1, .retain_handling = 2};
  begin();
  granted("a", "t", &first);
  cr_assert_eq(handle("b", &s, 0, &second), 0); /* nothing to ask for */
  cr_assert_eq(unhandle(second), 0);            /* nor to take back */
  cr_assert_eq(r.g.log[0], '\0');
  logs("done 1 ECANCELED\ndone 2 OK\n");
  rig_hears_nothing(&r, 2);
  rig_close(&r);
}

static void leave_inside(const char *name) {
  if (*name != 'a')
    return;
  cr_assert_eq(unhandle(first), 0);
  cr_assert_eq(unhandle(second), 0);
}

Test(handlers, may_remove_themselves_and_others_inside) {
  begin();
  granted("a", "t/+", &first);
  granted("b", "t/#", &second);
  inside = leave_inside;
  SAYS(&r, "PUBLISH topic=t/x payload=1");
  HEARS(&r, "UNSUBSCRIBE id=3 filters=t/+");
  HEARS(&r, "UNSUBSCRIBE id=4 filters=t/#");
  SAYS(&r, "UNSUBACK id=3 reasons=00");
  SAYS(&r, "UNSUBACK id=4 reasons=00");
  logs("a t/x 1\ndone 2 OK\ndone 3 OK\n");
  rig_close(&r);
}

static void close_inside(const char *name) {
  (void)name;
  guest_close(&r.g);
}

Test(handlers, closed_inside_one_the_others_stay_silent) {
  begin();
  granted("a", "t/+", &first);
  granted("b", "t/#", &second);
  cr_assert_eq(handle_filter("c", "u", 1, NULL), 0); /* not answered */
  HEARS(&r, "SUBSCRIBE ...");
  inside = close_inside;
  SAYS(&r, "PUBLISH id=1 qos=1 topic=t/x payload=1");
  UNTIL(&r, r.g.m == NULL);
  cr_assert_str_eq(r.g.log, "a t/x 1\ndone 2 ECANCELED\nclosed\n");
  rig_hears_end(&r); /* and no PUBACK before it */
  rig_close(&r);
}

Test(handlers, closing_cancels_what_was_not_answered) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_assert_eq(handle_filter("a", "t", 1, &first), 0);
  cr_assert_eq(handle_filter("b", "t", 2, &second), 0);
  cr_assert_eq(handle_filter("c", "u", 0, NULL), 0);
  cr_assert_eq(unhandle(second), 0);
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
  for (int i = 0; i < 4; i++)
    cr_assert_eq(r.g.status[i], UV_ECANCELED);
  rig_close(&r);
}

static void stop_inside(const char *name) {
  (void)name;
  cr_assert_eq(uvmqtt_read_stop(r.g.m), 0);
}

Test(handlers, pausing_inside_holds_the_next_message) {
  begin();
  granted("a", "t", &first);
  granted("b", "#", &second);
  inside = stop_inside;
  SAYS(&r, "PUBLISH topic=t payload=1");
  SAYS(&r, "PUBLISH topic=t payload=2");
  logs("a t 1\nb t 1\n");
  inside = NULL;
  cr_assert_eq(uvmqtt_read_start(r.g.m), 0);
  logs("a t 2\nb t 2\n");
  rig_close(&r);
}

Test(handlers, outlive_the_connection_and_the_session) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  granted("a", "t", &first);
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  HEARS(&r, "SUBSCRIBE id=2 filters=t:1");
  SAYS(&r, "SUBACK id=2 reasons=01");
  UNTIL(&r, r.g.n[NOTICE] == 1);
  r.g.log[0] = '\0';
  SAYS(&r, "PUBLISH topic=t payload=1");
  logs("a t 1\n");
  rig_close(&r);
}

/* [MQTT-3.8.3-4/5] */
Test(handlers, refuse_nonsense) {
  uvmqtt_subscription_t s = {.filter = "t"}, bad = {.filter = "t#"},
                        shared = {.filter = "$share/g/t", .no_local = true};
  begin();
  cr_assert_eq(uvmqtt_handle(NULL, &s, 0, on_handled, NULL, NULL, NULL, NULL),
               UV_EINVAL);
  cr_assert_eq(
      uvmqtt_handle(r.g.m, NULL, 0, on_handled, NULL, NULL, NULL, NULL),
      UV_EINVAL);
  cr_assert_eq(uvmqtt_handle(r.g.m, &s, 0, NULL, NULL, NULL, NULL, NULL),
               UV_EINVAL);
  cr_assert_eq(handle("x", &bad, 0, NULL), UVMQTT_EFILTER);
  cr_assert_neq(handle("x", &shared, 0, NULL), 0);
  cr_assert_eq(handle("x", &s, 268435456, NULL), UVMQTT_EPROPERTY);
  s.qos = 3;
  cr_assert_eq(handle("x", &s, 0, NULL), UVMQTT_EQOS);
  s = (uvmqtt_subscription_t){.filter = "t", .no_local = true};
  cr_assert_eq(handle("x", &s, 7, &first), 0);
  cr_assert_eq(handle("x", &s, 0, NULL), UVMQTT_ECONFLICT);
  cr_assert_eq(uvmqtt_unhandle(NULL, first, NULL, NULL), UV_EINVAL);
  cr_assert_eq(uvmqtt_unhandle(r.g.m, NULL, NULL, NULL), UV_EINVAL);
  guest_close(&r.g);
  cr_assert_eq(handle("x", &s, 7, NULL), UV_ECANCELED);
  cr_assert_eq(unhandle(first), UV_ECANCELED);
  rig_close(&r);
}
