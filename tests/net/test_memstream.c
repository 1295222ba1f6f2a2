#include "support/memstream.h"
#include "support/suite.h"
#include <string.h>

SUITE(memstream);

struct owner {
  uv_loop_t loop;
  struct um_turns turns;
  struct memstream *m;
  struct um_buf got;
  unsigned connected, bytes, ended, closed;
  size_t written;
  unsigned pause_at, close_at; /* in which call of bytes; 0 never */
};

static void on_progress(void *up) {
  (void)up;
}

static void on_connected(void *up) {
  ++((struct owner *)up)->connected;
}

static void on_bytes(void *up, uint8_t *data, size_t len) {
  struct owner *o = up;
  cr_assert_eq(um_buf_append(&o->got, data, len), 0);
  memset(data, 0, len);
  if (++o->bytes == o->pause_at)
    o->m->stream.ops->read(&o->m->stream, false);
  if (o->bytes == o->close_at)
    o->m->stream.ops->close(&o->m->stream);
}

static void on_written(void *up, size_t n) {
  ((struct owner *)up)->written += n;
}

static void on_ended(void *up, int status) {
  cr_assert_lt(status, 0);
  ++((struct owner *)up)->ended;
}

static void on_closed(void *up) {
  ++((struct owner *)up)->closed;
}

static const struct um_stream_up up_calls = {
    on_progress, on_connected, on_bytes, on_written, on_ended, on_closed,
};

static void begin(struct owner *o) {
  memset(o, 0, sizeof *o);
  um_buf_init(&o->got, SIZE_MAX, NULL);
  cr_assert_eq(uv_loop_init(&o->loop), 0);
  um_turns_init(&o->turns, &o->loop);
  memstream_new(&o->turns, &up_calls, o, true, &o->m);
  o->m->stream.ops->connect(&o->m->stream);
  memstream_connected(o->m);
  o->m->stream.ops->read(&o->m->stream, true);
}

static void end(struct owner *o) {
  if (!o->m->closing)
    o->m->stream.ops->close(&o->m->stream);
  cr_assert_eq(o->closed, 0);
  uv_run(&o->loop, UV_RUN_DEFAULT);
  cr_assert_eq(o->closed, 1);
  cr_assert_null(o->m);
  cr_assert_eq(uv_loop_close(&o->loop), 0);
  um_buf_done(&o->got);
}

static const char text[] = "the quick brown fox";

Test(memstream, bytes_cut_anywhere_are_the_same_bytes) {
  for (size_t cut = 1; cut <= sizeof text; ++cut)
    for (size_t at = 0; at <= sizeof text; ++at) {
      struct owner o;
      begin(&o);
      o.m->cut = cut;
      memstream_feed(o.m, text, at);
      memstream_feed(o.m, text + at, sizeof text - at);
      cr_assert_eq(o.got.len, sizeof text);
      cr_assert_eq(memcmp(o.got.data, text, sizeof text), 0);
      end(&o);
    }
}

Test(memstream, a_paused_reader_gets_the_rest_later) {
  struct owner o;
  begin(&o);
  o.m->cut = 4;
  o.pause_at = 2;
  memstream_feed(o.m, text, sizeof text);
  cr_assert_eq(o.got.len, 8);
  o.m->stream.ops->read(&o.m->stream, true);
  cr_assert_eq(o.got.len, 8, "delivered inside the call");
  uv_run(&o.loop, UV_RUN_DEFAULT);
  cr_assert_eq(o.got.len, sizeof text);
  end(&o);
}

Test(memstream, nothing_comes_after_close) {
  struct owner o;
  begin(&o);
  o.m->cut = 1;
  o.close_at = 3;
  memstream_feed(o.m, text, sizeof text);
  cr_assert_eq(o.got.len, 3);
  end(&o);
}

static size_t write_text(struct owner *o) {
  struct um_buf b;
  size_t taken = 0;
  um_buf_init(&b, SIZE_MAX, NULL);
  cr_assert_eq(um_buf_append(&b, text, sizeof text), 0);
  cr_assert_eq(o->m->stream.ops->write(&o->m->stream, &b, &taken), 0);
  cr_assert_eq(b.len, 0);
  um_buf_done(&b);
  return taken;
}

Test(memstream, takes_what_there_is_room_for_and_the_rest_on_command) {
  for (size_t room = 0; room < sizeof text; ++room) {
    struct owner o;
    begin(&o);
    o.m->room = room;
    cr_assert_eq(write_text(&o), room);
    cr_assert(o.m->stream.busy);
    memstream_take(o.m, 1);
    cr_assert_eq(o.written, 1);
    memstream_take(o.m, SIZE_MAX);
    cr_assert_not(o.m->stream.busy);
    cr_assert_eq(o.written, sizeof text - room);
    cr_assert_eq(memcmp(o.m->out.data, text, sizeof text), 0);
    end(&o);
  }
}

Test(memstream, a_write_may_fail_and_ended_comes_once) {
  struct owner o;
  struct um_buf b;
  size_t taken;
  begin(&o);
  um_buf_init(&b, SIZE_MAX, NULL);
  o.m->write_error = UV_EPIPE;
  cr_assert_eq(o.m->stream.ops->write(&o.m->stream, &b, &taken), UV_EPIPE);
  memstream_end(o.m, UV_EOF);
  cr_assert_eq(o.ended, 0);
  end(&o);
  begin(&o);
  memstream_end(o.m, UV_EOF);
  memstream_end(o.m, UV_EOF);
  cr_assert_eq(o.ended, 1);
  end(&o);
}
