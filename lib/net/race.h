/* net/race.h: one connection out of several servers with several addresses
 * each [RFC 8305, 5]. Names are looked up all at once; addresses are tried in
 * order, the next one after a delay or as soon as one has failed. Earlier
 * attempts go on meanwhile; the first that connects wins, the others are
 * closed.
 *
 * The order: two addresses (one of each family, where there are) of the first
 * server, two of the second, and so on, and then the next two of each. What
 * failed recently goes last. A server whose name is still being looked up
 * holds the later ones back for no longer than the delay. */
#ifndef UM_NET_RACE_H
#define UM_NET_RACE_H

#include "net/handles.h"
#include "net/route.h"
#include "net/stream.h"

struct um_race_up {
  void (*turn)(void *arg); /* for um_handles_turn: calls um_race_judge */
  /* The race is over when it calls these; both may free it. tcp is connected
   * and one of the handles. */
  void (*won)(void *arg, uv_tcp_t *tcp);
  /* None is left: the error that says most, with the stream's phase and
   * address as they were then. */
  void (*lost)(void *arg, int status);
};

struct um_race;

/* Keeps phase, address, deadline, server and loopback of the stream, and says
 * so with its up->progress. What route points at must outlive the race, but
 * for the hosts. 0 or UV_ENOMEM. */
int um_race_new(const struct um_route *route, struct um_handles *handles,
                struct um_stream *stream, const struct um_race_up *up,
                void *arg, struct um_race **ret);
/* Calls nobody. An error: lost already, with nothing to be told. */
int um_race_start(struct um_race *r);
/* The deadline has passed: the verdict comes in a turn, after the sockets were
 * looked at. */
void um_race_tick(struct um_race *r);
void um_race_judge(struct um_race *r);
/* What is under way is closed. NULL is fine. */
void um_race_free(struct um_race *r);

#endif
