/* sim/driver.h: lib/client's link.c, pump.c and client.c on a virtual clock,
 * function by function and with their names: connect, feed, drain, write, tick,
 * settle, down, back-off, redirects. What they do with libuv is done with
 * sim/net.h here. What the clients of a loop share (reconnect budget, look-ups)
 * is not here, as there is only one. Change it with them. */
#ifndef SIM_DRIVER_H
#define SIM_DRIVER_H

#include "client/backoff.h"
#include "session/session.h"
#include "sim/bytes.h"
#include <uvmqtt/client.h>

struct world;

enum link_state { OFFLINE, CONNECTING, ONLINE, DISCONNECTING, WAITING, CLOSED };

/* client/redirect.h */
struct redirect {
  unsigned moved_to, detour_to;
  bool moved, moved_secrets, detour, detour_secrets;
  unsigned in_a_row;
};

struct leave {
  bool asked, draining, again;
  uvmqtt_disconnect_mode_t mode;
  uint8_t reason;
  uint64_t deadline;
  int status;
};

struct driver {
  struct um_session session;
  struct um_session_config config;
  struct um_identity who;
  struct um_commons commons;
  struct um_session_events events;
  uvmqtt_message_t will;
  bool alive;     /* between new and the end of close */
  uint32_t life;  /* number of this client object */
  unsigned depth; /* our calls on the stack */
  bool dirty, turning;

  enum link_state state;
  bool wanted, kicked, heard_connack;
  uint32_t attempt;
  bool was_stable;
  int error_code;
  uint8_t error_reason;
  uint64_t online_since, deadline, connect_by;
  bool overdue;
  unsigned poisoned;
  struct um_backoff backoff;
  struct redirect redirect;
  struct leave leave;
  int64_t retry_in;

  bool has_stream, stream_closing, busy;
  uint64_t conn; /* in sim/net.h */
  struct bytes kept;
  uint64_t armed, timer_life;
  int write_error;
  bool throttled, not_reading;
  bool closing, torn_down;
};

void driver_new(struct world *w);
void driver_done(struct world *w); /* at the end of a seed, whatever is open */

/* From the network. */
void driver_connected(struct world *w);
void driver_bytes(struct world *w, uint8_t *data, size_t len);
void driver_writable(struct world *w);
void driver_ended(struct world *w, int status);
/* From the store: as um_session_stored. */
void driver_stored(struct world *w, uint64_t batch, int status);

#endif
