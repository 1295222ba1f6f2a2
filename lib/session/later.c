#include "session/later.h"

#include "base/alloc.h"
#include "base/err.h"

/* Made once in a connection, so that pausing often costs no more. */
static int make(struct um_session *s) {
  if (s->later != NULL)
    return 0;
  s->later = um_malloc(sizeof *s->later);
  if (s->later == NULL)
    return UM_ENOMEM;
  um_buf_init(s->later, SIZE_MAX, NULL);
  return 0;
}

int um_later_keep(struct um_session *s, const uint8_t *data, size_t len) {
  int r = make(s);
  return r ? r : um_buf_append(s->later, data, len);
}

void um_later_drop(struct um_session *s) {
  if (s->later == NULL)
    return;
  um_buf_done(s->later);
  um_free(s->later);
  s->later = NULL;
}
