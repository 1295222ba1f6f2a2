/* session/subs.h: remembered subscriptions, restored when, and only when, the
 * server lost them. */
#ifndef UM_SESSION_SUBS_H
#define UM_SESSION_SUBS_H

#include "base/list.h"
#include "base/table.h"
#include "session/op.h"

struct um_sub {
  struct um_list link;
  struct um_table_link by_filter;
  uint32_t identifier;           /* Subscription Identifier, 0: none */
  uvmqtt_subscription_t options; /* filter points behind this struct */
};

struct um_subs {
  struct um_list list; /* in the order first granted */
  struct um_table by_filter;
  size_t n;
};

void um_subs_init(struct um_subs *subs);
void um_subs_done(struct um_subs *subs);
/* Remembers the filter, or replaces what was known of it. UM_ENOMEM. */
int um_subs_put(struct um_subs *subs, const uvmqtt_subscription_t *s,
                uint32_t identifier);
/* What is known of it, to be changed as long as the filter stays; NULL:
 * nothing. */
struct um_sub *um_subs_find(const struct um_subs *subs, const char *filter);
/* True when it was known. */
bool um_subs_remove(struct um_subs *subs, const char *filter);

/* Makes SUBSCRIBE ops for all of them, each within max_packet bytes, filters
 * with the same identifier together, appended to `to`. UM_ENOMEM: none. */
int um_subs_restore(const struct um_subs *subs, uint8_t version,
                    size_t max_packet, struct um_op_pool *pool,
                    struct um_list *to);

/* Makes an op of each filter of a restoring op, appended to `to`, so that one
 * that the server does not allow cannot spoil the others. UM_ENOMEM: none. */
int um_subs_split(const struct um_op *op, struct um_op_pool *pool,
                  struct um_list *to);

#endif
