#include "session/packet_id.h"

#include "base/alloc.h"
#include "base/mutant.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define PAGES 256u
#define PAGE_HOLDERS 256u
#define IDS_MAX 65535u

struct um_id_book {
  void **page[PAGES];   /* the holders, made on demand */
  uint16_t used[PAGES]; /* holders in the page */
};

void um_packet_ids_init(struct um_packet_ids *ids) {
  memset(ids, 0, sizeof *ids);
}

static void free_book(struct um_id_book *book) {
  if (book == NULL)
    return;
  for (size_t i = 0; i < PAGES; i++)
    um_free(book->page[i]);
  um_free(book);
}

void um_packet_ids_done(struct um_packet_ids *ids) {
  free_book(ids->book);
  um_free(ids->spare);
  um_packet_ids_init(ids);
}

void *um_packet_id_find(const struct um_packet_ids *ids, uint16_t id) {
  void **page = ids->book == NULL ? NULL : ids->book->page[id >> 8];
  return page == NULL ? NULL : page[id & 255];
}

/* The next free id after `last`, going round; full pages are passed at once. */
static uint16_t next_free(const struct um_packet_ids *ids) {
  uint16_t id = ids->last;
  for (;;) {
    id++;
    if (id == 0) /* [MQTT-2.2.1-3/5], [MQTT-2.3.1-1/311] */
      continue;
    if (ids->book->used[id >> 8] == PAGE_HOLDERS)
      id |= 255;
    else if (um_packet_id_find(ids, id) == NULL || UM_MUTANT(11))
      return id;
  }
}

static void **open_page(struct um_packet_ids *ids, size_t i) {
  void ***page = &ids->book->page[i];
  if (*page != NULL)
    return *page;
  *page = ids->spare;
  ids->spare = NULL;
  if (*page == NULL)
    *page = um_calloc(PAGE_HOLDERS, sizeof(void *));
  return *page;
}

static bool open_book(struct um_packet_ids *ids) {
  if (ids->book == NULL)
    ids->book = um_calloc(1, sizeof *ids->book);
  return ids->book != NULL;
}

uint16_t um_packet_id_take(struct um_packet_ids *ids, void *holder) {
  assert(holder != NULL);
  if (ids->n == IDS_MAX || !open_book(ids))
    return 0;
  uint16_t id = next_free(ids);
  void **page = open_page(ids, id >> 8);
  if (page == NULL)
    return 0;
  page[id & 255] = holder;
  ids->book->used[id >> 8]++;
  ids->n++;
  ids->last = id;
  return id;
}

void um_packet_id_give_back(struct um_packet_ids *ids, uint16_t id) {
  size_t i = id >> 8;
  assert(um_packet_id_find(ids, id) != NULL);
  ids->book->page[i][id & 255] = NULL;
  ids->n--;
  if (--ids->book->used[i] != 0)
    return;
  um_free(ids->spare);
  ids->spare = ids->book->page[i];
  ids->book->page[i] = NULL;
}
