/* wire/frame.h: a byte stream cut into whole packets.
 *
 * Whole packets are handed out where they lie, in the caller's chunk; only a
 * trailing fragment is copied, into memory that grows with what has arrived,
 * never with what was announced. */
#ifndef UM_WIRE_FRAME_H
#define UM_WIRE_FRAME_H

#include "wire/packet.h"

struct um_frame {
  struct um_buf rest; /* a fragment: the beginning of one packet */
  uint8_t version;    /* overlong lengths are malformed in 5.0 only */
  size_t max_packet;  /* of a whole packet, header included */
  uint8_t *chunk;     /* what is left of the chunk being read */
  size_t chunk_len;
  bool handed_out; /* the fragment became the packet last returned */
};

void um_frame_init(struct um_frame *f, uint8_t version, size_t max_packet);
void um_frame_done(struct um_frame *f);
void um_frame_reset(struct um_frame *f); /* new connection: forgets all */

/* Hands in a chunk. It must stay in place, and may be overwritten in place by
 * decoding, until um_frame_next has returned 0 or an error. */
void um_frame_push(struct um_frame *f, uint8_t *data, size_t len);

/* 1: *ret is the next whole packet, valid until the next call. 0: the chunk is
 * used up, a fragment may have been kept. Below 0: UVMQTT_EMALFORMED (length
 * of five bytes; overlong in 5.0), UVMQTT_ETOOBIG (over max_packet: known from
 * the header, before the body), UM_ENOMEM. After an error only reset. */
int um_frame_next(struct um_frame *f, struct um_span *ret);

/* Is a packet begun and not finished? */
bool um_frame_partial(const struct um_frame *f);

#endif
