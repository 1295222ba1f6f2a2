/* Names that the program resolves itself. */
#include "client/rig.h"

#include "base/alloc.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(lookup);

static struct rig r;
static char url[64];
static uint64_t id;
static unsigned asked;
static void (*in_resolve)(uvmqtt_t *m);

static void on_resolve(uvmqtt_t *m, const uvmqtt_lookup_t *lookup) {
  cr_assert_not(r.in_call);
  cr_expect_str_eq(lookup->host, "broker.test");
  cr_expect_eq(lookup->port, r.b.port);
  cr_expect_neq(lookup->id, id);
  id = lookup->id;
  asked++;
  if (in_resolve != NULL)
    in_resolve(m);
}

static uvmqtt_options_t options(void) {
  snprintf(url, sizeof url, "mqtt://broker.test:%u", (unsigned)r.b.port);
  return (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, .url = url,
                            .on_resolve = on_resolve, .reconnect_min = 1};
}

static int resolved(const char *address) {
  int result;
  IN_CALL(&r, result, uvmqtt_resolved(r.g.m, id, &address, 1, 0));
  return result;
}

static void begin(void (*deed)(uvmqtt_t *m)) {
  rig_open(&r);
  in_resolve = deed;
  uvmqtt_options_t o = options();
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, asked == 1);
}

static void good(uvmqtt_t *m) {
  (void)m;
  cr_expect_eq(resolved("127.0.0.1"), 0);
  cr_expect_eq(resolved("127.0.0.1"), UVMQTT_ESTALE);
}

Test(lookup, answered_at_once) {
  begin(good);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

/* O04: what a name meant before the attempt does not count. */
Test(lookup, answered_later_and_asked_anew_for_each_attempt) {
  begin(NULL);
  rig_rest(&r, 20);
  cr_expect_eq(resolved("127.0.0.1"), 0);
  HEARS(&r, "CONNECT ...");
  broker_resets(&r.b);
  UNTIL(&r, asked == 2);
  cr_expect_eq(resolved("127.0.0.1"), 0);
  UNTIL(&r, r.b.accepted == 2);
  rig_close(&r);
}

Test(lookup, the_next_address_is_tried) {
  static const char *const addresses[] = {"127.0.0.2", "::1", "127.0.0.1"};
  begin(NULL);
  cr_expect_eq(uvmqtt_resolved(r.g.m, id, addresses, 3, 0), 0);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

Test(lookup, an_answer_that_is_none_is_refused_and_the_question_stays) {
  static const char *const none[] = {NULL};
  begin(NULL);
  cr_expect_eq(resolved("broker.test"), UV_EINVAL);
  cr_expect_eq(uvmqtt_resolved(r.g.m, id, NULL, 1, 0), UV_EINVAL);
  cr_expect_eq(uvmqtt_resolved(r.g.m, id, none, 1, 0), UV_EINVAL);
  cr_expect_eq(uvmqtt_resolved(r.g.m, id, none, 0, 0), UV_EINVAL);
  cr_expect_eq(uvmqtt_resolved(r.g.m, id, none, 0, 1), UV_EINVAL);
  cr_expect_eq(uvmqtt_resolved(NULL, id, none, 0, UV_EOF), UV_EINVAL);
  cr_expect_eq(uvmqtt_resolved(r.g.m, id + 1, none, 0, -1), UVMQTT_ESTALE);
  cr_expect_eq(resolved("127.0.0.1"), 0);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

Test(lookup, a_failure_ends_the_attempt) {
  begin(NULL);
  cr_expect_eq(uvmqtt_resolved(r.g.m, id, NULL, 0, UV_EAI_NONAME), 0);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_EAI_NONAME);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_RESOLVE);
  UNTIL(&r, asked == 2);
  rig_close(&r);
}

/* O12 */
Test(lookup, without_memory_the_question_stays) {
  begin(NULL);
  um_alloc_fail_at(1, false);
  cr_expect_eq(resolved("127.0.0.1"), UV_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_expect_eq(resolved("127.0.0.1"), 0);
  HEARS(&r, "CONNECT ...");
  rig_close(&r);
}

/* O03 */
Test(lookup, what_is_not_answered_in_time_is_void) {
  rig_open(&r);
  uvmqtt_options_t o = options();
  o.resolve_timeout = 30;
  o.reconnect_max = UVMQTT_OFF;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_RESOLVE);
  cr_expect_eq(resolved("127.0.0.1"), UVMQTT_ESTALE);
  rig_close(&r);
}

Test(lookup, close_before_the_answer) {
  begin(NULL);
  guest_close(&r.g);
  cr_expect_eq(resolved("127.0.0.1"), UV_ECANCELED);
  rig_close(&r);
}

Test(lookup, close_between_the_answer_and_the_loop) {
  begin(NULL);
  cr_expect_eq(resolved("127.0.0.1"), 0);
  rig_close(&r);
}

static void close_here(uvmqtt_t *m) {
  (void)m;
  guest_close(&r.g);
}

Test(lookup, close_in_the_question) {
  begin(close_here);
  rig_close(&r);
}

Test(lookup, leaving_before_the_answer) {
  begin(NULL);
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(resolved("127.0.0.1"), UVMQTT_ESTALE);
  rig_close(&r);
}
