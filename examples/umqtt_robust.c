/* umqtt.robust's example: a subscriber that survives its server. Stop the
 * server, start it again, and see.
 *
 *   umqtt_robust [SERVER [PORT [COUNT]]]      default 127.0.0.1 1883, for ever
 */
#include <stdio.h>
#include <stdlib.h>
#include <uvmqtt/robust.h>

static void on_message(const char *topic, uvmqtt_bytes_t msg, void *arg) {
  (void)arg;
  printf("%s %.*s\n", topic, (int)msg.len, (const char *)msg.data);
}

static void on_trouble(bool in_reconnect, const uvmqtt_error_t *e, void *arg) {
  (void)arg;
  printf("%s: %s\n", in_reconnect ? "still offline" : "connection lost",
         e->hint);
}

/* The delay of a device that runs on a battery: short at first, then twice as
 * long each time, five minutes at most. */
static int64_t on_delay(unsigned attempt, int64_t suggested, void *arg) {
  int64_t ms = attempt < 10 ? (int64_t)100 << attempt : 300000;
  (void)suggested, (void)arg;
  return ms < 300000 ? ms : 300000;
}

static int serve(uvmqtt_robust_t *c, int count) {
  uvmqtt_robust_set_callback(c, on_message, NULL);
  int r = uvmqtt_robust_connect(c, false, 10000);
  if (r >= 0)
    printf("connected, session %s\n", r == 1 ? "present" : "new");
  if (r >= 0)
    r = uvmqtt_robust_subscribe(c, "foo_topic", 1);
  if (r == 0)
    printf("subscribed\n");
  for (int i = 0; r >= 0 && (count == 0 || i < count); i++)
    r = uvmqtt_robust_wait_msg(c, -1);
  return r;
}

int main(int argc, char **argv) {
  uvmqtt_simple_options_t simple = {
      UVMQTT_SIMPLE_OPTIONS_INIT,
      .client_id = "umqtt_client",
      .server = argc > 1 ? argv[1] : "127.0.0.1",
      .port = (uint16_t)(argc > 2 ? atoi(argv[2]) : 0),
      .keepalive = 60,
  };
  uvmqtt_robust_options_t robust = {UVMQTT_ROBUST_OPTIONS_INIT,
                                    .log = on_trouble, .delay = on_delay};
  uvmqtt_robust_t *c;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (uvmqtt_robust_new(&simple, &robust, &c))
    return 1;
  int r = serve(c, argc > 3 ? atoi(argv[3]) : 0);
  if (r < 0)
    fprintf(stderr, "%s\n", uvmqtt_robust_error_text(c));
  uvmqtt_robust_disconnect(c);
  uvmqtt_robust_free(c);
  return r < 0;
}
