/* support/broker.h: the other end of the wire, scripted, on the loop of the
 * client under test. A test reads as a conversation:
 *
 *   broker_hears(&b, "CONNECT version=5 ...");
 *   broker_says(&b, "CONNACK");
 *   broker_hears(&b, "PUBLISH topic=t payload=x");
 *   broker_resets(&b);
 *
 * Text is that of support/packets.h. What is heard is decoded with the server's
 * side of lib/wire; an illegal packet fails the test. */
#ifndef SUPPORT_BROKER_H
#define SUPPORT_BROKER_H

#include "support/packets.h"
#include <uv.h>

/* One accepted connection; broker.link is the latest. */
struct broker_link {
  uv_tcp_t tcp; /* first */
  struct broker *broker;
  struct broker_link *next;
  struct um_buf in;
  uint8_t version; /* as CONNECT said */
  bool greeted;    /* polite: CONNECT came */
  bool ended;      /* the client closed or reset */
  int end;         /* UV_EOF or what else */
  bool closing;
};

struct broker {
  uv_loop_t *loop;
  uv_tcp_t *listener; /* NULL: refuses */
  uint16_t port;
  char url[64];
  struct broker_link *link; /* the latest, NULL before the first */
  struct broker_link *links;
  unsigned accepted;
  /* How it behaves; tests set it. */
  bool deaf;    /* accepts and does not read */
  bool polite;  /* answers everything by itself, see broker.c */
  bool echo;    /* polite, and PUBLISH QoS 0 goes back to its sender */
  bool mute;    /* polite but for PINGREQ */
  bool in_turn; /* a new connection becomes broker.link when the test has heard
                   the one before to its end and listens on */
  int rcvbuf;   /* SO_RCVBUF of the listener, 0: the system's */
  void (*bytes)(struct broker_link *l, const uint8_t *data, size_t len);
  void *arg;          /* for bytes, which replaces all reading */
  unsigned heard[16]; /* polite: how many of each type */
};

void broker_open(struct broker *b, uv_loop_t *loop);
/* Everything of it closes; the caller runs the loop. */
void broker_close(struct broker *b);

/* Nobody listens from here on; the same port again. */
void broker_refuses(struct broker *b);
void broker_listens(struct broker *b);
void broker_listens_at(struct broker *b, const char *ip);

/* The next whole packet of the latest connection as text, NULL: none yet. */
const char *broker_next(struct broker *b);
/* All words in any order; "..." at the end: there may be more. */
bool broker_matches(const char *got, const char *expected);

/* Does not wait: what the kernel does not take fails the test. */
void broker_says(struct broker *b, const char *line);
void broker_sends(struct broker_link *l, const void *data, size_t len);
void broker_reads(struct broker_link *l); /* again */
void broker_moves_on(struct broker *b);   /* in_turn: if there is a reason */
/* FIN; reading goes on. */
void broker_finishes(struct broker *b);
/* Closes: FIN, or RST when there was something unread. */
void broker_hangs_up(struct broker *b);
/* RST in any case. */
void broker_resets(struct broker *b);

/* A polite one on a thread and a loop of its own, where neither its memory nor
 * its turns count for the client. */
struct broker_thread {
  struct broker b;
  uv_loop_t loop;
  uv_async_t stop;
  uv_thread_t thread;
};

void broker_start(struct broker_thread *t);
void broker_stop(struct broker_thread *t); /* waits for it */

#endif
