/* session/inbox.h: QoS 2 messages received and not yet released, and how many
 * QoS 1 and 2 messages the server has open with us. Pure bookkeeping. */
#ifndef UM_SESSION_INBOX_H
#define UM_SESSION_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct um_inbox {
  uint8_t *open; /* bit per id: received and accepted, PUBREL not yet. Lives as
                    long as the session. NULL until the first. Behind it:
                    here, bit per id: opened on this connection, counts against
                    our Receive Maximum; so a redelivery is not counted twice;
                    held, bit per id, manual acknowledgement: came on this
                    connection, PUBREC not sent yet. Never without `here` */
  uint32_t n_open, n_here;
};

enum um_inbox_verdict {
  UM_INBOX_NEW,       /* deliver, then PUBREC */
  UM_INBOX_DUPLICATE, /* PUBREC again */
  UM_INBOX_HELD,      /* hold: its PUBREC has not been sent yet */
  UM_INBOX_RESENT,    /* hold: accepted on an earlier connection; PUBREC */
  UM_INBOX_OVER,      /* more than Receive Maximum */
  UM_INBOX_NOMEM,
};

void um_inbox_init(struct um_inbox *in);
void um_inbox_done(struct um_inbox *in);
/* A QoS 2 PUBLISH came. */
enum um_inbox_verdict um_inbox_receive(struct um_inbox *in, uint16_t id,
                                       uint16_t receive_maximum);
/* The same when the user acknowledges: NEW is not open before accept, and is
 * held, like RESENT, until answered. */
enum um_inbox_verdict um_inbox_hold(struct um_inbox *in, uint16_t id,
                                    uint16_t receive_maximum);
void um_inbox_accept(struct um_inbox *in, uint16_t id);
/* PUBREC was sent; refused: with an error, so the id is free. */
void um_inbox_answered(struct um_inbox *in, uint16_t id, bool refused);
bool um_inbox_is_held(const struct um_inbox *in, uint16_t id);
/* Would a QoS 2 PUBLISH with this id be a duplicate? */
bool um_inbox_knows(const struct um_inbox *in, uint16_t id);
/* A QoS 1 PUBLISH may come: is there room, and is its id free? */
bool um_inbox_has_room(const struct um_inbox *in, uint16_t receive_maximum);
bool um_inbox_is_open_here(const struct um_inbox *in, uint16_t id);
/* PUBREL came: true when the id was open. */
bool um_inbox_release(struct um_inbox *in, uint16_t id);
void um_inbox_new_connection(struct um_inbox *in);
void um_inbox_clear(struct um_inbox *in); /* the session is gone */

#endif
