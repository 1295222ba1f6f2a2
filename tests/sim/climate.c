#include "sim/climate.h"

#include "sim/world.h"
#include <stdio.h>

/* Half of the time off: a seed with a few faults finds more than one with all
 * of them. */
static unsigned sometimes(struct world *w, unsigned most) {
  return chance(w, 500) ? 0 : (unsigned)range(w, 1, most);
}

static void draw_client(struct world *w, struct climate *c) {
  static const uvmqtt_protocol_t versions[] = {
      UVMQTT_VERSION_5, UVMQTT_VERSION_5, UVMQTT_VERSION_311,
      UVMQTT_VERSION_ANY};
  c->version = versions[roll(w, 4)];
  c->mode = chance(w, 600)   ? UVMQTT_SESSION_KEEP
            : chance(w, 700) ? UVMQTT_SESSION_RESUME
                             : UVMQTT_SESSION_CLEAN;
  c->lost = chance(w, 600)   ? UVMQTT_LOST_REPUBLISH
            : chance(w, 500) ? UVMQTT_LOST_FAIL
                             : UVMQTT_LOST_DROP;
  bool nameless = c->version == UVMQTT_VERSION_5 && chance(w, 150);
  snprintf(c->client_id, sizeof c->client_id, "%s", nameless ? "" : "client");
  c->will = chance(w, 300);
  c->credentials = chance(w, 200);
  c->drop_properties = chance(w, 300);
  c->keep_alive = (uint16_t)(chance(w, 100) ? 0 : range(w, 2, 60));
  c->receive_maximum = (uint16_t)(chance(w, 600)   ? range(w, 1, 5)
                                  : chance(w, 500) ? 64
                                                   : 65535);
  c->max_inflight = (uint16_t)(chance(w, 700) ? 0 : range(w, 1, 30));
  c->packet_max = (uint32_t)(chance(w, 300) ? range(w, 100, 2000) : 1 << 20);
  c->session_expiry = (uint32_t)(chance(w, 300) ? range(w, 1, 30) : 3600);
  c->queue_messages = (uint32_t)(chance(w, 300) ? range(w, 1, 20) : 10000);
  c->queue_bytes = chance(w, 150) ? range(w, 1000, 20000) : 64u << 20;
  c->connect_timeout = (uint32_t)range(w, 2000, 30000);
  c->connack_timeout = (uint32_t)(chance(w, 700) ? 0 : range(w, 2000, 10000));
  c->reconnect_min = (uint32_t)(chance(w, 500) ? 1000 : range(w, 10, 3000));
  c->reconnect_max = (uint32_t)range(w, c->reconnect_min, 60000);
  c->reconnect_stable = 10000;
}

/* Mechanisms that a program may or may not use. */
static void draw_features(struct world *w, struct climate *c) {
  c->auth = c->version == UVMQTT_VERSION_5 && chance(w, 250);
  c->alias_in = (uint16_t)(chance(w, 500) ? 0 : range(w, 1, 6));
  c->alias_out = (uint16_t)(chance(w, 500) ? 0 : range(w, 1, 8));
  c->overflow = (uvmqtt_overflow_t)(chance(w, 500) ? 0 : roll(w, 4));
  c->high_water = chance(w, 500) ? 0 : range(w, 1000, 20000);
  c->refuse_offline_qos0 = chance(w, 150);
  c->manual_ack = chance(w, 300);
  c->chunk_threshold = (uint32_t)(chance(w, 700) ? 0 : range(w, 10, 200));
  c->redirect = (uvmqtt_redirect_verdict_t)roll(w, 3);
}

static void draw_store(struct world *w, struct climate *c) {
  c->storing = chance(w, 500)   ? STORE_NONE
               : chance(w, 300) ? STORE_AT_ONCE
                                : STORE_LATE;
  c->store_delay =
      (uint32_t)(chance(w, 500) ? range(w, 1, 50) : range(w, 50, 5000));
  c->store_stalls = sometimes(w, 30);
  c->store_failures = chance(w, 800) ? 0 : (unsigned)range(w, 1, 40);
}

