/* client/lookup.h: names that the user resolves himself. Part of the client. */
#ifndef UM_CLIENT_LOOKUP_H
#define UM_CLIENT_LOOKUP_H

#include "net/resolve.h"

struct uvmqtt_s;

struct um_lookups {
  struct um_names names;  /* first; what a route is given */
  struct um_list unasked; /* queries: the user has not heard of them */
  struct um_list asked;
  struct um_list answers; /* the stream has not heard of them */
  uint64_t last_id;
};

void um_lookups_init(struct um_lookups *l);
void um_lookups_done(struct um_lookups *l);
/* In the client's service: asks, and passes on what was answered. */
void um_lookups_serve(struct uvmqtt_s *m);

#endif
