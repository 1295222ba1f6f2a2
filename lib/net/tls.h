/* net/tls.h: TLS as a layer over a stream, and what a client needs to know of
 * its context (uvmqtt/tls.h). */
#ifndef UM_NET_TLS_H
#define UM_NET_TLS_H

#include "net/route.h"
#include <uvmqtt/tls.h>

extern const bool um_tls_available; /* the library was built with it */

/* For plain text: the largest record and some. */
#define UM_TLS_SCRATCH (16384u + 256u)

/* 0 or UV_ENOMEM. Takes a reference of route->tls, which is never NULL, and
 * keeps route->scratch. */
um_layer um_tls_layer;

/* The context of clients that were given none: one for the process while any
 * of them lives. Counts one reference for the caller. */
int um_tls_default(uvmqtt_tls_t **ret);
/* Reads now what it would read at the first connect, such as the CAs of the
 * system (30 ms). 0, UVMQTT_ETLSCONFIG, or UV_ENOMEM. */
int um_tls_prepare(uvmqtt_tls_t *tls);

/* What the user should hear of each connect. */
enum um_tls_warning {
  UM_TLS_KEY_EXPOSED = 1, /* others may read the file with our key */
  UM_TLS_RELOAD = 2,      /* a changed file could not be used */
};
unsigned um_tls_warnings(uvmqtt_tls_t *tls);

/* May it be verified and sent as SNI? 0, or UVMQTT_EURL: not ASCII, an empty
 * label (but a dot at the end), or too long. */
int um_tls_check_host(const char *host);

#endif
