/* session/chunk.h: a large message, delivered in parts as they arrive. Of it
 * only the header is held: topic and properties. Part of the session.
 *
 * While parts are coming no other packet can come, so there is one at a time.
 * Nothing is noted of it before its last part: when the connection ends sooner,
 * its redelivery is a new message. */
#ifndef UM_SESSION_CHUNK_H
#define UM_SESSION_CHUNK_H

#include "base/buf.h"
#include "wire/packet.h"

struct um_session;

struct um_chunk {
  struct um_packet packet;       /* borrows from the frame and from: */
  uvmqtt_property_t *properties; /* copies; their strings are in the frame */
  size_t cap_properties;
  struct um_buf topic; /* a copy, which outlives the connection */
  size_t total;        /* of the payload; 0: no message is under way */
  size_t offset;       /* of the next part */
  bool swallow;        /* a duplicate: taken in, not delivered */
  bool aborted;        /* the user has seen parts of one that never ends */
};

bool um_chunk_is_under_way(const struct um_session *s);
/* Is there one for um_chunk_report? */
bool um_chunk_is_aborted(const struct um_session *s);

void um_chunk_done(struct um_session *s);

/* The header of a PUBLISH whose payload will follow in parts; the next part;
 * 0 or the error that ends the connection. */
int um_chunk_begin(struct um_session *s, const struct um_packet *p);
int um_chunk_part(struct um_session *s, struct um_span part);
/* Hands the part in the packet to the user; the last one with its token. */
void um_chunk_deliver(struct um_session *s, uint64_t token);
/* The connection is gone; report then tells, in settle or before the next. */
void um_chunk_cut(struct um_session *s);
void um_chunk_report(struct um_session *s);

#endif
