/* client/url.h: "ws://user:password@host:port/path" taken apart. */
#ifndef UM_CLIENT_URL_H
#define UM_CLIENT_URL_H

#include "net/route.h"
#include <stddef.h>
#include <stdint.h>

struct um_url {
  char *memory; /* one allocation behind the strings */
  size_t size;
  enum um_transport transport;
  char *host;           /* unix: the path, or "@name" */
  const char *path;     /* of a WebSocket, else NULL */
  const char *username; /* NULL: none; percent-decoded */
  const char *password; /* NULL: none; percent-decoded */
  uint16_t port;
  uint16_t default_port; /* of its scheme */
  bool own_path;         /* one was given; else it is the usual one */
};

/* 0, UVMQTT_EURL, UVMQTT_EPATH or UM_ENOMEM. */
int um_url_parse(const char *text, struct um_url *ret);
/* The first entry of a Server Reference (4.11): "host", "host:port" or
 * "[::1]:port", reached in the same way as `from`. No credentials. 0,
 * UVMQTT_EURL, or UM_ENOMEM. */
int um_url_elsewhere(const struct um_url *from, const char *reference,
                     struct um_url *ret);
/* "http://user:password@host:port". 0, UVMQTT_EURL or UM_ENOMEM. */
int um_url_parse_proxy(const char *text, struct um_url *ret,
                       enum um_proxy_kind *ret_kind);
void um_url_done(struct um_url *u); /* wipes */

#endif
