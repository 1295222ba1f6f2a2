#include "rig.h"

#include <stdio.h>
#include <string.h>

void rig_init(struct rig *rig, const char *const *lines) {
  memset(rig, 0, sizeof *rig);
  peer_start(&rig->peer, lines);
  rig->options =
      (uvmqtt_simple_options_t){UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                                .server = "127.0.0.1", .port = rig->peer.port};
}

void rig_open(struct rig *rig) {
  cr_assert(uvmqtt_simple_new(&rig->options, &rig->c) == 0);
  uvmqtt_simple_set_callback(rig->c, rig_hear, rig);
}

void rig_connect(struct rig *rig) {
  cr_assert(uvmqtt_simple_connect(rig->c, true, 5000) == 0);
  peer_go(&rig->peer);
}

void rig_online(struct rig *rig, const char *const *lines) {
  rig_init(rig, lines);
  rig_open(rig);
  rig_connect(rig);
}

void rig_done(struct rig *rig) {
  cr_assert(uvmqtt_simple_disconnect(rig->c) == 0);
  rig_free(rig);
}

void rig_free(struct rig *rig) {
  uvmqtt_simple_free(rig->c);
  peer_done(&rig->peer);
}

void rig_hear(const char *topic, uvmqtt_bytes_t payload, void *arg) {
  struct rig *rig = arg;
  size_t len = strlen(rig->heard);
  snprintf(rig->heard + len, sizeof rig->heard - len, "%s=%.*s ", topic,
           (int)payload.len, (const char *)payload.data);
  if (rig->in_callback != NULL)
    rig->in_callback(rig);
}

uvmqtt_bytes_t text(const char *s) {
  return (uvmqtt_bytes_t){s, strlen(s)};
}

uint64_t now_ms(void) {
  return uv_hrtime() / 1000000;
}

void between(uint64_t low, uint64_t value, uint64_t high) {
  cr_assert(value >= low && value <= high, "%llu ms, not %llu to %llu",
            (unsigned long long)value, (unsigned long long)low,
            (unsigned long long)high);
}
