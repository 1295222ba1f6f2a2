/* session/later.h: bytes that came while the user wanted none, and are not
 * parsed yet. Part of the session. */
#ifndef UM_SESSION_LATER_H
#define UM_SESSION_LATER_H

#include "session/session.h"

static inline bool um_later_any(const struct um_session *s) {
  return s->later != NULL && s->later->len != 0;
}

/* Behind what is there. One chunk, unless fed on. UM_ENOMEM. */
int um_later_keep(struct um_session *s, const uint8_t *data, size_t len);
void um_later_drop(struct um_session *s);

#endif
