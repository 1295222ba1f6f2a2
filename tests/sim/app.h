/* sim/app.h: a program that uses the client, by chance: requests, calls inside
 * callbacks, pauses, leaving and coming back, closing and beginning anew. */
#ifndef SIM_APP_H
#define SIM_APP_H

#include "sim/ledger.h"

struct world;

struct app {
  unsigned acted;
  bool in_call; /* a call of ours into the library has not returned */
  bool paused;
  bool unsure; /* the broker's session may not be the one we believe in */
  bool ended;  /* closed for good */
  size_t blocks_before;   /* memory when the client object was made */
  uint32_t first_request; /* of this client object */
  /* What we believe the broker knows: by filter, the latest request of ours
   * that was granted; 0: none, 1: subscribed. */
  bool subscribed[FILTERS], unknown[FILTERS];
  uint32_t sub_request[FILTERS]; /* which request says so, + 1 */
};

void app_start(struct world *w);
void app_act(struct world *w);
void app_heal(struct world *w); /* online and reading again */
/* Everything accepted has completed. */
bool app_satisfied(struct world *w);

/* From the driver. */
void app_connected(struct world *w);
void app_message(struct world *w, const uvmqtt_message_t *m);
void app_completed(struct world *w, uint32_t number,
                   const uvmqtt_result_t *result);
void app_notice(struct world *w, const uvmqtt_notice_t *n);
void app_closed(struct world *w);

#endif
