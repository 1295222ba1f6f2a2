/* peer.h: a client that remembers what its callbacks said, and calls that wait
 * for their end. */
#ifndef E2E_PEER_H
#define E2E_PEER_H

#include "e2e/site.h"

#define PEER_NOTICES 16

struct heard { /* a message that came */
  char *topic;
  char *payload; /* ends with a NUL of ours */
  size_t len;
  uint8_t qos;
  bool retain;
};

struct peer {
  struct host *host;
  struct peer *next; /* of host->peers */
  uvmqtt_t *m;
  bool online, closed;

  struct heard *heard;
  size_t n_heard;
  /* When set, messages go there and are not kept. */
  void (*inspect)(struct peer *p, const uvmqtt_message_t *message);
  void *arg; /* for inspect */

  unsigned connects; /* on_connect so far, and what the last one said */
  uvmqtt_connack_t connack;
  char client_id[64];

  unsigned disconnects; /* on_disconnect so far, and the last one */
  uvmqtt_error_t error;
  int64_t retry_in;
  char hint[200];

  unsigned notices[PEER_NOTICES];
  size_t lost_messages; /* of SESSION_LOST */
};

/* The end of a request. */
struct outcome {
  unsigned n;
  int status;
  uint8_t reason;
};
void outcome_cb(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg);

/* Fills in what the site needs; url only when it is NULL. */
struct peer *peer_new(struct host *h, const struct site *s,
                      const uvmqtt_options_t *options);
/* And connects it. client_id is made unique. */
struct peer *peer_online(struct host *h, const struct site *s,
                         const char *client_id);
void peer_close(struct peer *p);

void peer_connect(struct peer *p);
void peer_leave(struct peer *p); /* says DISCONNECT */
void peer_subscribe(struct peer *p, const char *filter, uint8_t qos);
void peer_unsubscribe(struct peer *p, const char *filter);
void peer_send(struct peer *p, const uvmqtt_message_t *message);
void peer_publish(struct peer *p, const char *topic, const char *text,
                  uint8_t qos);

/* Waits for message number i (from 0) and asserts what it is. */
const struct heard *peer_hears(struct peer *p, size_t i, const char *topic,
                               const char *text);
/* All that was on its way has come: sends itself something and waits for it.
 * Needs a subscription to unique("#"); the message is taken out again. */
void peer_sync(struct peer *p);

#endif
