/* A layer made for the test: says "hi", wants "ok", then each byte is shifted
 * by one on its way down and back up again. '!' in its input makes it speak on
 * its own account, '#' ends it, '$' in the owner's bytes cannot be written. */
#include "base/alloc.h"
#include "net/filter.h"
#include "support/suite.h"
#include "tower.h"
#include <string.h>

SUITE(filter);

struct shift {
  struct um_filter f;
  size_t shaken;
};

static unsigned done_count;

static int say(struct um_filter *f, const char *text) {
  return um_buf_append(&f->out, text, strlen(text));
}

static void opened(struct um_filter *f) {
  cr_assert_eq(say(f, "hi"), 0);
}

static size_t shake_hands(struct um_filter *f, const uint8_t *data,
                          size_t len) {
  struct shift *s = (struct shift *)f;
  size_t used = 0;
  while (used < len && s->shaken < 2 && f->state == UM_FILTER_OPENING)
    if (data[used++] != "ok"[s->shaken++])
      um_filter_end(f, UV_EPROTO);
  if (s->shaken == 2 && f->state == UM_FILTER_OPENING)
    um_filter_connected(f);
  return used;
}

static void take_one(struct um_filter *f, uint8_t *c) {
  switch (*c) {
  case '!':
    cr_assert_eq(say(f, "?"), 0);
    break;
  case '#':
    um_filter_fault(f)->status = 42;
    say(f, "bye");
    um_filter_end(f, UV_EPROTO);
    break;
  default:
    --*c;
    f->stream.up->bytes(f->stream.up_arg, c, 1);
  }
}

static size_t bytes(struct um_filter *f, uint8_t *data, size_t len) {
  size_t used = 0;
  if (f->state == UM_FILTER_OPENING)
    used = shake_hands(f, data, len);
  while (used < len && f->state == UM_FILTER_UP && um_filter_reading(f))
    take_one(f, data + used++);
  return used;
}

static int write_bytes(struct um_filter *f, const struct um_buf *b) {
  for (size_t i = 0; i < b->len; i++) {
    uint8_t c = um_buf_head(b)[i];
    if (c == '$')
      return UV_EMSGSIZE;
    c++;
    if (um_buf_append(&f->out, &c, 1))
      return UV_ENOMEM;
  }
  return 0;
}

static void finish(struct um_filter *f) {
  say(f, "end");
}

static int ended(struct um_filter *f, int status) {
  (void)f;
  return status == UV_EOF ? UV_ECONNABORTED : status;
}

static void done(struct um_filter *f) {
  (void)f;
  ++done_count;
}

static const struct um_filter_ops ops = {
    .opened = opened,
    .bytes = bytes,
    .write = write_bytes,
    .finish = finish,
    .ended = ended,
    .done = done,
};

static int shift_new(const struct um_route *route, const struct um_chain *below,
                     const struct um_stream_up *up, void *up_arg,
                     struct um_stream **ret) {
  struct um_filter *f = um_calloc(1, sizeof(struct shift));
  if (f == NULL)
    return UV_ENOMEM;
  int r = um_filter_init(f, &ops, 77, route, below, up, up_arg);
  if (r)
    um_free(f);
  else
    *ret = &f->stream;
  return r;
}

static um_layer *const layers[] = {shift_new, shift_new};

static void read_on(struct tower *t) {
  tower_read(t, true);
}

static void up(struct tower *t, size_t n) {
  tower_init(t);
  t->on[CONNECTED] = read_on;
  tower_up(t, layers, n);
  tower_hears(t, "hi", 2);
  tower_feed_text(t, "ok");
  if (n == 2) {
    tower_hears(t, "ij", 2);
    tower_feed_text(t, "pl");
  }
  cr_assert_eq(t->count[CONNECTED], 1);
}

