/* net/http.h: as much of HTTP/1.1 as a WebSocket handshake and a CONNECT
 * through a proxy need: writing the head of a request, reading the head of a
 * response, strictly. */
#ifndef UM_NET_HTTP_H
#define UM_NET_HTTP_H

#include "base/buf.h"
#include <uvmqtt/way.h>

#define UM_HTTP_HEAD_MAX 16384u
#define UM_HTTP_LINES_MAX 100u
#define UM_HTTP_INTERIM_MAX 16u

struct um_http {
  struct um_buf head; /* lines that end in NUL instead of CR LF */
  unsigned lines;
  unsigned interim; /* answers of 1xx that were read over */
  size_t column;    /* in the current line */
  bool cr;          /* just seen */
  int status;       /* once done */
  const char *why;  /* after UV_EPROTO: what is wrong, in plain words */
};

void um_http_init(struct um_http *h);
void um_http_done(struct um_http *h);

/* Takes bytes up to the end of the head; those of interim answers before it are
 * read over. 1: it is complete, and what follows
 * the *ret_used bytes is somebody else's; 0: more is needed; UV_EPROTO: not the
 * head of an HTTP response, or one beyond the limits; UV_ENOMEM. */
int um_http_feed(struct um_http *h, const uint8_t *data, size_t len,
                 size_t *ret_used);

/* Once complete. The server's words for the status, "" when none. */
const char *um_http_phrase(const struct um_http *h);
/* The value of the first header of this name; NULL: there is none. *ret_count
 * (may be NULL) is how many there are. */
const char *um_http_value(const struct um_http *h, const char *name,
                          unsigned *ret_count);
/* Is the token in one of the lists of these headers, in any case? */
bool um_http_has_token(const struct um_http *h, const char *name,
                       const char *token);

/* Appends the parts (up to a NULL) and CR LF. UV_ENOMEM. */
int um_http_line(struct um_buf *to, const char *const *parts);
/* "host:port", "[::1]:port"; without the port when it is `otherwise`, and
 * without a zone, which means something on this machine only [RFC 6874, 4]. */
void um_http_authority(const char *host, uint16_t port, uint16_t otherwise,
                       char *ret, size_t size);

/* What the caller gave. */
bool um_http_legal_header(const uvmqtt_header_t *h);
/* Does a header of this name say who we are? */
bool um_http_is_login(const char *name);
bool um_http_legal_path(const char *path); /* "/mqtt?x=y" */

#endif
