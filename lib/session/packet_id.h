/* session/packet_id.h: 16-bit packet identifiers and who holds them.
 *
 * One number space for PUBLISH, SUBSCRIBE and UNSUBSCRIBE. An id is never
 * given out while it is held ([MQTT-2.2.1-3/5], [MQTT-2.3.1-2/311]); handing
 * out goes round so that a freed id rests as long as possible. */
#ifndef UM_SESSION_PACKET_ID_H
#define UM_SESSION_PACKET_ID_H

#include <stddef.h>
#include <stdint.h>

struct um_id_book;

struct um_packet_ids {
  struct um_id_book *book; /* made for the first id; NULL: none was taken */
  void **spare;            /* an emptied page, kept for the next */
  uint16_t last;
  size_t n;
};

void um_packet_ids_init(struct um_packet_ids *ids);
void um_packet_ids_done(struct um_packet_ids *ids);
/* 1..65,535, or 0 when all are held or memory is out. holder is not NULL. */
uint16_t um_packet_id_take(struct um_packet_ids *ids, void *holder);
/* The holder, NULL when the id is free. */
void *um_packet_id_find(const struct um_packet_ids *ids, uint16_t id);
void um_packet_id_give_back(struct um_packet_ids *ids, uint16_t id);

#endif
