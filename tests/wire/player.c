#include "wire/player.h"
#include "base/alloc.h"
#include "base/err.h"
#include "wire/frame.h"
#include "wire/trace.h"

#include <stdlib.h>
#include <string.h>

struct play {
  struct um_frame frame;
  struct um_scratch scratch;
  struct um_buf *again;
  FILE *trace;
  int err;
};

static int play_packet(struct play *p, struct um_span span) {
  struct um_packet packet;
  int err = um_decode(span, &p->scratch, &packet);
  if (err)
    return err;
  uint8_t version = packet.type == UVMQTT_CONNECT ? packet.u.connect.version
                                                  : p->scratch.version;
  trace_packet(p->trace, version, &packet);
  if (p->again == NULL)
    return 0;
  size_t before = p->again->len, size = um_encoded_size(version, &packet);
  err = um_encode(p->again, version, &packet);
  if (err == 0 && p->again->len - before != size)
    fprintf(p->trace, "um_encoded_size is wrong\n");
  return err;
}

/* A copy of its own for every chunk, so that ASan sees any step outside. */
static void play_chunk(struct play *p, const uint8_t *bytes, size_t len) {
  struct um_span span;
  if (p->err || len == 0)
    return;
  uint8_t *chunk = malloc(len);
  memcpy(chunk, bytes, len);
  um_frame_push(&p->frame, chunk, len);
  int r;
  while ((r = um_frame_next(&p->frame, &span)) == 1)
    if ((r = play_packet(p, span)) != 0)
      break;
  p->err = r;
  free(chunk);
}

static void play_all(struct play *p, size_t cut, const uint8_t *bytes,
                     size_t len) {
  if (cut < len) {
    play_chunk(p, bytes, cut);
    play_chunk(p, bytes + cut, len - cut);
  } else
    for (size_t i = 0; i < len; i++)
      play_chunk(p, bytes + i, 1);
}

char *player_trace(const struct player *p, const uint8_t *bytes, size_t len,
                   struct um_buf *ret_again) {
  char *text = NULL;
  size_t text_len;
  struct play play = {.again = ret_again,
                      .trace = open_memstream(&text, &text_len)};
  play.scratch.version = p->version;
  play.scratch.from = p->from;
  um_frame_init(&play.frame, p->version, (uint32_t)p->limit);
  play_all(&play, p->cut, bytes, len);
  if (play.err)
    fprintf(play.trace, "error %s\n", trace_error(play.err));
  else if (um_frame_partial(&play.frame))
    fprintf(play.trace, "partial\n");
  um_frame_done(&play.frame);
  um_scratch_done(&play.scratch);
  fclose(play.trace);
  return text;
}
