/* forwarder.h: a wire between client and broker that can be cut. */
#ifndef E2E_FORWARDER_H
#define E2E_FORWARDER_H

#include "e2e/host.h"

struct pair;

struct forwarder {
  struct host *host;
  uv_tcp_t listener;
  char url[64];
  int target; /* port on 127.0.0.1 */
  bool held, closed;
  struct pair *pairs;
  unsigned cuts;
  /* Asked for each connection: how many bytes, both ways together, until it
   * is cut; below 0 is never. NULL: never. */
  long (*budget)(void *arg);
  void *arg;
};

void forwarder_open(struct host *h, struct forwarder *f, int target);
void forwarder_close(struct forwarder *f);

void forwarder_cut(struct forwarder *f); /* all connections, now */

/* While held, new connections are accepted and lead nowhere. */
void forwarder_hold(struct forwarder *f);
void forwarder_release(struct forwarder *f);

/* All connections stand, and nothing passes any more, not even an end. */
void forwarder_freeze(struct forwarder *f);

#endif
