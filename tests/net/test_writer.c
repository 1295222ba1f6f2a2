#include "rig.h"
#include "support/suite.h"
#include <linux/net_tstamp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SUITE(writer);

/* libuv's own writes would end the program here, so under writer_uv.c on Linux
 * the signal is ignored. */
#ifndef PEER_GONE
#define PEER_GONE SIG_DFL
#endif

enum { MIB = 1 << 20 };

static uint8_t pattern(size_t i) {
  return (uint8_t)((i * 2654435761u) >> 13);
}

static uint8_t *make(size_t len) {
  uint8_t *p = malloc(len);
  cr_assert_not_null(p);
  for (size_t i = 0; i < len; ++i)
    p[i] = pattern(i);
  return p;
}

static void up_with_narrow_peer(struct rig *r, int room) {
  rig_init(r);
  signal(SIGPIPE, PEER_GONE);
  rig_listen(r, "127.0.0.1", 0);
  setsockopt(r->listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  rig_open(r, "127.0.0.1", false);
  rig_connect(r);
  rig_wait(r, CONNECTED, 1);
  rig_accept(r);
  rig_read(r, true);
}

/* Reads len bytes at the peer, turning the loop meanwhile. */
static void expect_pattern(struct rig *r, size_t len, size_t mouthful) {
  uint8_t *heard = malloc(mouthful);
  uint64_t until = uv_hrtime() + UINT64_C(30000000000);
  size_t at = 0;
  while (at < len) {
    size_t n = rig_drain(r, heard, mouthful);
    for (size_t i = 0; i < n; ++i)
      cr_assert_eq(heard[i], pattern(at + i), "byte %zu", at + i);
    at += n;
    cr_assert_lt(uv_hrtime(), until, "%zu of %zu arrived", at, len);
    uv_run(&r->loop, UV_RUN_NOWAIT);
  }
  cr_assert_eq(rig_drain(r, heard, mouthful), 0);
  free(heard);
}

static void write_pattern(struct rig *r, size_t len) {
  uint8_t *p = make(len);
  cr_assert_eq(rig_write(r, p, len), 0);
  free(p);
}

/* [MQTT-4.2.0-1/5] */
Test(writer, a_slow_peer_gets_every_byte_once) {
  struct rig r;
  up_with_narrow_peer(&r, 128 << 10);
  write_pattern(&r, 8 * MIB);
  cr_assert(r.s->busy);
  cr_assert_lt(r.taken, 8 * MIB);
  expect_pattern(&r, 8 * MIB, 50000);
  rig_turn(&r, 3);
  cr_assert_not(r.s->busy);
  cr_assert_eq(r.taken, 8 * MIB);
  rig_done(&r);
}

/* O09 */
Test(writer, a_peer_with_hardly_any_room_gets_every_byte_once) {
  struct rig r;
  int tiny = 1;
  up_with_narrow_peer(&r, 1);
  cr_assert_eq(setsockopt(r.peer, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny),
               0);
  write_pattern(&r, 6 * MIB);
  cr_assert(r.s->busy);
  rig_turn(&r, 100);
  tiny = 1 << 20;
  setsockopt(r.peer, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny);
  expect_pattern(&r, 6 * MIB, 4000);
  rig_turn(&r, 3);
  cr_assert_eq(r.taken, 6 * MIB);
  rig_done(&r);
}

static void write_more(struct rig *r) {
  static const size_t piece = MIB;
  uint8_t *all;
  if (r->s->busy)
    return;
  cr_assert_eq(r->taken % piece, 0, "not busy, and yet bytes are missing");
  if (r->taken == 8 * piece)
    return;
  all = make(8 * piece);
  cr_assert_eq(rig_write(r, all + r->taken, piece), 0);
  free(all);
}

Test(writer, the_owner_may_write_again_in_written) {
  struct rig r;
  up_with_narrow_peer(&r, 64 << 10);
  r.on[WRITTEN] = write_more;
  while (!r.s->busy && r.taken < 8 * MIB)
    write_more(&r);
  cr_assert(r.s->busy);
  while (r.taken < 8 * MIB && r.s->busy) {
    static uint8_t heard[100000];
    static size_t at;
    size_t n = rig_drain(&r, heard, sizeof heard);
    for (size_t i = 0; i < n; ++i, ++at)
      cr_assert_eq(heard[i], pattern(at));
    rig_turn(&r, 1);
    if (!r.s->busy)
      write_more(&r);
  }
  cr_assert_eq(r.taken, 8 * MIB);
  rig_done(&r);
}

Test(writer, a_short_write_needs_no_handle_and_no_turn) {
  struct rig r;
  unsigned fds;
  up_with_narrow_peer(&r, 64 << 10);
  fds = rig_open_fds();
  write_pattern(&r, 1000);
  cr_assert_not(r.s->busy);
  cr_assert_eq(r.taken, 1000);
  cr_assert_eq(rig_open_fds(), fds);
  expect_pattern(&r, 1000, 5000);
  cr_assert_eq(r.count[WRITTEN], 0);
  rig_done(&r);
}

Test(writer, what_waited_is_gone_when_all_is_taken) {
  struct rig r;
  unsigned fds;
  up_with_narrow_peer(&r, 64 << 10);
  fds = rig_open_fds();
  write_pattern(&r, 8 * MIB);
  expect_pattern(&r, 8 * MIB, 100000);
  rig_turn(&r, 3);
  cr_assert_eq(rig_open_fds(), fds);
  rig_done(&r);
}

Test(writer, unref_covers_the_wait_for_room) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  write_pattern(&r, 8 * MIB);
  r.s->ops->ref(r.s, false);
  rig_turn(&r, 3);
  cr_assert(r.s->busy);
  rig_done(&r);
}

