#include "wire/frame.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/inline.h"
#include "base/mutant.h"

enum { LONGEST_HEADER = 5 };

void um_frame_init(struct um_frame *f, uint8_t version, uint32_t max_packet) {
  *f = (struct um_frame){.version = version, .parts_above = UINT32_MAX};
  um_buf_init(&f->rest, 0, NULL);
  um_frame_limit(f, max_packet);
}

void um_frame_limit(struct um_frame *f, uint32_t max_packet) {
  f->max_packet = max_packet;
  f->rest.max = max_packet < LONGEST_HEADER ? LONGEST_HEADER : max_packet;
}

void um_frame_done(struct um_frame *f) {
  uint32_t parts_above = f->parts_above;
  um_buf_done(&f->rest);
  um_frame_init(f, f->version, f->max_packet);
  f->parts_above = parts_above;
}

void um_frame_reset(struct um_frame *f) {
  um_frame_done(f);
}

void um_frame_parts_above(struct um_frame *f, uint32_t bytes) {
  f->parts_above = bytes == 0 ? UINT32_MAX : bytes;
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

/* As much of the chunk as the fragment lacks to hold n bytes. */
static int keep_up_to(struct um_frame *f, size_t n) {
  size_t missing = n - f->rest.len;
  return keep(f, missing < f->chunk_len ? missing : f->chunk_len);
}

/* What a packet over parts_above is, by its first `have` bytes. WHOLE: handed
 * out as always. HEAD: *ret is how long its header is, which may not be there
 * yet. MORE: so many bytes are needed to tell. Below 0: an error. */
enum { MORE, WHOLE = UM_FRAME_PACKET, HEAD = UM_FRAME_HEAD };

static int judge_type(const struct um_frame *f, const struct um_span *packet) {
  if (packet->data[0] >> 4 == UVMQTT_PUBLISH)
    return HEAD;
  bool fits = packet->len - f->parts_above <= UM_FRAME_HEAD_MAX;
  return fits ? WHOLE : UVMQTT_ETOOBIG;
}

/* The end of the topic, and of the packet identifier; then of the length of the
 * properties; then theirs. */
static int find_head_end(const struct um_frame *f, const struct um_span *packet,
                         size_t have, size_t *ret) {
  const uint8_t *data = packet->data;
  size_t at = packet->body;
  *ret = at + 2;
  if (have < *ret)
    return MORE;
  at += 2 + (size_t)(data[at] << 8 | data[at + 1]) + (data[0] & 6 ? 2 : 0);
  *ret = at;
  if (f->version != UM_V5)
    return HEAD;
  size_t properties = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    *ret = at + 1;
    if (have < *ret)
      return MORE;
    properties |= (size_t)(data[at] & 0x7F) << shift;
    if (!(data[at++] & 0x80)) {
      *ret = at + properties;
      return HEAD;
    }
  }
  return UVMQTT_EMALFORMED;
}

static int judge_large(const struct um_frame *f, const struct um_span *packet,
                       size_t have, size_t *ret) {
  int r = judge_type(f, packet);
  if (r != HEAD)
    return r;
  r = find_head_end(f, packet, have, ret);
  if (r < 0)
    return r;
  if (*ret > packet->len)
    return UVMQTT_EMALFORMED;
  if (*ret > UM_FRAME_HEAD_MAX)
    return UVMQTT_ETOOBIG;
  return r == HEAD && packet->len - *ret <= f->parts_above ? WHOLE : r;
}

/* WHOLE, HEAD when all of it is in the fragment, MORE or an error. */
static int gather_head(struct um_frame *f, struct um_span *ret) {
  size_t need = 0;
  int r;
  for (;;) {
    ret->data = um_buf_head(&f->rest);
    r = judge_large(f, ret, f->rest.len, &need);
    if (r < 0 || r == WHOLE || f->rest.len >= need)
      break;
    if (f->chunk_len == 0)
      return MORE;
    int err = keep_up_to(f, need);
    if (err)
      return err;
  }
  if (r == HEAD) {
    f->payload_left = (uint32_t)(ret->len - need);
    ret->len = need;
  }
  return r;
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
  if (ret->len > f->parts_above && (r = gather_head(f, ret)) != WHOLE)
    return r;
  r = keep_up_to(f, ret->len);
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

static int next_part(struct um_frame *f, struct um_span *ret) {
  size_t n = f->payload_left < f->chunk_len ? f->payload_left : f->chunk_len;
  if (n == 0)
    return 0;
  *ret = (struct um_span){f->chunk, n, 0};
  skip(f, n);
  f->payload_left -= (uint32_t)n;
  f->handed_out = f->payload_left == 0;
  return UM_FRAME_PART;
}

/* Into the fragment with the header, unless the packet is to stay whole. */
UM_APART static int begin_large(struct um_frame *f, struct um_span *ret) {
  size_t need = 0;
  int r = judge_large(f, ret, f->chunk_len, &need);
  if (r < 0 || r == WHOLE)
    return r;
  r = keep_up_to(f, need);
  return r ? r : finish_fragment(f, ret);
}

static int next_in_chunk(struct um_frame *f, struct um_span *ret) {
  int r = read_header(f, f->chunk, f->chunk_len, ret);
  if (r > 0 && ret->len > f->parts_above) {
    r = begin_large(f, ret);
    if (r != WHOLE)
      return r < 0 ? fail(f, r) : r;
  }
  if (r < 0)
    return fail(f, r);
  if (r == 0 || ret->len > f->chunk_len)
    return keep(f, f->chunk_len);
  skip(f, UM_MUTANT(40) ? f->chunk_len : ret->len); /* one packet a read */
  return 1;
}

UM_APART static void drop_fragment(struct um_frame *f) {
  um_buf_consume(&f->rest, f->rest.len);
  um_buf_release(&f->rest);
  f->handed_out = false;
}

UM_APART static int next_in_fragment(struct um_frame *f, struct um_span *ret) {
  int r = f->payload_left > 0 ? next_part(f, ret) : finish_fragment(f, ret);
  return r < 0 ? fail(f, r) : r;
}

int um_frame_next(struct um_frame *f, struct um_span *ret) {
  if (f->handed_out)
    drop_fragment(f);
  if (f->rest.len > 0)
    return next_in_fragment(f, ret);
  return f->chunk_len > 0 ? next_in_chunk(f, ret) : 0;
}
