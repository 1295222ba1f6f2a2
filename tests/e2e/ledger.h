/* ledger.h: many numbered messages at QoS 1 and 2, and what became of each. */
#ifndef E2E_LEDGER_H
#define E2E_LEDGER_H

#include "e2e/peer.h"

struct ledger;

struct entry {
  struct ledger *ledger;
  int status;         /* of its completion */
  unsigned era;       /* the ledger's at that time */
  unsigned completed; /* times */
  unsigned received;  /* times */
};

struct ledger {
  const char *topic;
  unsigned n;            /* of each QoS */
  struct entry *sent[3]; /* by QoS; [0] is unused */
  unsigned completed;    /* completions of both QoS */
  unsigned arrived[3];   /* messages that came at least once, by QoS */
  unsigned era;          /* counted up by the test */
};

void ledger_open(struct ledger *l, const char *topic, unsigned n);
void ledger_close(struct ledger *l);

/* Asks p to publish all of them, QoS 1 and 2 by turns. */
void ledger_publish(struct ledger *l, struct peer *p);

/* Makes p enter into the ledger what it receives. */
void ledger_receive(struct ledger *l, struct peer *p);

/* Each completed exactly once, with status 0. */
void ledger_expect_completed(const struct ledger *l);
/* Each QoS 1 message came, each QoS 2 message came exactly once. */
void ledger_expect_received(const struct ledger *l);

#endif
