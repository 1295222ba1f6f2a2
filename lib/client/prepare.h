/* client/prepare.h: the user's word before each attempt, given at once or
 * later: .on_before_connect and uvmqtt_go. Part of the client. */
#ifndef UM_CLIENT_PREPARE_H
#define UM_CLIENT_PREPARE_H

#include <stdbool.h>
#include <uvmqtt/message.h>

enum um_prepare_state {
  UM_PREPARE_NONE,     /* nobody is asked.    next: ASKED             */
  UM_PREPARE_ASKED,    /* the answer is open. next: ANSWERED, NONE    */
  UM_PREPARE_ANSWERED, /* to be acted upon.   next: NONE              */
};

struct um_prepare {
  uint64_t id; /* of the latest question */
  enum um_prepare_state state;
  int verdict; /* of the answer: 0, or why there is no attempt */
};

/* Asks, if there is somebody to ask; the client may be closing afterwards. */
void um_prepare_ask(uvmqtt_t *m);
/* May the attempt go on, or end with *ret_verdict? True once for each. */
bool um_prepare_answered(uvmqtt_t *m, int *ret_verdict);
/* Of an attempt that has no stream yet. */
uvmqtt_phase_t um_prepare_phase(const uvmqtt_t *m);
void um_prepare_forget(uvmqtt_t *m);

#endif
