#include "e2e/site.h"

#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(quickstart);

/* The one binary that examples/meson.build makes, with each broker. */
static void the_example_works(struct host *h, const struct site *s) {
  struct program p;
  char url[128];
  const char *at = s->login ? "x%40localhost:x@" : "";
  snprintf(url, sizeof url, "mqtt://%s%s", at, site_url(s) + strlen("mqtt://"));
  const char *argv[] = {getenv("UVMQTT_QUICKSTART"), url, NULL};
  program_run(h, &p, argv);
  cr_assert_not_null(strstr(p.text, s->speaks == 5 ? "MQTT 5.0" : "MQTT 3.1.1"),
                     "%s", p.text);
  cr_assert_not_null(strstr(p.text, "3 published, 3 received"), "%s", p.text);
}
TEST_ON(quickstart, the_example_works, mosquitto_5)
TEST_ON(quickstart, the_example_works, ejabberd_5)
TEST_ON(quickstart, the_example_works, aedes)
