#include "e2e/cuttable.h"

#include <criterion/criterion.h>

void cuttable_new(struct host *h, const struct site *s, struct cuttable *c,
                  const uvmqtt_options_t *options) {
  uvmqtt_options_t o = *options;
  forwarder_open(h, &c->wire, site_port(s));
  o.url = c->wire.url;
  o.reconnect_min = 1;
  o.reconnect_max = 10;
  c->peer = peer_new(h, s, &o);
}

void cuttable_open(struct host *h, const struct site *s, struct cuttable *c,
                   uvmqtt_session_mode_t mode) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("cuttable"),
                        .session = mode};
  cuttable_new(h, s, c, &o);
  peer_connect(c->peer);
  peer_subscribe(c->peer, unique("#"), 2);
}

void cuttable_close(struct cuttable *c) {
  peer_close(c->peer);
  forwarder_close(&c->wire);
}

void cuttable_send_away(struct cuttable *c) {
  forwarder_hold(&c->wire);
  forwarder_cut(&c->wire);
  UNTIL(c->peer->host, !c->peer->online);
}

void cuttable_bring_back(struct cuttable *c) {
  forwarder_release(&c->wire);
  UNTIL(c->peer->host, c->peer->online);
}
