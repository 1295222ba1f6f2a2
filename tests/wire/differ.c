#include "wire/differ.h"
#include "base/err.h"
#include "wire/frame.h"
#include "wire/reference.h"
#include "wire/trace.h"

#include <stdlib.h>
#include <string.h>

static enum verdict verdict_of(int err) {
  return err == 0                    ? FINE
         : err == UVMQTT_EPROTOCOL   ? PROTOCOL
         : err == UVMQTT_ETOPICALIAS ? ALIAS
                                     : MALFORMED;
}

struct ours {
  enum verdict verdict;
  char *trace;
  size_t trace_len;
  struct um_buf again; /* what um_encode makes of it */
  bool size_wrong;
};

static void note(struct ours *o, uint8_t version, const struct um_packet *p) {
  FILE *f = open_memstream(&o->trace, &o->trace_len);
  if (p->type == UVMQTT_CONNECT)
    version = p->u.connect.version;
  trace_packet(f, version, p);
  fclose(f);
  size_t size = um_encoded_size(version, p);
  o->size_wrong = um_encode(&o->again, version, p) != 0 || size != o->again.len;
}

static struct ours decode(const uint8_t *bytes, size_t len, uint8_t version,
                          uint8_t from) {
  struct ours o = {.verdict = MALFORMED};
  struct um_scratch scratch = {
      .version = version, .from = from, .max_properties = SIZE_MAX};
  struct um_frame frame;
  struct um_span span;
  struct um_packet packet;
  uint8_t *copy = malloc(len + 1);
  um_buf_init(&o.again, SIZE_MAX, NULL);
  um_frame_init(&frame, version, UM_PACKET_MAX + 5);
  /* at the very end of its memory, for ASan */
  memcpy(copy + 1, bytes, len);
  um_frame_push(&frame, copy + 1, len);
  if (um_frame_next(&frame, &span) == 1 && span.len == len) {
    o.verdict = verdict_of(um_decode(span, &scratch, &packet));
    if (o.verdict == FINE)
      note(&o, version, &packet);
  }
  free(copy);
  um_frame_done(&frame);
  um_scratch_done(&scratch);
  return o;
}

static void ours_free(struct ours *o) {
  free(o->trace);
  um_buf_done(&o->again);
}

static char *complaint(const char *what, const char *a, const char *b) {
  char *text = NULL;
  size_t len;
  FILE *f = open_memstream(&text, &len);
  fprintf(f, "%s\nours      %s\nreference %s", what, a ? a : "-", b ? b : "-");
  fclose(f);
  return text;
}

static const char *const names[] = {"fine", "malformed", "protocol error",
                                    "alias"};

/* Decoding what we encoded gives the same packet and the same bytes. */
static char *round_trip(const struct ours *o, uint8_t version, uint8_t from) {
  struct ours second =
      decode(um_buf_head(&o->again), o->again.len, version, from);
  char *wrong = NULL;
  if (o->size_wrong)
    wrong = complaint("encoded size", o->trace, "");
  else if (second.verdict != FINE || strcmp(o->trace, second.trace) != 0)
    wrong = complaint("decoded again", o->trace, second.trace);
  else if (second.again.len != o->again.len ||
           memcmp(um_buf_head(&second.again), um_buf_head(&o->again),
                  o->again.len) != 0)
    wrong = complaint("encoded again", o->trace, second.trace);
  ours_free(&second);
  return wrong;
}

char *differ(const uint8_t *bytes, size_t len, uint8_t version, uint8_t from,
             int how, bool *ret_accepted) {
  char *trace = NULL, *wrong = NULL;
  size_t trace_len;
  FILE *f = open_memstream(&trace, &trace_len);
  enum verdict v = ref_decode(bytes, len, version, from == UM_SERVER, f);
  fclose(f);
  struct ours o = decode(bytes, len, version, from);
  if (ret_accepted)
    *ret_accepted = o.verdict == FINE;
  if (how == VERDICT_EXACT ? v != o.verdict
                           : (v == FINE) != (o.verdict == FINE))
    wrong = complaint("verdict", names[o.verdict], names[v]);
  else if (v == FINE && strcmp(trace, o.trace) != 0)
    wrong = complaint("trace", o.trace, trace);
  else if (v == FINE)
    wrong = round_trip(&o, version, from);
  ours_free(&o);
  free(trace);
  return wrong;
}
