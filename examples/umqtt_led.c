/* umqtt.simple's button and its lamp: two programs of its documentation that
 * have other things to do than to wait for messages.
 *
 *   umqtt_led lamp [SERVER [PORT [COUNT]]]     obeys "on", "off" and "toggle",
 *                                              COUNT times or for ever
 *   umqtt_led button [SERVER [PORT]]           "toggle" for each line on stdin
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt/simple.h>

#define TOPIC "led"

struct lamp {
  bool on;
  unsigned obeyed;
};

static bool is(uvmqtt_bytes_t msg, const char *word) {
  return msg.len == strlen(word) && memcmp(msg.data, word, msg.len) == 0;
}

static void on_message(const char *topic, uvmqtt_bytes_t msg, void *arg) {
  struct lamp *lamp = arg;
  (void)topic;
  lamp->on = is(msg, "toggle") ? !lamp->on : is(msg, "on");
  lamp->obeyed++;
  printf("the lamp is %s\n", lamp->on ? "on" : "off");
}

static int shine(uvmqtt_simple_t *c, unsigned count) {
  struct lamp lamp = {.on = false};
  uvmqtt_simple_set_callback(c, on_message, &lamp);
  int r = uvmqtt_simple_subscribe(c, TOPIC, 1);
  if (r == 0)
    printf("waiting for orders\n");
  while (r >= 0 && (count == 0 || lamp.obeyed < count)) {
    r = uvmqtt_simple_check_msg(c); /* does not wait */
    uv_sleep(10);                   /* the other things to do */
  }
  return r;
}

static int press(uvmqtt_simple_t *c) {
  char line[80];
  int r = 0;
  while (r == 0 && fgets(line, sizeof line, stdin) != NULL)
    r = uvmqtt_simple_publish(c, TOPIC, (uvmqtt_bytes_t){"toggle", 6}, false,
                              1);
  return r;
}

int main(int argc, char **argv) {
  bool lamp = argc > 1 && strcmp(argv[1], "lamp") == 0;
  uvmqtt_simple_options_t options = {
      UVMQTT_SIMPLE_OPTIONS_INIT,
      .client_id = lamp ? "umqtt_lamp" : "umqtt_button",
      .server = argc > 2 ? argv[2] : "127.0.0.1",
      .port = (uint16_t)(argc > 3 ? atoi(argv[3]) : 0),
  };
  uvmqtt_simple_t *c;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (uvmqtt_simple_new(&options, &c))
    return 1;
  int r = uvmqtt_simple_connect(c, true, 10000);
  if (r >= 0)
    r = lamp ? shine(c, argc > 4 ? (unsigned)atoi(argv[4]) : 0) : press(c);
  if (r < 0)
    fprintf(stderr, "%s\n", uvmqtt_simple_error_text(c));
  uvmqtt_simple_disconnect(c);
  uvmqtt_simple_free(c);
  return r < 0;
}
