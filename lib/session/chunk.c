#include "session/chunk.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/deliver.h"
#include <string.h>

static int make(struct um_session *s) {
  if (s->chunk != NULL)
    return 0;
  s->chunk = um_calloc(1, sizeof *s->chunk);
  if (s->chunk == NULL)
    return UM_ENOMEM;
  um_buf_init(&s->chunk->topic, UM_STRING_MAX + 1, NULL);
  return 0;
}

void um_chunk_done(struct um_session *s) {
  if (s->chunk != NULL) {
    um_buf_done(&s->chunk->topic);
    um_free(s->chunk->properties);
  }
  um_free(s->chunk);
  s->chunk = NULL;
}

bool um_chunk_is_under_way(const struct um_session *s) {
  return s->chunk != NULL && s->chunk->total != 0;
}

bool um_chunk_is_aborted(const struct um_session *s) {
  return s->chunk != NULL && s->chunk->aborted;
}

/* Other sessions decode before this message is over. */
static int keep_properties(struct um_chunk *c) {
  size_t n = c->packet.n_properties, size = n * sizeof *c->properties;
  if (n > c->cap_properties) {
    um_free(c->properties);
    c->properties = um_malloc(size);
    c->cap_properties = c->properties == NULL ? 0 : n;
  }
  if (n > c->cap_properties)
    return UM_ENOMEM;
  if (n != 0)
    memcpy(c->properties, c->packet.properties, size);
  c->packet.properties = c->properties;
  return 0;
}

static int keep_topic(struct um_chunk *c) {
  struct um_publish *publish = &c->packet.u.publish;
  um_buf_consume(&c->topic, c->topic.len);
  int r = um_buf_append(&c->topic, publish->topic, strlen(publish->topic) + 1);
  if (r == 0)
    publish->topic = (const char *)um_buf_head(&c->topic);
  return r;
}

int um_chunk_begin(struct um_session *s, const struct um_packet *p) {
  um_chunk_report(s); /* of the connection before */
  int r = make(s);
  struct um_chunk *c = s->chunk;
  if (r == 0)
    r = um_deliver_foresee(s, p, &c->swallow);
  if (r)
    return r;
  c->packet = *p;
  c->offset = 0;
  r = keep_properties(c);
  if (r == 0)
    r = keep_topic(c);
  c->total = r ? 0 : s->frame.payload_left;
  return r;
}

static void tell(struct um_session *s, size_t total, uint64_t token) {
  struct um_chunk *c = s->chunk;
  uvmqtt_message_t message;
  um_deliver_message(&c->packet, token, &message);
  uvmqtt_chunk_t chunk = {
      .message = &message,
      .offset = c->offset,
      .total = total,
      .last = total == UVMQTT_CHUNK_ABORTED || c->total == 0,
  };
  c->offset += message.payload.len;
  s->events->chunk(s->up, &chunk);
}

void um_chunk_deliver(struct um_session *s, uint64_t token) {
  struct um_chunk *c = s->chunk;
  size_t total = c->total;
  if (c->offset + c->packet.u.publish.payload.len == total)
    c->total = 0; /* over, whatever the user does now */
  tell(s, total, token);
}

/* As a whole message would be treated, now that it is one. A duplicate of one
 * that the user refused while this came needs no answer: PUBREC said it. */
static int finish(struct um_session *s) {
  struct um_chunk *c = s->chunk;
  int r = 0;
  if (!c->swallow || um_inbox_knows(&s->inbox, c->packet.id))
    r = um_deliver_publish(s, &c->packet);
  if (c->swallow)
    c->total = 0;
  return r;
}

int um_chunk_part(struct um_session *s, struct um_span part) {
  struct um_chunk *c = s->chunk;
  c->packet.u.publish.payload = (uvmqtt_bytes_t){part.data, part.len};
  um_keepalive_busy(&s->keepalive, s->now);
  if (s->frame.payload_left == 0)
    return finish(s);
  if (!c->swallow)
    um_chunk_deliver(s, 0);
  return 0;
}

void um_chunk_cut(struct um_session *s) {
  struct um_chunk *c = s->chunk;
  if (c == NULL)
    return;
  if (c->total != 0 && c->offset != 0 &&
      !UM_MUTANT(58)) /* of a duplicate it stays 0 */
    c->aborted = true;
  c->total = 0;
}

/* Its properties went with the connection. */
void um_chunk_report(struct um_session *s) {
  struct um_chunk *c = s->chunk;
  if (!um_chunk_is_aborted(s))
    return;
  c->aborted = false;
  c->packet.properties = NULL;
  c->packet.n_properties = 0;
  c->packet.u.publish.payload = (uvmqtt_bytes_t){NULL, 0};
  tell(s, UVMQTT_CHUNK_ABORTED, 0);
}
