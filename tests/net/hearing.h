/* net/hearing.h: notes what a stream says in the rig that owns it, and that it
 * says it only when it may. Each rig has tests that know its own type, so this
 * is written once and read by each:
 *
 *   #define RIG struct rig
 *   static void note(RIG *r, enum moment m); // before the test is told
 *   static void leave(RIG *r);               // after it was
 *   #include "net/hearing.h"
 *
 * A RIG has s, count, on, in_call, closing, status, got and taken. What comes
 * of it is hearing_up, for um_route_open. */
#include <criterion/criterion.h>
#include <string.h>

static void hear(RIG *r, enum moment m) {
  cr_assert(!r->in_call, "called up inside a call down");
  cr_assert(!r->closing || m == CLOSED, "called up after close");
  cr_assert(m == CLOSED || r->count[ENDED] == 0, "called up after ended");
  cr_assert_eq(r->count[CLOSED], 0);
  ++r->count[m];
  note(r, m);
  if (r->on[m] != NULL)
    r->on[m](r);
  leave(r);
}

static void on_progress(void *up) {
  hear(up, PROGRESS);
}

static void on_connected(void *up) {
  hear(up, CONNECTED);
}

static void on_bytes(void *up, uint8_t *data, size_t len) {
  RIG *r = up;
  cr_assert_gt(len, 0);
  cr_assert_eq(um_buf_append(&r->got, data, len), 0);
  memset(data, 0xee, len);
  hear(r, BYTES);
}

static void on_written(void *up, size_t n) {
  RIG *r = up;
  cr_assert_gt(n, 0);
  r->taken += n;
  hear(r, WRITTEN);
}

static void on_ended(void *up, int status) {
  RIG *r = up;
  cr_assert_lt(status, 0);
  r->status = status;
  hear(r, ENDED);
}

static void on_closed(void *up) {
  RIG *r = up;
  cr_assert(r->closing);
  hear(r, CLOSED);
  r->s = NULL;
}

static const struct um_stream_up hearing_up = {
    .progress = on_progress,
    .connected = on_connected,
    .bytes = on_bytes,
    .written = on_written,
    .ended = on_ended,
    .closed = on_closed,
};
