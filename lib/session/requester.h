/* session/requester.h: request and response (4.10). A request is published
 * once its reply topic is subscribed, and waits for the message that answers
 * it. Part of the session. */
#ifndef UM_SESSION_REQUESTER_H
#define UM_SESSION_REQUESTER_H

#include "session/correlation.h"
#include "session/mailbox.h"

struct um_request {
  struct um_list link;  /* of its mailbox, or without one */
  struct um_list all;   /* of all, oldest first */
  struct um_list timer; /* of those with a deadline, earliest first */
  struct um_table_link by_id;
  struct um_mailbox *mailbox; /* NULL: the reply topic is not known yet */
  struct um_op *held;         /* the message, until it is published */
  struct um_inner published;
  uint64_t id;
  uint64_t publish_id; /* of the PUBLISH while that is not complete, else 0 */
  uint64_t asked_at;
  uint64_t deadline;
  bool overdue; /* the deadline passed once; read once more, then act */
  bool over;    /* nothing can answer it any more */
  bool told;
  bool bare; /* published on 3.1.1: does not say where to answer, and to what */
  uvmqtt_reply_cb cb;
  void *arg;
  struct um_due due;
  uint8_t correlation[UM_CORRELATION_SIZE];
};

struct um_requester {
  struct um_list mailboxes;
  struct um_mailbox *own;  /* of this connection, NULL: not known yet */
  struct um_list homeless; /* requests that want the own one */
  struct um_list requests; /* all */
  struct um_list timers;
  struct um_table by_id;
  size_t n;            /* of them */
  uint64_t held_bytes; /* in messages held */
};

void um_requester_done(struct um_session *s);
/* CONNACK came: the own reply topic is known. */
void um_requester_online(struct um_session *s);
uint64_t um_requester_deadline(const struct um_session *s); /* or UM_NEVER */
void um_requester_tick(struct um_session *s);
/* Requests that the outbox does not hold, as it does while their PUBLISH waits
 * or is not acknowledged: they wait for the SUBACK or the answer. */
size_t um_requester_left(const struct um_session *s);
void um_requester_cancel_all(struct um_session *s, int status);
/* UM_ENOENT: no such request. Its callback will hear UM_ECANCELED. */
int um_requester_cancel(struct um_session *s, uint64_t id);

#endif
