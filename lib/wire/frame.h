/* wire/frame.h: a byte stream cut into whole packets.
 *
 * Whole packets are handed out where they lie, in the caller's chunk; only a
 * trailing fragment is copied, into memory that grows with what has arrived,
 * never with what was announced.
 *
 * On request a PUBLISH with a large payload is cut further: first its header,
 * topic and properties included, which is copied and stays until the next
 * packet; then its payload in parts, where they lie. */
#ifndef UM_WIRE_FRAME_H
#define UM_WIRE_FRAME_H

#include "wire/packet.h"

/* A header beside a payload in parts is longer: UVMQTT_ETOOBIG. */
#define UM_FRAME_HEAD_MAX (1024u * 1024)

/* What um_frame_next hands out. */
enum { UM_FRAME_PACKET = 1, UM_FRAME_HEAD, UM_FRAME_PART };

struct um_frame {
  struct um_buf rest; /* a fragment: the beginning of one packet */
  uint8_t *chunk;     /* what is left of the chunk being read */
  size_t chunk_len;
  uint32_t max_packet;   /* of a whole packet, header included */
  uint32_t parts_above;  /* payloads that are cut; UINT32_MAX: none */
  uint32_t payload_left; /* behind a header handed out; 0: not in parts */
  uint8_t version;       /* overlong lengths are malformed in 5.0 only */
  bool handed_out;       /* the fragment became the packet last returned */
};

void um_frame_init(struct um_frame *f, uint8_t version, uint32_t max_packet);

/* From the next packet on; max_packet may be less than a header has. */
void um_frame_limit(struct um_frame *f, uint32_t max_packet);
void um_frame_done(struct um_frame *f);
void um_frame_reset(struct um_frame *f); /* new connection: forgets all */

/* Payloads over `bytes` come in parts from the next packet on; 0: none. What is
 * held whole is then at most `bytes` and UM_FRAME_HEAD_MAX; a larger packet,
 * or a larger header of one in parts, is UVMQTT_ETOOBIG. */
void um_frame_parts_above(struct um_frame *f, uint32_t bytes);

/* Hands in a chunk. It must stay in place, and may be overwritten in place by
 * decoding, until um_frame_next has returned 0 or an error. */
void um_frame_push(struct um_frame *f, uint8_t *data, size_t len);

/* PACKET: *ret is the next whole packet, valid until the next call. HEAD: *ret
 * is the beginning of a PUBLISH, up to its payload; it decodes like one with
 * none, and stays until the last part was handed out and next is called again;
 * payload_left is the payload's size. PART: *ret is more of that payload, with
 * body 0; payload_left follows. 0: the chunk is used up, a fragment may have
 * been kept. Below 0: UVMQTT_EMALFORMED (length
 * of five bytes; overlong in 5.0), UVMQTT_ETOOBIG (over max_packet: known from
 * the header, before the body), UM_ENOMEM. After an error only reset. */
int um_frame_next(struct um_frame *f, struct um_span *ret);

/* Is a packet begun and not finished? */
bool um_frame_partial(const struct um_frame *f);

#endif