Test(filter, shows_where_below_is_and_then_its_own_phase) {
  struct tower t;
  tower_init(&t);
  cr_assert_eq(tower_open(&t, layers, 1), 0);
  tower_connect(&t);
  t.m->stream.phase = 3;
  t.m->stream.deadline = 99;
  t.m->stream.up->progress(t.m->stream.up_arg);
  cr_assert_eq(t.s->phase, 3);
  cr_assert_eq(t.s->deadline, 99);
  cr_assert_str_eq(t.s->address, "192.0.2.1:1080");
  t.m->stream.loopback = true;
  t.m->stream.server = 1;
  tower_connected(&t);
  cr_assert_eq(t.s->phase, 77);
  cr_assert(t.s->loopback);
  cr_assert_eq(t.s->server, 1);
  cr_assert_eq(t.count[CONNECTED], 0);
  cr_assert_eq(t.count[PROGRESS], 2);
  tower_done(&t);
}

Test(filter, bytes_go_through_in_both_directions) {
  for (size_t n = 1; n <= 2; n++) {
    struct tower t;
    up(&t, n);
    cr_assert_eq(tower_write(&t, "abc", 3), 0);
    tower_hears(&t, n == 1 ? "bcd" : "cde", 3);
    cr_assert_eq(t.taken, 3);
    tower_feed_text(&t, n == 1 ? "bcd" : "cde");
    tower_got_text(&t, "abc");
    tower_done(&t);
  }
}

Test(filter, what_follows_the_handshake_at_once_is_not_lost) {
  struct tower t;
  tower_init(&t);
  tower_up(&t, layers, 1);
  tower_feed_text(&t, "okbcd");
  cr_assert_eq(t.count[CONNECTED], 1);
  tower_turn(&t);
  tower_got_text(&t, ""); /* nobody has asked */
  tower_read(&t, true);
  tower_got_text(&t, "");
  tower_turn(&t);
  tower_got_text(&t, "abc");
  tower_done(&t);
}

static void pause_reading(struct tower *t) {
  tower_read(t, false);
}

Test(filter, a_pause_holds_up_the_very_next_byte_and_keeps_the_order) {
  for (size_t n = 1; n <= 2; n++) {
    struct tower t;
    up(&t, n);
    t.on[BYTES] = pause_reading;
    tower_feed_text(&t, n == 1 ? "bcd" : "cde");
    tower_got_text(&t, "a");
    cr_assert_not(t.m->reading);
    tower_feed_text(&t, n == 1 ? "ef" : "fg");
    for (const char *c = "bcde"; *c != '\0'; c++) {
      tower_turn(&t);
      tower_got_text(&t, "");
      tower_read(&t, true);
      tower_turn(&t);
      tower_turn(&t);
      tower_got(&t, c, 1);
    }
    tower_done(&t);
  }
}

Test(filter, busy_until_below_has_taken_all) {
  for (size_t room = 0; room < 3; room++) {
    struct tower t;
    up(&t, 1);
    t.m->room = room;
    cr_assert_eq(tower_write(&t, "abc", 3), 0);
    cr_assert(t.s->busy);
    cr_assert_eq(t.taken, room);
    memstream_take(t.m, 2 - room);
    cr_assert(t.s->busy);
    memstream_take(t.m, 1);
    cr_assert_eq(t.taken, 3);
    cr_assert_not(t.s->busy);
    tower_done(&t);
  }
}

/* Else a slow one and one that is gone would look the same to the owner. */
Test(filter, what_below_takes_bit_by_bit_is_told_bit_by_bit) {
  for (size_t n = 1; n <= 2; n++) {
    struct tower t;
    up(&t, n);
    t.m->room = 0;
    cr_assert_eq(tower_write(&t, "abc", 3), 0);
    for (size_t i = 1; i <= 3; i++) {
      memstream_take(t.m, 1);
      cr_assert_eq(t.count[WRITTEN], i);
      cr_assert_eq(t.taken, i);
      cr_assert_eq(t.s->busy, i < 3);
    }
    tower_done(&t);
  }
}

/* Which of them are the owner's is not known: never more than surely went. */
Test(filter, its_own_words_are_not_counted_as_the_owners) {
  struct tower t;
  up(&t, 1);
  t.m->room = 0;
  cr_assert_eq(tower_write(&t, "ab", 2), 0);
  tower_feed_text(&t, "!");
  memstream_take(t.m, 1);
  cr_assert_eq(t.taken, 0);
  memstream_take(t.m, 1);
  cr_assert_eq(t.taken, 1);
  memstream_take(t.m, 1);
  cr_assert_eq(t.taken, 2);
  cr_assert_not(t.s->busy);
  tower_done(&t);
}

