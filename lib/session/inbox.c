#include "session/inbox.h"

#include "base/alloc.h"
#include "base/mutant.h"
#include <string.h>

#define BITMAP_BYTES (65536u / 8)

static bool test(const uint8_t *map, uint16_t id) {
  return map != NULL && (map[id >> 3] >> (id & 7) & 1);
}

static void set(uint8_t *map, uint16_t id) {
  map[id >> 3] = (uint8_t)(map[id >> 3] | 1u << (id & 7));
}

static void clear(uint8_t *map, uint16_t id) {
  map[id >> 3] = (uint8_t)(map[id >> 3] & ~(1u << (id & 7)));
}

void um_inbox_init(struct um_inbox *in) {
  memset(in, 0, sizeof *in);
}

void um_inbox_done(struct um_inbox *in) {
  um_free(in->open);
  um_inbox_init(in);
}

/* Both maps in one allocation, kept until done. */
static bool have_maps(struct um_inbox *in) {
  if (in->open == NULL)
    in->open = um_calloc(2, BITMAP_BYTES);
  in->here = in->open == NULL ? NULL : in->open + BITMAP_BYTES;
  return in->open != NULL;
}

bool um_inbox_has_room(const struct um_inbox *in, uint16_t receive_maximum) {
  return in->n_here < receive_maximum;
}

bool um_inbox_is_open_here(const struct um_inbox *in, uint16_t id) {
  return test(in->here, id);
}

enum um_inbox_verdict um_inbox_receive(struct um_inbox *in, uint16_t id,
                                       uint16_t receive_maximum) {
  bool known = test(in->open, id) && !UM_MUTANT(1); /* mosquitto #1450 */
  if (test(in->here, id))
    return UM_INBOX_DUPLICATE;
  if (!um_inbox_has_room(in, receive_maximum))
    return UM_INBOX_OVER;
  if (!have_maps(in))
    return UM_INBOX_NOMEM;
  set(in->here, id);
  in->n_here++;
  if (known)
    return UM_INBOX_DUPLICATE;
  set(in->open, id);
  in->n_open++;
  return UM_INBOX_NEW;
}

bool um_inbox_release(struct um_inbox *in, uint16_t id) {
  if (!test(in->open, id))
    return false;
  clear(in->open, id);
  in->n_open--;
  if (test(in->here, id)) {
    clear(in->here, id);
    in->n_here--;
  }
  return true;
}

void um_inbox_new_connection(struct um_inbox *in) {
  if (in->n_here != 0)
    memset(in->here, 0, BITMAP_BYTES);
  if (!UM_MUTANT(5)) /* redeliveries counted twice: a livelock */
    in->n_here = 0;
}

void um_inbox_clear(struct um_inbox *in) {
  um_inbox_new_connection(in);
  if (in->n_open != 0)
    memset(in->open, 0, BITMAP_BYTES);
  in->n_open = 0;
}
