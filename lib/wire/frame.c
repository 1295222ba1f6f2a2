#include "wire/frame.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"

enum { LONGEST_HEADER = 5 };

void um_frame_init(struct um_frame *f, uint8_t version, size_t max_packet) {
  *f = (struct um_frame){.version = version, .max_packet = max_packet};
  size_t room = max_packet < LONGEST_HEADER ? LONGEST_HEADER : max_packet;
  um_buf_init(&f->rest, room, NULL);
}

void um_frame_done(struct um_frame *f) {
  um_buf_done(&f->rest);
  um_frame_init(f, f->version, f->max_packet);
}

void um_frame_reset(struct um_frame *f) {
  um_frame_done(f);
}

void um_frame_push(struct um_frame *f, uint8_t *data, size_t len) {
  f->chunk = data;
  f->chunk_len = len;
}

bool um_frame_partial(const struct um_frame *f) {
  return f->rest.len > 0 && !f->handed_out;
}

/* Reads the fixed header at the front of len bytes. 1: *ret tells the packet's
 * extent, of which some may still be missing. 0: the header is cut short. */
static int read_header(const struct um_frame *f, uint8_t *data, size_t len,
                       struct um_span *ret) {
  size_t at = 1, left = 0;
  uint8_t c;
  do {
    if (at >= LONGEST_HEADER)
      return UVMQTT_EMALFORMED;
    if (at >= len)
      return 0;
    c = data[at];
    left |= (size_t)(c & 0x7F) << (7 * (at - 1));
    at++;
  } while (c & 0x80);
  /* [MQTT-1.5.5-1/5]; 3.1.1 has no such rule */
  if (c == 0 && at > 2 && f->version == UM_V5)
    return UVMQTT_EMALFORMED;
  *ret = (struct um_span){data, at + left, at};
  return ret->len > f->max_packet ? UVMQTT_ETOOBIG : 1;
}

static void skip(struct um_frame *f, size_t n) {
  f->chunk += n;
  f->chunk_len -= n;
}

static int keep(struct um_frame *f, size_t n) {
  int err = um_buf_append(&f->rest, f->chunk, n);
  skip(f, n);
  return err;
}

/* The packet that begins in the fragment: first its header, byte by byte, then
 * as much of the rest as the chunk has. */
static int finish_fragment(struct um_frame *f, struct um_span *ret) {
  int r;
  while ((r = read_header(f, um_buf_head(&f->rest), f->rest.len, ret)) == 0) {
    if (f->chunk_len == 0)
      return 0;
    r = keep(f, 1);
    if (r)
      return r;
  }
  if (r < 0)
    return r;
  size_t missing = ret->len - f->rest.len;
  r = keep(f, missing < f->chunk_len ? missing : f->chunk_len);
  if (r)
    return r;
  if (f->rest.len < ret->len)
    return 0;
  ret->data = um_buf_head(&f->rest);
  f->handed_out = true;
  return 1;
}

static int fail(struct um_frame *f, int err) {
  f->chunk_len = 0;
  return err;
}

static int next_in_chunk(struct um_frame *f, struct um_span *ret) {
  int r = read_header(f, f->chunk, f->chunk_len, ret);
  if (r < 0)
    return fail(f, r);
  if (r == 0 || ret->len > f->chunk_len)
    return keep(f, f->chunk_len);
  skip(f, UM_MUTANT(40) ? f->chunk_len : ret->len); /* one packet a read */
  return 1;
}

int um_frame_next(struct um_frame *f, struct um_span *ret) {
  if (f->handed_out) {
    um_buf_consume(&f->rest, f->rest.len);
    um_buf_release(&f->rest);
    f->handed_out = false;
  }
  if (f->rest.len > 0) {
    int r = finish_fragment(f, ret);
    return r < 0 ? fail(f, r) : r;
  }
  return f->chunk_len > 0 ? next_in_chunk(f, ret) : 0;
}
