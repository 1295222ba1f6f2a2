/* session/families.h: the bad and the odd input of research/reliability.md 1.3
 * as data: what the server sends, what comes of it. */
#ifndef SESSION_FAMILIES_H
#define SESSION_FAMILIES_H

#include <stddef.h>
#include <stdint.h>

enum { V5 = 1, V311 = 2, BOTH = V5 | V311 };

/* A violation's answer in 5.0, a DISCONNECT, follows from its result; 3.1.1
 * answers nothing. */
struct family {
  const char *name;
  unsigned versions;
  const char *says;  /* lines of support/packets.h, between " / " */
  int result;        /* of um_session_feed; 0: the connection stays */
  const char *hears; /* what we send before that; NULL: nothing */
  const char *log;   /* what callbacks say, ';' behind each; NULL: nothing */
};

/* Online, with Receive Maximum 4 and Topic Alias Maximum 2 announced. Under
 * way: PUBLISH 1 ("p1", QoS 1), 2 ("p2", QoS 2) and 3 ("p3", QoS 2, its PUBREL
 * is sent), SUBSCRIBE 4 of two filters ("s"), UNSUBSCRIBE 5 ("u"); QoS 2
 * message 9 of the server is delivered and not released. */
extern const struct family families_online[];
/* CONNECT is sent, nothing under way. */
extern const struct family families_greeting[];
extern const size_t n_families_online, n_families_greeting;

/* Those that need time, several connections or a socket: where they are. */
extern const struct elsewhere {
  const char *name, *file; /* below tests */
} families_elsewhere[];
extern const size_t n_families_elsewhere;

#endif
