/* A client that tells a secret, a line that does in some encoding, memory that
 * keeps one: each has to fail. And the controls. */
#include "base/alloc.h"
#include "support/planted.h"
#include "support/suite.h"
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

SUITE(telling);

static void connect_to(const char *url) {
  uv_loop_t loop;
  uvmqtt_t *m;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .reconnect_max = UVMQTT_OFF};
  cr_assert_eq(uv_loop_init(&loop), 0);
  cr_assert_eq(uvmqtt_new(&loop, &o, &m), 0);
  cr_assert_eq(uvmqtt_connect(m), 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  uvmqtt_close(m, NULL, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(telling, nothing_passes) {
  connect_to("unix:/nowhere/at/all");
}

Test(telling, a_name_in_the_log_fails) { /* the log names sockets */
  connect_to("unix:/nowhere/" PLANTED_SECRET);
}

Test(telling, what_is_freed_as_it_was_fails) {
  um_free(um_strdup("x" PLANTED_PASSWORD));
}

Test(telling, a_password_of_the_tests_own_fails) {
  static const char password[] = "open sesame";
  uv_loop_t loop;
  uvmqtt_t *m;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://127.0.0.1",
                        .username = "u", .password = {password, 11}};
  cr_assert_eq(uv_loop_init(&loop), 0);
  cr_assert_eq(uvmqtt_new(&loop, &o, &m), 0);
  uvmqtt_close(m, NULL, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  cr_assert_eq(uv_loop_close(&loop), 0);
  planted_look("a line", "he said \"open sesame\"");
}

Test(telling, what_is_wiped_passes) {
  char *text = um_strdup("x" PLANTED_PASSWORD);
  um_wipe(text, strlen(text));
  um_free(text);
}

Test(telling, base64_fails) { /* "me:" before it */
  planted_look("a line", "Basic bWU6cDFhbnRlZFMzY3JldC13b3Jk");
}

Test(telling, hexadecimal_fails) {
  planted_look("a line", "got 007031616E746564506179316F616400");
}

Test(telling, percents_fail) {
  planted_look("a line", "/%70%31%61%6e%74%65%64%53%33%63%72%65%74");
}

Test(telling, less_than_all_of_it_passes) {
  planted_look("a line", "p1antedS3cre p1antedPay1oa cDFhbnRlZFMzY3Jl");
}
