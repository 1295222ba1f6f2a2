/* session/inner.h: completions inside the session. Requests that the session
 * makes for itself complete to it instead of to the user; and what completes
 * without an op of its own waits here until settle may tell. Part of the
 * session. */
#ifndef UM_SESSION_INNER_H
#define UM_SESSION_INNER_H

#include "base/list.h"
#include <uvmqtt/message.h>

struct um_session;

/* Who waits for a request of the session's: um_inner as its callback and this
 * as its argument. Called where the user's callbacks are: in feed and settle.
 */
struct um_inner {
  void (*completed)(struct um_session *s, struct um_inner *self,
                    const uvmqtt_result_t *result);
};

/* Only a mark, never called. */
void um_inner(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg);

/* Tells whoever made the request; cb may be NULL. */
void um_inner_complete(struct um_session *s, uvmqtt_request_cb cb, void *arg,
                       const uvmqtt_result_t *result);

/* A completion that is due. tell unlinked it and may free what it is part of.
 */
struct um_due {
  struct um_list link;
  uint64_t id; /* of the request: the order among all that is due */
  int status;
  void (*tell)(struct um_session *s, struct um_due *due);
};

void um_due_init(struct um_due *due);
/* In order of the ids. */
void um_due_put(struct um_session *s, struct um_due *due, uint64_t id,
                int status, void (*tell)(struct um_session *, struct um_due *));
void um_due_remove(struct um_due *due); /* legal when it is not due */
/* The first one asked for before limit; NULL: none. */
struct um_due *um_due_first(const struct um_session *s, uint64_t limit);
void um_due_tell(struct um_session *s, struct um_due *due);
/* All that is due completes with this status. */
void um_due_cancel(struct um_session *s, int status);

#endif
