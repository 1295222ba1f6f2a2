/* session/mailbox.h: the topics that replies come to. Part of the session. */
#ifndef UM_SESSION_MAILBOX_H
#define UM_SESSION_MAILBOX_H

#include "session/filters.h"

/* A topic that replies come to; subscribed once and kept. */
struct um_mailbox {
  struct um_list link; /* of all mailboxes */
  struct um_session *session;
  uvmqtt_handler_t *handler; /* NULL: not subscribed */
  bool open;                 /* the server granted it */
  struct um_inner granted;
  struct um_list waiting; /* requests, until it is open */
  struct um_list sent;    /* requests, published, oldest first */
  char *topic;            /* behind this struct */
};

void um_mailboxes_done(struct um_list *mailboxes);
/* NULL: none. */
struct um_mailbox *um_mailbox_find(const struct um_session *s,
                                   const char *topic);
/* Found or made; NULL: no memory. */
struct um_mailbox *um_mailbox_at(struct um_session *s, const char *topic);
/* Do replies come? The subscription may have been ended by somebody else:
 * refused when it was to be restored, or by uvmqtt_unsubscribe. */
bool um_mailbox_is_open(const struct um_mailbox *b);
/* The topic of this connection's own mailbox, to be freed: from the server's
 * Response Information or else from the Client Identifier. UVMQTT_ETOPIC: it
 * makes no topic. UM_ENOMEM. */
int um_mailbox_own_topic(const struct um_session *s, char **ret);

#endif
