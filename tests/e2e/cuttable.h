/* cuttable.h: a peer whose wire can be cut. */
#ifndef E2E_CUTTABLE_H
#define E2E_CUTTABLE_H

#include "e2e/forwarder.h"
#include "e2e/peer.h"

struct cuttable {
  struct forwarder wire;
  struct peer *peer;
};

/* A peer over a wire, not connected yet. url and the back-off are filled in:
 * it comes back at once when it can. */
void cuttable_new(struct host *h, const struct site *s, struct cuttable *c,
                  const uvmqtt_options_t *options);
/* Connected, and subscribed to unique("#") at QoS 2. */
void cuttable_open(struct host *h, const struct site *s, struct cuttable *c,
                   uvmqtt_session_mode_t mode);
void cuttable_close(struct cuttable *c);

/* Away: no way back before cuttable_bring_back. */
void cuttable_send_away(struct cuttable *c);
void cuttable_bring_back(struct cuttable *c);

#endif
