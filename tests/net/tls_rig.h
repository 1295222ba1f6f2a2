/* net/tls_rig.h: the TLS layer over a memory stream, and OpenSSL as the server
 * at its other end. Nothing happens but by the test's calls. */
#ifndef NET_TLS_RIG_H
#define NET_TLS_RIG_H

#include "net/fault.h"
#include "net/moment.h"
#include "net/security.h"
#include "net/tls.h"
#include "support/memstream.h"
#include "support/pki.h"

struct tls_rig {
  uv_loop_t loop;
  struct um_turns turns;
  struct pki ca, server;
  uvmqtt_tls_t *tls; /* trusts ca */
  const char *host;  /* "localhost" */
  uint16_t port;

  struct um_stream *s;
  struct memstream *below;
  uint8_t scratch[UM_TLS_SCRATCH];
  unsigned count[MOMENTS];
  void (*on[MOMENTS])(struct tls_rig *r);
  bool in_call, closing;
  bool poison; /* OpenSSL's error queue holds somebody's error all the time */
  int status;
  struct um_fault fault;       /* at ENDED */
  struct um_security security; /* at CONNECTED */
  char version[16];
  struct um_buf got;
  size_t taken, written;

  SSL_CTX *peer_ctx; /* the test may change it before rig_connect */
  SSL *peer;
  BIO *peer_in, *peer_out;
  struct um_buf peer_got;
  bool peer_mute; /* what it says is not delivered */
  bool peer_done; /* handshake over */
  int peer_error; /* of SSL_get_error, when it gave up */
  size_t cut;     /* bytes in each delivery; 0: all */
  size_t sent;    /* bytes the client sent in all */
};

void rig_init(struct tls_rig *r);
/* Closes what is open; uv_loop_close() must be 0. */
void rig_done(struct tls_rig *r);

/* A server of this certificate, which r->ca signs. */
void rig_serve(struct tls_rig *r, const struct pki_wish *w);
void rig_expect_code(const struct tls_rig *r, int verify_code);
/* What the user has said of CAs is void: those of the system, which are these.
 */
void rig_forget_ca(struct tls_rig *r);
void rig_make_system_trust(const struct pki *ca);
void rig_use_server(struct tls_rig *r, struct pki server); /* takes it */
void rig_open(struct tls_rig *r);
void rig_connect(struct tls_rig *r); /* opens, and below is connected */
/* Carries bytes both ways until neither has any. */
void rig_carry(struct tls_rig *r);
void rig_up(struct tls_rig *r); /* handshake done and reading, asserted */
/* The handshake must fail with this code, a text with this in it, and without
 * anything told to the server. */
void rig_refuses(struct tls_rig *r, int code, const char *text);
void rig_close(struct tls_rig *r);
/* For another connection of the same context. */
void rig_again(struct tls_rig *r);

void rig_read(struct tls_rig *r, bool on);
int rig_write(struct tls_rig *r, const void *data, size_t len);
void rig_peer_write(struct tls_rig *r, const void *data, size_t len);
void rig_turn(struct tls_rig *r);
void rig_poison(void);

#endif
