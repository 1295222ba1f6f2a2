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

/* The others lie behind it. */
static uint8_t *here(const struct um_inbox *in) {
  return in->open == NULL ? NULL : in->open + BITMAP_BYTES;
}

static uint8_t *held(const struct um_inbox *in) {
  return in->open == NULL ? NULL : in->open + 2 * BITMAP_BYTES;
}

void um_inbox_init(struct um_inbox *in) {
  memset(in, 0, sizeof *in);
}

void um_inbox_done(struct um_inbox *in) {
  um_free(in->open);
  um_inbox_init(in);
}

/* All maps in one allocation, kept until done. */
static bool have_maps(struct um_inbox *in) {
  if (in->open != NULL)
    return true;
  in->open = um_calloc(3, BITMAP_BYTES);
  return in->open != NULL;
}

bool um_inbox_has_room(const struct um_inbox *in, uint16_t receive_maximum) {
  return in->n_here < receive_maximum;
}

bool um_inbox_is_open_here(const struct um_inbox *in, uint16_t id) {
  return test(here(in), id);
}

enum um_inbox_verdict um_inbox_receive(struct um_inbox *in, uint16_t id,
                                       uint16_t receive_maximum) {
  bool known = test(in->open, id) && !UM_MUTANT(1); /* mosquitto #1450 */
  if (test(here(in), id))
    return UM_INBOX_DUPLICATE;
  if (!um_inbox_has_room(in, receive_maximum))
    return UM_INBOX_OVER;
  if (!have_maps(in))
    return UM_INBOX_NOMEM;
  set(here(in), id);
  in->n_here++;
  if (known)
    return UM_INBOX_DUPLICATE;
  set(in->open, id);
  in->n_open++;
  return UM_INBOX_NEW;
}

enum um_inbox_verdict um_inbox_hold(struct um_inbox *in, uint16_t id,
                                    uint16_t receive_maximum) {
  if (test(held(in), id))
    return UM_INBOX_HELD;
  if (test(here(in), id))
    return UM_INBOX_DUPLICATE;
  if (!um_inbox_has_room(in, receive_maximum))
    return UM_INBOX_OVER;
  if (!have_maps(in))
    return UM_INBOX_NOMEM;
  set(here(in), id);
  in->n_here++;
  set(held(in), id);
  return test(in->open, id) ? UM_INBOX_RESENT : UM_INBOX_NEW;
}

void um_inbox_accept(struct um_inbox *in, uint16_t id) {
  set(in->open, id);
  in->n_open++;
}

void um_inbox_answered(struct um_inbox *in, uint16_t id, bool refused) {
  clear(held(in), id);
  if (!refused)
    return;
  clear(here(in), id);
  in->n_here--;
}

bool um_inbox_is_held(const struct um_inbox *in, uint16_t id) {
  return test(held(in), id);
}

bool um_inbox_knows(const struct um_inbox *in, uint16_t id) {
  return test(in->open, id) || test(here(in), id);
}

bool um_inbox_release(struct um_inbox *in, uint16_t id) {
  if (!test(in->open, id))
    return false;
  clear(in->open, id);
  in->n_open--;
  if (test(here(in), id)) {
    clear(here(in), id);
    in->n_here--;
  }
  return true;
}

void um_inbox_new_connection(struct um_inbox *in) {
  if (in->n_here != 0)
    memset(here(in), 0, 2 * BITMAP_BYTES); /* and held behind it */
  if (!UM_MUTANT(5)) /* redeliveries counted twice: a livelock */
    in->n_here = 0;
}

void um_inbox_clear(struct um_inbox *in) {
  um_inbox_new_connection(in);
  if (in->n_open != 0)
    memset(in->open, 0, BITMAP_BYTES);
  in->n_open = 0;
}