static void draw_network(struct world *w, struct climate *c) {
  c->latency = (uint32_t)(chance(w, 700) ? range(w, 1, 60) : range(w, 1, 800));
  c->splits = sometimes(w, 900);
  c->window = (uint32_t)(chance(w, 300) ? range(w, 8, 300) : 65536);
  c->weather = (uint32_t)(chance(w, 150) ? 0 : range(w, 500, 20000));
}

/* A server that sends its clients on to older ones. */
static void draw_elders(struct world *w, struct climate *c) {
  c->old_beyond = c->old != OLD_NOT && chance(w, 300);
  if (!c->old_beyond)
    return;
  c->refuses = 300;
  c->redirects = 700;
  c->redirect = UVMQTT_REDIRECT_FOLLOW;
}

static void draw_broker(struct world *w, struct climate *c) {
  static const enum old_server old[] = {OLD_REFUSES, OLD_REFUSES_311,
                                        OLD_CLOSES};
  bool may_be_old = c->version == UVMQTT_VERSION_ANY && chance(w, 500);
  c->old = may_be_old ? old[roll(w, 3)] : OLD_NOT;
  c->byzantine = chance(w, 850)   ? HONEST
                 : chance(w, 600) ? BAD_PACKETS
                                  : MUTATED;
  c->forgets = sometimes(w, 300);
  c->restarts = sometimes(w, 300);
  c->refuses = sometimes(w, 300);
  c->rejects = sometimes(w, 150);
  c->echoes = chance(w, 800) ? 0 : (unsigned)range(w, 1, 200);
  c->limits = sometimes(w, 700);
  c->shuffles = chance(w, 300);
  c->storms = c->manual_ack ? 0 : sometimes(w, 200);
  c->auth_rounds = (unsigned)(chance(w, 950) ? roll(w, 4) : 40);
  c->auth_denials = sometimes(w, 200);
  c->redirects = chance(w, 800) ? 0 : 300;
  c->aliases = sometimes(w, 900);
  c->questions = sometimes(w, 200);
  c->silences = sometimes(w, 300);
  c->ack_delay = (uint32_t)(chance(w, 500)   ? 5
                            : chance(w, 800) ? range(w, 10, 500)
                                             : range(w, 500, 60000));
  c->traffic = (uint32_t)(chance(w, 200) ? 0 : range(w, 100, 5000));
  draw_elders(w, c);
}

static void draw_app(struct world *w, struct climate *c) {
  c->actions =
      (unsigned)(chance(w, 800) ? range(w, 10, 60) : range(w, 60, 300));
  c->pace =
      (uint32_t)(chance(w, 500) ? range(w, 20, 500) : range(w, 500, 5000));
  c->reentry = sometimes(w, 200);
  c->expiring = sometimes(w, 400);
  c->pauses = sometimes(w, 40);
  c->leaves = sometimes(w, 40);
  c->closes = sometimes(w, 25);
  c->timing_out = sometimes(w, 300);
  c->cancels = sometimes(w, 100);
  c->urgencies = sometimes(w, 600);
  c->handlers = sometimes(w, 150);
  c->requests = c->client_id[0] == '\0' ? 0 : sometimes(w, 150);
  c->reauths = c->auth ? sometimes(w, 60) : 0;
  c->late_acks = sometimes(w, 800);
  c->payload_max = (uint32_t)(chance(w, 900)   ? 300
                              : chance(w, 800) ? 6000
                                               : 100000);
}

void climate_draw(struct world *w) {
  struct climate *c = &w->climate;
  memset(c, 0, sizeof *c);
  draw_client(w, c);
  draw_features(w, c);
  draw_store(w, c);
  draw_network(w, c);
  draw_broker(w, c);
  draw_app(w, c);
  c->alloc_failures = chance(w, 60) ? (unsigned)range(w, 100, 3000) : 0;
  c->liveness = w->seed % 4 == 0;
}
