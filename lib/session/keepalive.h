/* session/keepalive.h: when to ping, when to give up. Pure; times in ms.
 *
 * PINGREQ is due a little before one Keep Alive after the last packet sent
 * ([MQTT-3.1.2-20/5], [MQTT-3.1.2-23/311]), or after the last byte received:
 * a tenth early, a second at most. The verdict on an unanswered one: half a
 * Keep Alive later, moved on by any received byte, but after two Keep Alives
 * in any case. A probe is a PINGREQ with a verdict of its own, which any
 * received byte cancels. And never before the owner had a chance to read: the
 * first time the verdict is due it asks for a millisecond more. */
#ifndef UM_SESSION_KEEPALIVE_H
#define UM_SESSION_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

#define UM_NEVER UINT64_MAX

struct um_keepalive {
  uint64_t last_tx, last_rx;
  uint64_t pinged; /* when the unanswered PINGREQ was sent */
  uint64_t probed_by;
  uint64_t suspected;
  uint64_t deaf_since;
  uint64_t asked;    /* when the latest PINGREQ was sent */
  uint32_t interval; /* ms, 0: off */
  uint32_t rtt;      /* ms, of the latest answered one */
  bool waiting;      /* for PINGRESP */
  bool probing;      /* nothing was read since um_keepalive_probed */
  bool suspect;      /* verdict was due once; nothing read since */
  bool deaf;
};

enum um_keepalive_action {
  UM_KEEPALIVE_NONE,
  UM_KEEPALIVE_PING,
  UM_KEEPALIVE_DEAD
};

void um_keepalive_start(struct um_keepalive *k, uint64_t now, uint16_t seconds);
void um_keepalive_stop(struct um_keepalive *k);
void um_keepalive_sent(struct um_keepalive *k, uint64_t now);
void um_keepalive_received(struct um_keepalive *k, uint64_t now);
void um_keepalive_pinged(struct um_keepalive *k, uint64_t now);
void um_keepalive_answered(struct um_keepalive *k, uint64_t now);
/* The PINGREQ just sent is to tell whether the server is still there: dead when
 * not a byte came within so many ms. Works without a Keep Alive, too. */
void um_keepalive_probed(struct um_keepalive *k, uint64_t now, uint64_t within);
/* A large packet is still coming in, which no PINGRESP can overtake; or the
 * PINGREQ is still on its way out, and it moves. */
void um_keepalive_busy(struct um_keepalive *k, uint64_t now);
/* From now on nothing is read, though it may have come; or again. PINGREQs go
 * on, verdicts wait: their clocks stand still. */
void um_keepalive_deaf(struct um_keepalive *k, uint64_t now, bool deaf);
uint64_t um_keepalive_deadline(const struct um_keepalive *k);
enum um_keepalive_action um_keepalive_tick(struct um_keepalive *k,
                                           uint64_t now);

#endif
