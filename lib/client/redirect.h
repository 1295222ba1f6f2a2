/* client/redirect.h: a server that sends us to another one (4.11), and which
 * one we are going to. Part of the client. */
#ifndef UM_CLIENT_REDIRECT_H
#define UM_CLIENT_REDIRECT_H

#include "client/url.h"
#include <stdbool.h>
#include <uvmqtt/message.h>

struct um_target {
  struct um_url url; /* memory is NULL: none */
  bool secrets;      /* it may know them */
};

struct um_redirect {
  struct um_target moved;  /* 0x9D: until close */
  struct um_target detour; /* 0x9C: for one attempt */
  unsigned in_a_row;       /* followed since a stable connection */
};

/* Where the next attempt goes. */
const struct um_url *um_redirect_target(const uvmqtt_t *m);
/* May it be told our credentials? */
bool um_redirect_trusts(const uvmqtt_t *m);
/* An attempt begins; the session says what this server may know. */
void um_redirect_open(uvmqtt_t *m);
/* A connection or attempt ended with this code; once for each. Asks the user
 * (so the client may be closing afterwards) when the server named another one.
 * True: go there at once. */
bool um_redirect_ended(uvmqtt_t *m, int code);
/* The connection was stable: no loop. */
void um_redirect_stable(uvmqtt_t *m);
void um_redirect_done(uvmqtt_t *m);

#endif
