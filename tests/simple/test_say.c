/* Errors in words, and the one warning. */
#include "rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

SUITE(say);

static char said[512];
static unsigned times;

static void on_log(const char *text, void *arg) {
  cr_assert(arg == &times);
  snprintf(said, sizeof said, "%s", text);
  times++;
}

static void open_with(struct rig *rig, const char *const *lines,
                      const char *server) {
  rig_init(rig, lines);
  rig->options.server = server;
  rig->options.user = "u";
  rig->options.password = "secret";
  rig->options.log = on_log;
  rig->options.log_arg = &times;
  rig_open(rig);
}

static int go(struct rig *rig) {
  return uvmqtt_simple_connect(rig->c, true, 5000);
}

/* 0.0.0.0 is no loopback address, though a connection to it arrives there. */
Test(say, warns_once_of_credentials_in_clear_text) {
  static const char *const lines[] = {
      "accept",    "packet 10",     "> 20 02 00 00", GOODBYE, "accept",
      "packet 10", "> 20 02 00 00", GOODBYE,         NULL};
  struct rig rig;
  open_with(&rig, lines, "0.0.0.0");
  cr_assert(go(&rig) == 0);
  cr_assert(uvmqtt_simple_disconnect(rig.c) == 0);
  cr_assert(times == 1);
  cr_assert_not_null(strstr(said, "clear text"));
  cr_assert_not_null(strstr(said, "0.0.0.0"));
  cr_assert_null(strstr(said, "secret"));
  cr_assert(go(&rig) == 0);
  rig_done(&rig);
  cr_assert(times == 1);
}

/* They went out, whatever the server says. */
Test(say, warns_of_credentials_that_were_refused) {
  static const char *const lines[] = {"accept", "packet 10", "> 20 02 00 04",
                                      "eof", NULL};
  struct rig rig;
  open_with(&rig, lines, "0.0.0.0");
  cr_assert(go(&rig) == UVMQTT_EREFUSED);
  cr_assert(times == 1);
  cr_assert_not_null(strstr(uvmqtt_simple_error_text(rig.c), "password"));
  rig_free(&rig);
}

Test(say, warns_on_stderr_when_nobody_listens) {
  static const char *const lines[] = {"accept", "packet 10", "> 20 02 00 00",
                                      GOODBYE, NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.server = "0.0.0.0";
  rig.options.user = "u";
  rig_open(&rig);
  FILE *file = tmpfile();
  cr_assert(file != NULL && dup2(fileno(file), STDERR_FILENO) >= 0);
  cr_assert(go(&rig) == 0);
  rig_done(&rig);
  rewind(file);
  cr_assert_not_null(fgets(said, sizeof said, file));
  fclose(file);
  cr_assert_not_null(strstr(said, "clear text"));
}

Test(say, is_silent_about_loopback_and_about_no_credentials) {
  static const char *const lines[] = {"accept", "packet 10", "> 20 02 00 00",
                                      GOODBYE, NULL};
  struct rig rig;
  open_with(&rig, lines, "127.0.0.1");
  cr_assert(go(&rig) == 0);
  rig_done(&rig);
  rig_init(&rig, lines);
  rig.options.server = "0.0.0.0";
  rig.options.log = on_log;
  rig_open(&rig);
  cr_assert(go(&rig) == 0);
  rig_done(&rig);
  cr_assert(times == 0);
}

Test(say, nobody_is_there) {
  static const char *const none[] = {NULL};
  struct rig rig;
  char want[128];
  rig_init(&rig, none);
  peer_done(&rig.peer);
  rig_open(&rig);
  cr_assert_str_empty(uvmqtt_simple_error_text(rig.c));
  cr_assert(go(&rig) == UV_ECONNREFUSED);
  snprintf(want, sizeof want,
           "connection refused: nothing listens at this address and port "
           "(127.0.0.1:%u)",
           rig.peer.port);
  cr_assert_str_eq(uvmqtt_simple_error_text(rig.c), want);
  cr_assert(uvmqtt_simple_check_msg(rig.c) == UV_ENOTCONN);
  cr_assert_str_eq(uvmqtt_simple_error_text(rig.c),
                   uvmqtt_strerror(UV_ENOTCONN));
  uvmqtt_simple_free(rig.c);
  cr_assert_str_empty(uvmqtt_simple_error_text(NULL));
}

/* 5.0: the server's own words */
Test(say, what_the_server_said) {
  static const char *const lines[] = {
      "accept", "packet 10", "> 20 0a | 00 87 | 07 | 1f 00 04 \"busy\"", "eof",
      NULL};
  struct rig rig;
  rig_init(&rig, lines);
  rig.options.version = UVMQTT_VERSION_5;
  rig_open(&rig);
  cr_assert(go(&rig) == UVMQTT_EREFUSED);
  cr_assert_not_null(strstr(uvmqtt_simple_error_text(rig.c), "\"busy\""));
  rig_free(&rig);
}
