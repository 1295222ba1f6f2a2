/* simple/rig.h: a simple client, a peer, and what the callback heard. */
#ifndef SIMPLE_RIG_H
#define SIMPLE_RIG_H

#include "peer.h"
#include "support/planted.h"
#include "support/suite.h"
#include <uvmqtt/simple.h>

/* As umqtt says it, for "c", with what is planted. */
#define CONNECT_WITH(flags, keepalive)                                         \
  "< 10 53 | 00 04 \"MQTT\" 04 " flags " " keepalive " | 00 01 \"c\" |"        \
  " 00 0c \"" PLANTED_TOPIC "\" 00 0e \"" PLANTED_PAYLOAD "\" |"               \
  " 00 12 \"" PLANTED_USER "\" 00 12 \"" PLANTED_PASSWORD "\""
#define CONNECT CONNECT_WITH("c6", "00 00") /* clean session */
/* what follows does not arrive before connect has returned */
#define ONLINE "accept", CONNECT, "> 20 02 00 00", "await"
#define GOODBYE "< e0 00", "eof"

struct rig {
  struct peer peer;
  uvmqtt_simple_t *c;
  uvmqtt_simple_options_t options; /* with these c is made */
  char heard[256];                 /* "topic=payload topic=payload " */
  void (*in_callback)(struct rig *rig);
};

/* c is not connected; options may be changed before rig_open. */
void rig_init(struct rig *rig, const char *const *lines);
void rig_open(struct rig *rig);
void rig_connect(struct rig *rig);
/* All three. */
void rig_online(struct rig *rig, const char *const *lines);
/* disconnect, then as rig_free. */
void rig_done(struct rig *rig);
void rig_free(struct rig *rig);

/* The callback of c. */
void rig_hear(const char *topic, uvmqtt_bytes_t payload, void *arg);

uvmqtt_bytes_t text(const char *s);
uint64_t now_ms(void);

void between(uint64_t low, uint64_t value, uint64_t high); /* asserts */

#endif
