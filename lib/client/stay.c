#include "client/stay.h"

#include "client/client.h"
#include "client/pump.h"

#define LOOK_EVERY 1000u    /* ms */
#define SLEPT_MIN 2000u     /* ms; less no server and no router minds */
#define PROBE_WITHIN 5000u  /* ms */
#define STALL_OFF 120000u   /* ms, without a Keep Alive */
#define STALL_KEEP_ALIVES 2 /* as for an unanswered PINGREQ */
#define GRACE 1u            /* ms: one more turn of the loop */

/* Sleep. */

void um_stay_poke_all(struct um_loop *l) {
  for (struct um_list *at = l->clients.next; at != &l->clients; at = at->next) {
    uvmqtt_t *m = um_list_of(at, struct uvmqtt_s, in_loop);
    if (m->state != UVMQTT_STATE_ONLINE && m->state != UVMQTT_STATE_WAITING)
      continue;
    m->stay.poked = true;
    um_loop_mark(l, m);
  }
}

void um_stay_look(struct um_loop *l) {
  uint64_t now = uv_now(l->uv);
  if (now - l->looked < LOOK_EVERY)
    return;
  uint64_t slept = l->slept_clock();
  bool woke_up = slept - l->slept >= SLEPT_MIN && slept > l->slept;
  l->looked = now;
  l->slept = slept;
  if (woke_up)
    um_stay_poke_all(l);
}

static uint64_t keep_alive_of(const uvmqtt_t *m) {
  return m->session.keepalive.interval;
}

/* Half a Keep Alive is what a PINGREQ has anyway. */
static uint64_t probe_within(const uvmqtt_t *m) {
  uint64_t half = keep_alive_of(m) / 2;
  return half == 0 || half > PROBE_WITHIN ? PROBE_WITHIN : half;
}

void um_stay_step(uvmqtt_t *m) {
  if (!m->stay.poked)
    return;
  m->stay.poked = false;
  if (m->state == UVMQTT_STATE_WAITING)
    m->kicked = m->wanted;
  if (m->state != UVMQTT_STATE_ONLINE)
    return;
  int r = um_session_probe(&m->session, um_pump_now(m), probe_within(m));
  m->stats.probes += r == 0; /* no memory: the Keep Alive is there */
}

/* Bytes that nobody takes. */

void um_stay_wrote(uvmqtt_t *m) {
  m->stay.suspect = false;
  if (m->stream->busy)
    m->stay.moved = um_pump_now(m);
}

static bool is_waiting(const uvmqtt_t *m) {
  return m->stream != NULL && !m->stream_closing && m->stream->busy &&
         m->session.state == UM_SESSION_UP &&
         m->options.shared->write_timeout != UVMQTT_OFF;
}

static uint64_t patience(const uvmqtt_t *m) {
  uint64_t keep_alive = keep_alive_of(m);
  if (m->options.shared->write_timeout != 0)
    return (uint64_t)m->options.shared->write_timeout;
  return keep_alive == 0 ? STALL_OFF : STALL_KEEP_ALIVES * keep_alive;
}

static uint64_t stall_due(const uvmqtt_t *m) {
  return m->stay.moved + patience(m) + (m->stay.suspect ? GRACE : 0);
}

uint64_t um_stay_deadline(const uvmqtt_t *m) {
  return is_waiting(m) ? stall_due(m) : UM_NEVER;
}

bool um_stay_stalled(uvmqtt_t *m, uint64_t now) {
  if (!is_waiting(m) || now < stall_due(m))
    return false;
  if (m->stay.suspect)
    return true;
  m->stay.suspect = true;
  m->stay.moved = now - patience(m);
  return false;
}
