/* net/resolve.h: names become addresses.
 *
 * um_names is who can be asked; um_resolver is the one that asks the system,
 * shared by all clients of a loop: who asks for a name that is being looked up
 * waits for the same answer, and what was found last is kept for when the
 * system does not answer any more. */
#ifndef UM_NET_RESOLVE_H
#define UM_NET_RESOLVE_H

#include "net/address.h"
#include "net/handles.h"

#define UM_ADDRESSES 16u /* of a name, no more are looked at */

struct um_query {
  struct um_list link; /* the asked one's */
  uint64_t id;         /* the asked one's */
  const char *host;    /* valid until answered or dropped */
  uint16_t port;       /* for those who want to know */
  /* Once, later than ask, unless dropped: 0 and at least one address, whose
   * ports mean nothing, or a negative code. Addresses are valid until it
   * returns. */
  void (*answered)(struct um_query *q, int status,
                   const struct um_address *found, size_t n);
};

struct um_names {
  /* 0, or a negative code: never answered then. Calls nobody. */
  int (*ask)(struct um_names *n, struct um_query *q);
  void (*drop)(struct um_names *n, struct um_query *q);
  /* What the name meant when it was last known, without ports; 0: never
   * known. */
  size_t (*last)(struct um_names *n, const char *host,
                 struct um_address ret[UM_ADDRESSES]);
};

struct um_resolver {
  struct um_names names; /* first */
  struct um_handles *handles;
  struct um_list known; /* the latest asked for at the end */
  size_t n_known;
};

/* handles: wait with their closing for look-ups that were taken back. */
void um_resolver_init(struct um_resolver *r, struct um_handles *handles);
/* Nobody is asking any more. Look-ups that run are orphaned: they may take as
 * long as they like. Before um_handles_close. */
void um_resolver_close(struct um_resolver *r);

#endif
