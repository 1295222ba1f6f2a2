/* support/tls_front.h: a server's TLS in front of the scripted broker: what it
 * deciphers goes on to the broker's port, and back. On the loop of the test. */
#ifndef SUPPORT_TLS_FRONT_H
#define SUPPORT_TLS_FRONT_H

#include "support/pki.h"
#include <uv.h>
#include <uvmqtt/tls.h>

struct tls_front_link;

struct tls_front {
  uv_loop_t *loop;
  uv_tcp_t *listener;
  uint16_t port, broker_port;
  char url[64]; /* mqtts://localhost:port */
  struct pki ca, server;
  SSL_CTX *ctx;
  struct tls_front_link *links;
  /* what it saw */
  unsigned accepted, shaken, resumed;
  size_t plain;  /* bytes that clients said inside of TLS */
  size_t cipher; /* and in all */
  /* how it behaves */
  size_t stall_after; /* bytes of a client, then it neither reads nor says
                         anything more; SIZE_MAX: never */
};

/* The broker listens already. */
void tls_front_open(struct tls_front *f, uv_loop_t *loop, uint16_t broker_port);
/* Everything of it closes; the caller runs the loop, then calls done. */
void tls_front_close(struct tls_front *f);
void tls_front_done(struct tls_front *f);
/* The clients' connections end without a word: RST. */
void tls_front_cut(struct tls_front *f);
/* Another certificate from now on, of the same CA; takes it. */
void tls_front_use(struct tls_front *f, struct pki server);

/* A context that trusts it. */
uvmqtt_tls_t *tls_front_context(const struct tls_front *f);

#endif