/* A packet may have 256 MiB, and goes in one write. */
Test(filter, a_write_may_be_as_large_as_any_packet) {
  static uint8_t text[17 << 20];
  for (size_t n = 1; n <= 2; n++) {
    struct tower t;
    up(&t, n);
    memset(text, 'a', sizeof text);
    cr_assert_eq(tower_write(&t, text, sizeof text), 0);
    memset(text, n == 1 ? 'b' : 'c', sizeof text);
    tower_hears(&t, text, sizeof text);
    cr_assert_eq(t.taken, sizeof text);
    tower_done(&t);
  }
}

/* Whoever asks and does not listen to the answers. */
Test(filter, its_own_words_are_bounded) {
  static char asks[1 << 16];
  struct tower t;
  up(&t, 1);
  memset(asks, '!', sizeof asks);
  t.m->room = 0;
  for (int i = 0; i < 32 && t.count[ENDED] == 0; i++)
    tower_feed(&t, asks, sizeof asks);
  cr_assert_eq(t.status, UV_ENOMEM);
  tower_done(&t);
}

/* Its own words go while the owner's wait, or the owner would wait for ever. */
Test(filter, own_words_while_below_is_busy_follow_in_order) {
  struct tower t;
  up(&t, 1);
  t.m->room = 1;
  cr_assert_eq(tower_write(&t, "abc", 3), 0);
  tower_feed_text(&t, "!");
  cr_assert(t.s->busy);
  memstream_take(t.m, SIZE_MAX);
  tower_hears(&t, "bcd?", 4);
  cr_assert_eq(t.taken, 3);
  cr_assert_not(t.s->busy);
  tower_done(&t);
}

Test(filter, tells_the_owner_when_its_own_words_are_through) {
  struct tower t;
  up(&t, 1);
  t.m->room = 0;
  tower_feed_text(&t, "!");
  cr_assert(t.s->busy);
  memstream_take(t.m, SIZE_MAX);
  cr_assert_not(t.s->busy);
  cr_assert_eq(t.count[WRITTEN], 1);
  cr_assert_eq(t.taken, 0);
  tower_done(&t);
}

Test(filter, a_layer_above_writes_when_one_below_was_busy_on_its_own) {
  struct tower t;
  up(&t, 2);
  t.m->room = 0;
  tower_feed_text(&t, "!"); /* for the lower one */
  cr_assert_eq(tower_write(&t, "a", 1), 0);
  memstream_take(t.m, SIZE_MAX);
  tower_hears(&t, "?c", 2);
  cr_assert_eq(t.taken, 1);
  tower_done(&t);
}

Test(filter, finish_says_the_last_word_and_then_half_closes) {
  struct tower t;
  up(&t, 2);
  tower_finish(&t);
  tower_hears(&t, "foeend", 6);
  cr_assert(t.m->finished);
  tower_finish(&t);
  tower_hears(&t, "", 0);
  tower_done(&t);
  up(&t, 1);
  t.m->room = 1;
  tower_finish(&t);
  cr_assert_not(t.m->finished);
  memstream_take(t.m, SIZE_MAX);
  cr_assert(t.m->finished);
  tower_done(&t);
}

Test(filter, an_end_carries_the_last_word_and_the_fault) {
  for (size_t n = 1; n <= 2; n++) {
    struct tower t;
    up(&t, n);
    tower_feed_text(&t, n == 1 ? "bc#bc" : "cd#cd");
    tower_got_text(&t, "ab");
    tower_hears(&t, "bye", 3);
    cr_assert_eq(t.status, UV_EPROTO);
    cr_assert_eq(t.fault.status, 42);
    cr_assert_eq(t.fault.alert, -1);
    cr_assert_not(t.m->reading);
    tower_done(&t);
  }
}

