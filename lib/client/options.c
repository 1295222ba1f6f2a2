#include "client/options.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/utf8.h"
#include "client/secure.h"
#include "client/sized.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

/* "uvmqtt-" and 16 random hex digits: 23 bytes, what every 3.1.1 server must
 * accept. */
static int random_client_id(const char **ret) {
  uint8_t bytes[8];
  char text[32] = "uvmqtt-";
  int r = uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL);
  if (r)
    return r;
  for (size_t i = 0; i < sizeof bytes; i++)
    snprintf(text + 7 + 2 * i, 3, "%02x", bytes[i]);
  *ret = um_strdup(text);
  return *ret == NULL ? UM_ENOMEM : 0;
}

static int read_seed(const uvmqtt_options_t *o, struct um_options *ret) {
  uint64_t *seed = &ret->who.seed;
  (void)o;
  return uv_random(NULL, NULL, seed, sizeof *seed, 0, NULL);
}

static bool legal_string(const char *s) {
  size_t len = strlen(s);
  return len <= UM_STRING_MAX && um_utf8_valid(s, len);
}

static int read_client_id(const uvmqtt_options_t *o, struct um_options *ret) {
  if (o->client_id == NULL)
    return random_client_id(&ret->who.client_id);
  if (!legal_string(o->client_id)) /* [MQTT-3.1.3-4/both] */
    return UVMQTT_ECLIENTID;
  if (*o->client_id == '\0' && o->version == UVMQTT_VERSION_311 &&
      o->session != UVMQTT_SESSION_CLEAN) /* [MQTT-3.1.3-7/311] */
    return UVMQTT_ECLIENTID;
  ret->who.client_id = um_strdup(o->client_id);
  return ret->who.client_id == NULL ? UM_ENOMEM : 0;
}

static int read_username(const uvmqtt_options_t *o, struct um_options *ret) {
  const char *name = o->username == NULL ? ret->url.username : o->username;
  if (name == NULL)
    return 0;
  if (!legal_string(name)) /* [MQTT-3.1.3-11/311], [MQTT-3.1.3-12/5] */
    return UVMQTT_EUTF8;
  ret->who.username = um_strdup(name);
  return ret->who.username == NULL ? UM_ENOMEM : 0;
}

static int read_password(const uvmqtt_options_t *o, struct um_options *ret) {
  uvmqtt_bytes_t password = o->password;
  if (password.data == NULL && password.len == 0 && ret->url.password != NULL)
    password = (uvmqtt_bytes_t){ret->url.password, strlen(ret->url.password)};
  if (password.data == NULL)
    return password.len == 0 ? 0 : UM_EINVAL;
  if (password.len > UM_STRING_MAX)
    return UM_EINVAL;
  if (ret->who.username == NULL && o->version == UVMQTT_VERSION_311)
    return UVMQTT_ENOTSUP; /* [MQTT-3.1.2-22/311] */
  ret->who.password.data = um_memdup(password.data, password.len);
  if (ret->who.password.data == NULL)
    return UM_ENOMEM;
  ret->who.password.len = password.len;
  return 0;
}

static int read_auth(const uvmqtt_options_t *o, struct um_options *ret) {
  if (o->auth_method == NULL)
    return 0;
  if (*o->auth_method == '\0' || o->on_auth == NULL)
    return UM_EINVAL;
  if (!legal_string(o->auth_method))
    return UVMQTT_EUTF8;
  if (o->version == UVMQTT_VERSION_311)
    return UVMQTT_ENOTSUP;
  ret->who.auth_method = um_strdup(o->auth_method);
  return ret->who.auth_method == NULL ? UM_ENOMEM : 0;
}

static int read_will(const uvmqtt_options_t *o, struct um_options *ret) {
  if (o->will == NULL)
    return 0;
  int r = um_check_message(o->will, 0);
  if (r)
    return r;
  if (o->will->payload.len > UM_STRING_MAX)
    return UVMQTT_ETOOBIG;
  ret->will = um_op_publish(NULL, o->will);
  if (ret->will == NULL)
    return UM_ENOMEM;
  ret->who.will = &ret->will->u.message;
  return 0;
}

static int read_properties(const uvmqtt_options_t *o, struct um_options *ret) {
  for (size_t i = 0; i < o->n_properties; i++)
    if (o->properties == NULL ||
        o->properties[i].id != UVMQTT_PROPERTY_USER_PROPERTY)
      return UVMQTT_EPROPERTY;
  int r = um_check_properties(o->properties, o->n_properties, UVMQTT_CONNECT);
  if (r || o->n_properties == 0)
    return r;
  ret->properties =
      um_op_unsubscribe(NULL, NULL, 0, o->properties, o->n_properties);
  if (ret->properties == NULL)
    return UM_ENOMEM;
  ret->who.properties = ret->properties->properties;
  ret->who.n_properties = ret->properties->n_properties;
  return 0;
}

static int read_shared(const uvmqtt_options_t *o, struct um_options *ret) {
  return um_shared_read(o, &ret->shared);
}

static int read_url(const uvmqtt_options_t *o, struct um_options *ret) {
  int r = o->url == NULL ? UVMQTT_EURL : um_url_parse(o->url, &ret->url);
  if (r == 0)
    r = um_servers_read(o, &ret->servers);
  return r ? r : um_socket_wishes_read(o, &ret->socket);
}

static int read_way(const uvmqtt_options_t *o, struct um_options *ret) {
  return um_way_read(o, &ret->url, &ret->way);
}

static int read_tls(const uvmqtt_options_t *o, struct um_options *ret) {
  return um_secure_read(o, &ret->url, &ret->tls);
}

static int read_all(const uvmqtt_options_t *o, struct um_options *ret) {
  static int (*const steps[])(const uvmqtt_options_t *, struct um_options *) = {
      read_shared,    read_url,        read_way,      read_tls,
      read_client_id, read_username,   read_password, read_auth,
      read_will,      read_properties, read_seed,
  };
  int r = 0;
  for (size_t i = 0; r == 0 && i < sizeof steps / sizeof steps[0]; i++)
    r = steps[i](o, ret);
  return r;
}

int um_options_read(const uvmqtt_options_t *from, struct um_options *ret) {
  uvmqtt_options_t o;
  int r =
      um_sized_take(from, offsetof(uvmqtt_options_t, client_id), &o, sizeof o);
  if (r)
    return r;
  memset(ret, 0, sizeof *ret);
  r = read_all(&o, ret);
  if (r)
    um_options_done(ret);
  return r;
}

/* Ours, const to everybody else. */
static void *own(const void *p) {
  return (void *)(uintptr_t)p;
}

/* A user name may be a token, too. */
static void forget(struct um_identity *who) {
  um_wipe(own(who->password.data), who->password.len);
  um_free(own(who->password.data));
  if (who->username != NULL)
    um_wipe(own(who->username), strlen(who->username));
  um_free(own(who->username));
  um_free(own(who->auth_method));
  um_free(own(who->client_id));
}

void um_options_done(struct um_options *o) {
  forget(&o->who);
  um_shared_unref(o->shared);
  um_url_done(&o->url);
  uvmqtt_tls_free(o->tls);
  um_way_done(o->way);
  um_servers_done(&o->servers);
  um_socket_wishes_done(o->socket);
  um_op_free(NULL, o->will);
  um_op_free(NULL, o->properties);
  memset(o, 0, sizeof *o);
}
