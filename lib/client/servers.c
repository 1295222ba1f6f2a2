#include "client/servers.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/table.h"
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool same_scheme(const char *a, const char *b) {
  size_t len = strcspn(a, ":");
  return strncasecmp(a, b, len + 1) == 0;
}

static int read_one(const char *first, const char *url, struct um_url *ret) {
  if (url == NULL || !same_scheme(first, url))
    return UVMQTT_EURL;
  int r = um_url_parse(url, ret);
  if (r)
    return r;
  if (ret->username == NULL && ret->password == NULL)
    return 0;
  um_url_done(ret);
  return UVMQTT_EURL;
}

int um_servers_read(const uvmqtt_options_t *o, struct um_servers *ret) {
  int r = 0;
  *ret = (struct um_servers){.n = 0};
  if (o->n_servers == 0)
    return 0;
  if (o->servers == NULL || o->n_servers > UVMQTT_SERVERS_MAX)
    return UM_EINVAL;
  ret->urls = um_calloc(o->n_servers, sizeof *ret->urls);
  if (ret->urls == NULL)
    return UM_ENOMEM;
  for (size_t i = 0; r == 0 && i < o->n_servers; i++) {
    r = read_one(o->url, o->servers[i], &ret->urls[i]);
    ret->n += r == 0;
  }
  return r;
}

void um_servers_done(struct um_servers *s) {
  for (size_t i = 0; i < s->n; i++)
    um_url_done(&s->urls[i]);
  um_free(s->urls);
  *s = (struct um_servers){.n = 0};
}

static struct um_server server_of(const struct um_url *url,
                                  const struct um_url *first) {
  return (struct um_server){.host = url->host,
                            .port = url->port,
                            .path = url->own_path ? url->path : first->path};
}

size_t um_servers_list(const struct um_url *first, const struct um_servers *s,
                       struct um_server ret[UM_SERVERS_MAX]) {
  ret[0] = server_of(first, first);
  for (size_t i = 0; i < s->n; i++)
    ret[i + 1] = server_of(&s->urls[i], first);
  return s->n + 1;
}

/* Names are the same in whatever case [RFC 4343], paths are not. */
static uint64_t hash_host(uint64_t seed, const char *host, bool is_path) {
  uint64_t h = seed;
  for (; *host != '\0'; host++) {
    bool upper = !is_path && *host >= 'A' && *host <= 'Z';
    char c = (char)(*host | (upper ? 'a' - 'A' : 0));
    h = um_hash_bytes(h, &c, 1);
  }
  return h;
}

uint64_t um_servers_number(enum um_transport transport,
                           const struct um_server *server, uint64_t seed) {
  uint16_t rest[] = {(uint16_t)transport, server->port};
  uint64_t h = hash_host(seed, server->host, transport == UM_TRANSPORT_UNIX);
  return um_hash_bytes(h, rest, sizeof rest);
}