Test(writer, an_empty_write_is_fine) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  cr_assert_eq(rig_write(&r, "", 0), 0);
  cr_assert_not(r.s->busy);
  rig_done(&r);
}

Test(writer, close_with_bytes_pending) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  write_pattern(&r, 8 * MIB);
  cr_assert(r.s->busy);
  rig_done(&r);
}

static void close_here(struct rig *r) {
  rig_close(r);
}

Test(writer, close_in_written) {
  struct rig r;
  static uint8_t heard[1 << 20];
  up_with_narrow_peer(&r, 64 << 10);
  r.on[WRITTEN] = close_here;
  write_pattern(&r, 8 * MIB);
  while (r.count[WRITTEN] == 0) {
    rig_drain(&r, heard, sizeof heard);
    rig_turn(&r, 1);
  }
  rig_wait(&r, CLOSED, 1);
  rig_done(&r);
}

Test(writer, close_in_bytes) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  r.on[BYTES] = close_here;
  cr_assert_eq(send(r.peer, "ab", 2, 0), 2);
  rig_wait(&r, CLOSED, 1);
  cr_assert_eq(r.got.len, 2);
  rig_done(&r);
}

static void stop_here(struct rig *r) {
  rig_read(r, false);
}

Test(writer, nothing_is_delivered_while_reading_is_off) {
  struct rig r;
  static uint8_t much[200000];
  up_with_narrow_peer(&r, 4096);
  r.on[BYTES] = stop_here;
  cr_assert_gt(send(r.peer, much, sizeof much, 0), 0);
  shutdown(r.peer, SHUT_WR);
  rig_wait(&r, BYTES, 1);
  rig_turn(&r, 10);
  cr_assert_eq(r.count[BYTES], 1);
  cr_assert_eq(r.count[ENDED], 0);
  r.on[BYTES] = NULL;
  rig_read(&r, true);
  rig_read(&r, true);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_EOF);
  rig_done(&r);
}

Test(writer, the_peers_end_is_told_once_after_its_last_bytes) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  cr_assert_eq(send(r.peer, "bye", 3, 0), 3);
  shutdown(r.peer, SHUT_WR);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_EOF);
  cr_assert_eq(r.got.len, 3);
  rig_turn(&r, 5);
  cr_assert_neq(rig_write(&r, "x", 1), 0);
  rig_done(&r);
}

Test(writer, close_in_ended_with_bytes_pending) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  r.on[ENDED] = close_here;
  write_pattern(&r, 8 * MIB);
  shutdown(r.peer, SHUT_WR);
  rig_wait(&r, CLOSED, 1);
  rig_done(&r);
}

Test(writer, nothing_is_written_after_the_end) {
  struct rig r;
  static uint8_t heard[1 << 20];
  up_with_narrow_peer(&r, 64 << 10);
  write_pattern(&r, 8 * MIB);
  shutdown(r.peer, SHUT_WR);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_EOF);
  for (int i = 0; i < 500; ++i) { /* libuv would have written it all by then */
    rig_drain(&r, heard, sizeof heard);
    rig_turn(&r, 1);
  }
  rig_done(&r);
}

static void report_acks(uv_handle_t *h, void *arg) {
  int what = SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE;
  uv_os_fd_t fd;
  if (h->type == UV_TCP && uv_fileno(h, &fd) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &what, sizeof what) == 0)
    ++*(unsigned *)arg;
}

/* A message in the socket's error queue raises the error condition, which is
 * all that uv_poll_t reports of it: nothing has happened to the connection. */
