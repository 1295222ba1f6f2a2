/* client/leave.h: the user's wish to leave, from uvmqtt_disconnect until it is
 * fulfilled: with what is held, without, or after it is complete. What becomes
 * of the link meanwhile is link.c's. Part of the client. */
#ifndef UM_CLIENT_LEAVE_H
#define UM_CLIENT_LEAVE_H

#include <stdbool.h>
#include <stdint.h>
#include <uvmqtt/client.h>

struct um_op;

struct um_leave {
  bool asked;
  bool draining; /* not yet: first what is held must be complete */
  bool again;    /* uvmqtt_connect meanwhile */
  uint8_t reason;
  uvmqtt_disconnect_mode_t mode;
  int status;               /* what cb will hear */
  struct um_op *properties; /* an op only for its copying; NULL: none */
  uint64_t deadline;        /* the connection is cut then */
  uvmqtt_request_cb cb;
  void *arg;
};

/* Fulfilled or over, whatever came of it; calls the user, if he asked. */
void um_leave_finish(uvmqtt_t *m, int status);
/* There will be no more attempts: what drains cannot. Calls nobody. */
void um_leave_unwanted(uvmqtt_t *m);

/* Parts of um_link_step and um_link_tick. */
void um_leave_step(uvmqtt_t *m);
void um_leave_tick(uvmqtt_t *m, uint64_t now);
bool um_leave_wants_step(const uvmqtt_t *m); /* a flush is complete */

#endif
