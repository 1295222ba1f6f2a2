/* client/lookup.h: names that the user resolves himself. Part of the client. */
#ifndef UM_CLIENT_LOOKUP_H
#define UM_CLIENT_LOOKUP_H

#include "net/resolve.h"

struct uvmqtt_s;

struct um_lookups {
  struct um_names names; /* first; what a route is given */
  struct uvmqtt_s *client;
  struct um_list unasked; /* queries: the user has not heard of them */
  struct um_list asked;
  struct um_list answers; /* the stream has not heard of them */
  uint64_t last_id;
};

/* m->lookups, if the user resolves names. UV_ENOMEM. */
int um_lookups_make(struct uvmqtt_s *m);
void um_lookups_done(struct um_lookups *l); /* NULL is fine */
/* In the client's service: asks, and passes on what was answered. */
void um_lookups_serve(struct uvmqtt_s *m);

#endif
