/* From umqtt's parameters to the options of a client. */
#include "simple/simple.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The defaults, once. */
enum {
  PORT = 1883,
  TLS_PORT = 8883,
  TIMEOUT = 30000, /* ms */
};

/* As um_sized_take, which is the client's. */
int um_simple_take(const void *from, size_t least, void *ret, size_t size) {
  size_t said;
  memcpy(&said, from, sizeof said);
  if (said < least)
    return UV_EINVAL;
  for (size_t i = size; i < said; i++)
    if (((const char *)from)[i] != 0)
      return UV_EINVAL;
  memset(ret, 0, size);
  memcpy(ret, from, said < size ? said : size);
  return 0;
}

static int take(const uvmqtt_simple_options_t *from,
                uvmqtt_simple_options_t *ret) {
  int r = um_simple_take(from, offsetof(uvmqtt_simple_options_t, port), ret,
                         sizeof *ret);
  if (r)
    return r;
  if (ret->server == NULL)
    return UV_EINVAL;
  /* MQTT 3.1, which umqtt forks offer as version 3: not ours */
  return ret->version == 3 ? UVMQTT_ENOTSUP : 0;
}

static bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || (c != '\0' && strchr("-._~:", c) != NULL);
}

/* Whatever would mean something else in a URL, as %XX. */
static char *add_escaped(char *to, const char *from) {
  for (; *from != '\0'; from++)
    if (is_plain(*from))
      *to++ = *from;
    else
      to += snprintf(to, 4, "%%%02X", (unsigned char)*from);
  *to = '\0';
  return to;
}

static int make_url(const uvmqtt_simple_options_t *o, char **ret) {
  struct sockaddr_in6 unused;
  const char *scheme = o->ssl == NULL ? "mqtt" : "mqtts";
  unsigned port = o->ssl == NULL ? PORT : TLS_PORT;
  bool colon = strchr(o->server, ':') != NULL;
  if (colon && uv_ip6_addr(o->server, 0, &unused))
    return UVMQTT_EURL; /* not an address: perhaps "host:port" or a URL */
  size_t size = sizeof "mqtts://[]:65535" + 3 * strlen(o->server);
  char *url = malloc(size);
  if (url == NULL)
    return UV_ENOMEM;
  char *at = url + snprintf(url, size, "%s://%s", scheme, colon ? "[" : "");
  at = add_escaped(at, o->server);
  snprintf(at, size - (size_t)(at - url), "%s:%u", colon ? "]" : "",
           o->port == 0 ? port : o->port);
  *ret = url;
  return 0;
}

static int copy(const char *from, char **ret) {
  if (from == NULL)
    return 0;
  *ret = strdup(from);
  return *ret == NULL ? UV_ENOMEM : 0;
}

/* Would a client be made of this? One that is closed again tells, on a loop of
 * its own, since ours may be turning. */
static int try_out(const struct um_settings *s) {
  uvmqtt_message_t will;
  uvmqtt_options_t options;
  uvmqtt_t *m;
  uv_loop_t loop;
  int r = uv_loop_init(&loop);
  if (r)
    return r;
  um_settings_write(s, &will, &options);
  options.session = UVMQTT_SESSION_CLEAN; /* with it "" is a client id, too */
  r = uvmqtt_new(&loop, &options, &m);
  if (r == 0)
    uvmqtt_close(m, NULL, NULL);
  while (uv_loop_close(&loop) == UV_EBUSY)
    uv_run(&loop, UV_RUN_DEFAULT);
  return r;
}

static int copy_all(struct um_settings *s, const uvmqtt_simple_options_t *o) {
  int r = make_url(o, &s->url);
  if (r == 0)
    r = copy(o->client_id, &s->client_id);
  if (r == 0)
    r = copy(o->user, &s->user);
  if (r == 0)
    r = copy(o->password, &s->password);
  s->keepalive = o->keepalive;
  s->version = o->version == 0 ? UVMQTT_VERSION_311 : o->version;
  s->timeout_ms = o->timeout_ms == 0 ? TIMEOUT : o->timeout_ms;
  s->ssl = uvmqtt_tls_ref(o->ssl);
  s->log = o->log;
  s->log_arg = o->log_arg;
  return r;
}

int um_settings_read(struct um_settings *s,
                     const uvmqtt_simple_options_t *options) {
  uvmqtt_simple_options_t o;
  int r = take(options, &o);
  if (r)
    return r;
  memset(s, 0, sizeof *s);
  r = copy_all(s, &o);
  if (r == 0)
    r = try_out(s);
  if (r)
    um_settings_done(s);
  return r;
}

static void free_will(struct um_settings *s) {
  free(s->will_topic);
  free(s->will_payload);
}

static int copy_payload(struct um_settings *s, uvmqtt_bytes_t payload) {
  if (payload.data == NULL && payload.len != 0)
    return UV_EINVAL;
  s->will_len = payload.len;
  s->will_payload = malloc(payload.len + 1);
  if (s->will_payload == NULL)
    return UV_ENOMEM;
  if (payload.len != 0)
    memcpy(s->will_payload, payload.data, payload.len);
  return 0;
}

/* The old Will stays when the new one is refused. */
int um_settings_will(struct um_settings *s, const char *topic,
                     uvmqtt_bytes_t payload, bool retain, uint8_t qos) {
  struct um_settings next = *s;
  next.will_topic = NULL;
  next.will_payload = NULL;
  next.will_qos = qos;
  next.will_retain = retain;
  int r = copy(topic, &next.will_topic);
  if (r == 0)
    r = copy_payload(&next, payload);
  if (r == 0)
    r = try_out(&next);
  free_will(r ? &next : s);
  if (r == 0)
    *s = next;
  return r;
}

void um_settings_write(const struct um_settings *s, uvmqtt_message_t *will,
                       uvmqtt_options_t *ret) {
  *will = (uvmqtt_message_t){.topic = s->will_topic,
                             .payload = {s->will_payload, s->will_len},
                             .qos = s->will_qos,
                             .retain = s->will_retain};
  *ret = (uvmqtt_options_t){UVMQTT_OPTIONS_INIT,
                            .url = s->url,
                            .client_id = s->client_id,
                            .username = s->user,
                            .plain_credentials = true, /* as umqtt */
                            .tls = s->ssl,
                            .version = s->version,
                            .keep_alive =
                                s->keepalive == 0 ? UVMQTT_OFF : s->keepalive,
                            .will = s->will_topic == NULL ? NULL : will,
                            .reconnect_max = UVMQTT_OFF};
  if (s->password != NULL)
    ret->password = (uvmqtt_bytes_t){s->password, strlen(s->password)};
}

static void wipe(char *secret) {
  volatile char *p = secret;
  while (p != NULL && *p != '\0')
    *p++ = '\0';
}

void um_settings_done(struct um_settings *s) {
  wipe(s->password);
  free(s->password);
  wipe(s->user); /* it may be a token */
  free(s->user);
  free(s->client_id);
  free(s->url);
  uvmqtt_tls_free(s->ssl);
  free_will(s);
  memset(s, 0, sizeof *s);
}

/* In options 0 means the default. */
uint32_t um_timeout_option(int timeout_ms) {
  if (timeout_ms < 0)
    return UINT32_MAX;
  return timeout_ms == 0 ? 1 : (uint32_t)timeout_ms;
}
