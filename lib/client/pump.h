/* client/pump.h: where bytes cross between the stream and the session, and the
 * one timer. */
#ifndef UM_CLIENT_PUMP_H
#define UM_CLIENT_PUMP_H

#include "client/client.h"

extern const struct um_stream_up um_pump_up; /* up_arg is the client */
extern const struct um_session_events um_pump_events;

/* The client wants service soon: see um_loop_mark. Opens the timer, so that a
 * client which does anything can be found by uvmqtt_walk_close. */
int um_pump_want(uvmqtt_t *m);
/* Called by the loop with nothing of ours above it on the stack: delivers
 * completions, writes, steps the link, arms the timer. */
void um_pump_service(uvmqtt_t *m);
/* In a user's call, when much is in the buffer: hands it to the kernel without
 * calling anybody back. */
void um_pump_relieve(uvmqtt_t *m);

/* How every call that asks for something begins; `checked` is what its
 * arguments are worth. Memory for the service is there before anything is
 * accepted. */
static inline int um_may_ask(uvmqtt_t *m, int checked) {
  int r = um_usable(m);
  if (r == 0)
    r = checked;
  return r ? r : um_pump_want(m);
}

/* And ends. */
static inline int um_asked(uvmqtt_t *m, int r) {
  if (r == 0)
    um_pump_relieve(m);
  return r;
}
/* One write of what is in the out buffer, if the stream is free. */
int um_pump_write(uvmqtt_t *m);
/* Reads from the stream, or stops: as throttled and paused. Calls nobody. */
void um_pump_steer(uvmqtt_t *m);
/* ms; at least uv_now, and real time when the loop is late. */
uint64_t um_pump_now(const uvmqtt_t *m);

#endif
