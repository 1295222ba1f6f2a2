/* Options that may change before an attempt: read like those of uvmqtt_new,
 * into a set of their own, and then exchanged. */
#include "client/options.h"

#include "base/alloc.h"
#include <string.h>

static bool same_server(const struct um_url *a, const struct um_url *b) {
  return a->transport == b->transport && a->port == b->port &&
         strcmp(a->host, b->host) == 0;
}

/* What goes with the old URL goes with the new one. */
static int check_way(const struct um_options *o, const struct um_url *to) {
  if (o->servers.n != 0 && to->transport != o->url.transport)
    return UVMQTT_EURL;
  bool has_proxy = o->way != NULL && o->way->proxy.memory != NULL;
  return has_proxy && to->transport == UM_TRANSPORT_UNIX ? UV_EINVAL : 0;
}

/* What the URL that will hold says; of a new one too. */
struct outlook {
  bool tls;
  bool own_credentials; /* they win over the old ones */
};

static int look_at_url(const struct um_options *o, const uvmqtt_change_t *c,
                       struct outlook *ret) {
  struct um_url url;
  *ret = (struct outlook){.tls = um_route_has_tls(o->url.transport)};
  if (c->url == NULL)
    return 0;
  int r = um_url_parse(c->url, &url);
  if (r)
    return r;
  ret->tls = um_route_has_tls(url.transport);
  ret->own_credentials = url.username != NULL;
  um_url_done(&url);
  return 0;
}

static void keep_credentials(const struct um_options *o,
                             const uvmqtt_change_t *c, uvmqtt_options_t *ret) {
  if (ret->username == NULL)
    ret->username = o->who.username;
  if (c->password.data == NULL && c->password.len == 0)
    ret->password = o->who.password;
}

/* What uvmqtt_new would have been told; the URL of nowhere is not used. */
static int wish_for(const struct um_options *o, const uvmqtt_change_t *c,
                    uvmqtt_options_t *ret) {
  struct outlook to;
  int r = look_at_url(o, c, &to);
  if (r)
    return r;
  const char *nowhere = to.tls ? "mqtts://nowhere" : "mqtt://nowhere";
  *ret = (uvmqtt_options_t){
      UVMQTT_OPTIONS_INIT,     .url = c->url == NULL ? nowhere : c->url,
      .client_id = "-",        .version = o->shared->config.version,
      .username = c->username, .password = c->password,
      .tls = c->tls,           .will = c->will};
  if (c->tls == NULL && to.tls)
    ret->tls = o->tls;
  if (!c->no_credentials && !to.own_credentials)
    keep_credentials(o, c, ret);
  return 0;
}

static void swap_credentials(struct um_options *a, struct um_options *b) {
  struct um_identity was = a->who;
  a->who.username = b->who.username;
  a->who.password = b->who.password;
  b->who.username = was.username;
  b->who.password = was.password;
}

static void swap_url(struct um_options *a, struct um_options *b) {
  struct um_url url = a->url;
  a->url = b->url;
  b->url = url;
}

static void swap_tls(struct um_options *a, struct um_options *b) {
  uvmqtt_tls_t *tls = a->tls;
  a->tls = b->tls;
  b->tls = tls;
}

static void swap_will(struct um_options *a, struct um_options *b) {
  struct um_op *will = a->will;
  a->will = b->will;
  b->will = will;
  a->who.will = a->will == NULL ? NULL : &a->will->u.message;
}

int um_options_change(struct um_options *o, const uvmqtt_change_t *change,
                      bool *ret_moved) {
  uvmqtt_options_t wish;
  struct um_options next;
  int r = wish_for(o, change, &wish);
  if (r == 0)
    r = um_options_read(&wish, &next);
  if (r)
    return r;
  r = change->url == NULL ? 0 : check_way(o, &next.url);
  if (r) {
    um_options_done(&next);
    return r;
  }
  *ret_moved = change->url != NULL && !same_server(&o->url, &next.url);
  swap_credentials(o, &next);
  swap_tls(o, &next);
  if (change->url != NULL)
    swap_url(o, &next);
  if (change->will != NULL || change->no_will)
    swap_will(o, &next);
  um_options_done(&next); /* the old ones, wiped */
  return 0;
}
