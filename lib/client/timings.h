/* client/timings.h: where the time of an attempt goes. Part of the client. */
#ifndef UM_CLIENT_TIMINGS_H
#define UM_CLIENT_TIMINGS_H

#include <stdint.h>
#include <uvmqtt/message.h>

struct um_stopwatch {
  uvmqtt_phase_t phase; /* that runs */
  uint64_t began, since;
  uvmqtt_timings_t timings; /* of the attempt */
};

/* Without memory nothing is measured. */
void um_timings_begin(uvmqtt_t *m);
/* The phase may be another one now. */
void um_timings_look(uvmqtt_t *m);
/* Online: what was measured, zeros without memory. */
void um_timings_end(uvmqtt_t *m, uvmqtt_timings_t *ret);

#endif
