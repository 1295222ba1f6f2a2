#include "client/timings.h"

#include "base/alloc.h"
#include "client/client.h"
#include "client/pump.h"
#include "client/report.h"

static uint32_t *part_of(uvmqtt_timings_t *t, uvmqtt_phase_t phase) {
  switch (phase) {
  case UVMQTT_PHASE_PREPARE:
    return &t->prepare;
  case UVMQTT_PHASE_RESOLVE:
    return &t->resolve;
  case UVMQTT_PHASE_CONNECT:
    return &t->connect;
  case UVMQTT_PHASE_PROXY:
    return &t->proxy;
  case UVMQTT_PHASE_TLS:
    return &t->tls;
  case UVMQTT_PHASE_WEBSOCKET:
    return &t->websocket;
  case UVMQTT_PHASE_HANDSHAKE:
    return &t->handshake;
  default:
    return NULL;
  }
}

void um_timings_begin(uvmqtt_t *m) {
  struct um_stopwatch *w = m->stopwatch;
  if (w == NULL)
    w = m->stopwatch = um_malloc(sizeof *w);
  if (w == NULL)
    return;
  *w = (struct um_stopwatch){.phase = um_prepare_phase(m)};
  w->began = w->since = um_pump_now(m);
}

void um_timings_look(uvmqtt_t *m) {
  struct um_stopwatch *w = m->stopwatch;
  if (w == NULL)
    return;
  uvmqtt_phase_t phase = um_report_phase(m);
  uint32_t *part = part_of(&w->timings, w->phase);
  if (phase == w->phase)
    return;
  uint64_t now = um_pump_now(m);
  if (part != NULL) {
    *part += (uint32_t)(now - w->since);
    w->timings.total = (uint32_t)(now - w->began);
  }
  w->since = now;
  w->phase = phase;
}

void um_timings_end(uvmqtt_t *m, uvmqtt_timings_t *ret) {
  struct um_stopwatch *w = m->stopwatch;
  *ret = (uvmqtt_timings_t){.total = 0};
  if (w != NULL)
    *ret = w->timings;
  um_free(w);
  m->stopwatch = NULL;
}