Test(filter, a_refused_handshake_ends_it) {
  struct tower t;
  tower_init(&t);
  tower_up(&t, layers, 1);
  tower_feed_text(&t, "no");
  cr_assert_eq(t.status, UV_EPROTO);
  cr_assert_eq(t.count[CONNECTED], 0);
  tower_done(&t);
}

Test(filter, the_layer_may_translate_how_below_ended) {
  struct tower t;
  up(&t, 1);
  memstream_end(t.m, UV_EOF);
  cr_assert_eq(t.status, UV_ECONNABORTED);
  tower_done(&t);
  up(&t, 2);
  memstream_end(t.m, UV_ECONNRESET);
  cr_assert_eq(t.status, UV_ECONNRESET);
  tower_done(&t);
}

Test(filter, a_write_that_fails_is_told_once) {
  struct tower t;
  up(&t, 1);
  cr_assert_eq(tower_write(&t, "a$", 2), UV_EMSGSIZE);
  tower_turn(&t);
  cr_assert_eq(t.count[ENDED], 0);
  tower_done(&t);
  up(&t, 2);
  t.m->write_error = UV_EPIPE;
  cr_assert_eq(tower_write(&t, "a", 1), UV_EPIPE);
  tower_turn(&t);
  cr_assert_eq(t.count[ENDED], 0);
  cr_assert_eq(tower_write(&t, "a", 1), UV_ENOTCONN);
  tower_done(&t);
}

Test(filter, a_failed_write_of_its_own_ends_it) {
  struct tower t;
  up(&t, 1);
  t.m->write_error = UV_EPIPE;
  tower_feed_text(&t, "!");
  cr_assert_eq(t.status, UV_EPIPE);
  tower_done(&t);
}

Test(filter, a_failed_last_word_is_told_later) {
  struct tower t;
  up(&t, 1);
  t.m->write_error = UV_EPIPE;
  tower_finish(&t);
  cr_assert_eq(t.count[ENDED], 0);
  cr_assert_eq(tower_write(&t, "a", 1), 0);
  cr_assert(t.s->busy);
  tower_turn(&t);
  cr_assert_eq(t.status, UV_EPIPE);
  tower_done(&t);
}

static void close_now(struct tower *t) {
  tower_close(t);
}

Test(filter, close_is_legal_in_every_call_up) {
  for (int h = PROGRESS; h <= ENDED; h++) {
    struct tower t;
    done_count = 0;
    tower_init(&t);
    t.on[CONNECTED] = read_on;
    t.on[h] = close_now;
    cr_assert_eq(tower_open(&t, layers, 1), 0);
    tower_connect(&t);
    tower_connected(&t);
    if (!t.closing)
      tower_feed_text(&t, "okbc");
    if (!t.closing) {
      t.m->room = 0;
      tower_write(&t, "a", 1);
      memstream_take(t.m, SIZE_MAX);
    }
    if (!t.closing)
      memstream_end(t.m, UV_EOF);
    cr_assert(t.closing);
    cr_assert_eq(t.count[h], 1);
    tower_done(&t);
    cr_assert_eq(done_count, 1);
  }
}

Test(filter, the_host_may_close_all_handles_before_and_after_close) {
  for (int when = 0; when < 4; when++) {
    struct tower t;
    up(&t, 2);
    t.on[BYTES] = pause_reading;
    tower_feed_text(&t, "cde");
    tower_read(&t, true); /* a turn is under way */
    if (when < 2)
      tower_walk(&t);
    if (when == 1)
      tower_turn(&t);
    tower_close(&t);
    if (when == 2)
      tower_walk(&t);
    if (when == 3)
      tower_turn(&t);
    tower_walk(&t);
    tower_done(&t);
  }
}

Test(filter, without_memory_there_is_no_layer) {
  for (uint64_t at = 1; at <= 2; at++) {
    struct tower t;
    tower_init(&t);
    um_alloc_fail_at(at, false);
    cr_assert_eq(tower_open(&t, layers, 1), at == 1 ? UV_ENOMEM : 0);
    um_alloc_fail_at(0, false);
    if (at == 1) {
      uv_loop_close(&t.loop);
      um_buf_done(&t.got);
    } else {
      tower_done(&t);
    }
    if (at == 1)
      break; /* memory streams do not fail */
  }
}