Test(writer, an_error_condition_without_an_error_is_no_verdict) {
  struct rig r;
  unsigned set = 0;
  up_with_narrow_peer(&r, 64 << 10);
  uv_walk(&r.loop, report_acks, &set);
  cr_assert_eq(set, 1);
  write_pattern(&r, 8 * MIB);
  expect_pattern(&r, 8 * MIB, 50000);
  rig_turn(&r, 3);
  cr_assert_eq(r.taken, 8 * MIB);
  cr_assert_eq(r.count[ENDED], 0);
  rig_done(&r);
}

Test(writer, a_reset_with_bytes_pending_ends_it_and_not_the_program) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  write_pattern(&r, 8 * MIB);
  rig_turn(&r, 3);
  rig_reset_peer(&r);
  rig_wait(&r, ENDED, 1);
  cr_assert(r.status == UV_ECONNRESET || r.status == UV_EPIPE);
  rig_turn(&r, 5);
  rig_done(&r);
}

/* Nobody reads, so the wait for room is all that can notice. */
Test(writer, a_reset_is_noticed_by_a_stream_that_only_writes) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  rig_read(&r, false);
  write_pattern(&r, 8 * MIB);
  rig_turn(&r, 3);
  rig_reset_peer(&r);
  rig_wait(&r, ENDED, 1);
  cr_assert(r.status == UV_ECONNRESET || r.status == UV_EPIPE);
  rig_done(&r);
}

Test(writer, fin_then_reset_with_bytes_pending_ends_it_once) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  rig_read(&r, false);
  write_pattern(&r, 8 * MIB);
  shutdown(r.peer, SHUT_WR);
  rig_turn(&r, 3);
  rig_reset_peer(&r);
  rig_wait(&r, ENDED, 1);
  rig_done(&r);
}

/* The first write after the peer has gone draws the RST, the next one finds
 * the socket dead: that is where SIGPIPE would come. */
Test(writer, a_write_to_a_dead_socket_fails_and_ended_stays_silent) {
  struct rig r;
  int result = 0;
  up_with_narrow_peer(&r, 4096);
  rig_read(&r, false);
  rig_reset_peer(&r);
  for (int i = 0; i < 3 && result == 0; ++i)
    result = rig_write(&r, "x", 1);
  cr_assert(result == UV_EPIPE || result == UV_ECONNRESET);
  rig_turn(&r, 5);
  cr_assert_eq(r.count[ENDED], 0);
  cr_assert_eq(rig_write(&r, "x", 1), UV_ENOTCONN);
  rig_done(&r);
}

Test(writer, fin_then_writes_into_a_closed_peer_fail) {
  struct rig r;
  int result = 0;
  up_with_narrow_peer(&r, 4096);
  rig_read(&r, false);
  close(r.peer);
  r.peer = -1;
  for (int i = 0; i < 100 && result == 0; ++i)
    result = rig_write(&r, "x", 1);
  cr_assert(result == UV_EPIPE || result == UV_ECONNRESET);
  rig_done(&r);
}

static void finish(struct rig *r) {
  r->in_call = true;
  r->s->ops->finish(r->s);
  r->in_call = false;
}

Test(writer, finish_shows_the_end_after_all_bytes_and_still_reads) {
  struct rig r;
  uint8_t heard[8];
  ssize_t n = -1;
  up_with_narrow_peer(&r, 4096);
  cr_assert_eq(rig_write(&r, "bye", 3), 0);
  finish(&r);
  finish(&r);
  cr_assert_eq(rig_drain(&r, heard, sizeof heard), 3);
  for (int i = 0; i < 1000 && n < 0; ++i) {
    rig_turn(&r, 1);
    n = recv(r.peer, heard, sizeof heard, MSG_DONTWAIT);
  }
  cr_assert_eq(n, 0, "the peer does not see the end");
  cr_assert_eq(send(r.peer, "abc", 3, 0), 3);
  rig_wait(&r, BYTES, 1);
  cr_assert_eq(r.got.len, 3);
  cr_assert_eq(rig_write(&r, "x", 1), UV_EPIPE);
  rig_done(&r);
}

Test(writer, close_right_after_finish) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  finish(&r);
  rig_done(&r);
}

Test(writer, finish_after_the_end_means_nothing) {
  struct rig r;
  up_with_narrow_peer(&r, 4096);
  shutdown(r.peer, SHUT_WR);
  rig_wait(&r, ENDED, 1);
  finish(&r);
  rig_done(&r);
}

Test(writer, much_input_arrives_in_order) {
  struct rig r;
  uint8_t *p = make(4 * MIB);
  size_t at = 0;
  up_with_narrow_peer(&r, 4096);
  while (r.got.len < 4 * MIB) {
    ssize_t n = send(r.peer, p + at, 4 * MIB - at, MSG_DONTWAIT);
    at += n > 0 ? (size_t)n : 0;
    rig_turn(&r, 1);
  }
  cr_assert_eq(memcmp(r.got.data, p, 4 * MIB), 0);
  free(p);
  rig_done(&r);
}
