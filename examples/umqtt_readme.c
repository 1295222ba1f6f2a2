/* The two programs of the umqtt.simple README.
 *
 *   umqtt_readme pub [SERVER [PORT]]     publishes one message
 *   umqtt_readme sub [SERVER [PORT]]     prints what is published
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvmqtt/simple.h>

static void on_message(const char *topic, uvmqtt_bytes_t msg, void *arg) {
  (void)arg;
  printf("%s %.*s\n", topic, (int)msg.len, (const char *)msg.data);
}

static int publish(uvmqtt_simple_t *c) {
  uvmqtt_bytes_t hello = {"hello", 5};
  int r = uvmqtt_simple_publish(c, "foo_topic", hello, false, 0);
  return r ? r : uvmqtt_simple_disconnect(c);
}

static int subscribe(uvmqtt_simple_t *c) {
  uvmqtt_simple_set_callback(c, on_message, NULL);
  int r = uvmqtt_simple_subscribe(c, "foo_topic", 0);
  while (r >= 0)
    r = uvmqtt_simple_wait_msg(c, -1);
  return r;
}

int main(int argc, char **argv) {
  int pub = argc > 1 && strcmp(argv[1], "pub") == 0;
  uvmqtt_simple_options_t options = {
      UVMQTT_SIMPLE_OPTIONS_INIT,
      .client_id = pub ? "umqtt_pub" : "umqtt_sub",
      .server = argc > 2 ? argv[2] : "localhost",
      .port = (uint16_t)(argc > 3 ? atoi(argv[3]) : 0),
  };
  uvmqtt_simple_t *c;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int r = uvmqtt_simple_new(&options, &c);
  if (r)
    return 1;
  r = uvmqtt_simple_connect(c, true, 10000);
  if (r >= 0)
    r = pub ? publish(c) : subscribe(c);
  if (r < 0)
    fprintf(stderr, "%s\n", uvmqtt_strerror(r));
  uvmqtt_simple_free(c);
  return r < 0;
}
