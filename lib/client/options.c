#include "client/options.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/utf8.h"
#include "client/secure.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

/* The defaults, once. */
enum {
  SESSION_EXPIRY = 300,              /* s */
  KEEP_ALIVE = 60,                   /* s */
  RECEIVE_MAXIMUM = 64,              /* messages */
  MAXIMUM_PACKET_SIZE = 1024 * 1024, /* bytes */
  TOPIC_ALIAS_OUT = 64,
  QUEUE_MESSAGES = 10000,
  QUEUE_BYTES = 64 * 1024 * 1024,
  HIGH_WATER = 1024 * 1024,
  LOW_WATER_PART = 4,      /* of high water */
  CONNECT_TIMEOUT = 30000, /* ms */
  ADDRESS_TIMEOUT = 10000,
  ATTEMPT_DELAY = 250,
  RESOLVE_TIMEOUT = 5000,
  HANDSHAKE_TIMEOUT = 10000,
  RECONNECT_MIN = 1000,
  RECONNECT_MAX = 60000,
  RECONNECT_STABLE = 10000,
};

/* A caller built with older headers has a shorter struct: the rest is zero. A
 * longer one is legal when what we do not know is zero. */
static int take_options(const uvmqtt_options_t *from, uvmqtt_options_t *ret) {
  size_t known = from->size < sizeof *ret ? from->size : sizeof *ret;
  if (from->size < offsetof(uvmqtt_options_t, client_id))
    return UM_EINVAL;
  for (size_t i = sizeof *ret; i < from->size; i++)
    if (((const char *)from)[i] != 0)
      return UM_EINVAL;
  memset(ret, 0, sizeof *ret);
  memcpy(ret, from, known);
  return 0;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise) {
  return value == 0 ? otherwise : value;
}

/* For the fields where UVMQTT_OFF stands for zero. */
static int read_number(int64_t value, uint32_t otherwise, uint32_t most,
                       uint32_t *ret) {
  if (value == UVMQTT_OFF)
    *ret = 0;
  else if (value < 0 || value > most)
    return UM_EINVAL;
  else
    *ret = value == 0 ? otherwise : (uint32_t)value;
  return 0;
}

static bool in_enum(int value, const int *legal, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (value == legal[i])
      return true;
  return false;
}

static int read_modes(const uvmqtt_options_t *o, struct um_session_config *c) {
  static const int versions[] = {UVMQTT_VERSION_ANY, UVMQTT_VERSION_311,
                                 UVMQTT_VERSION_5};
  static const int modes[] = {UVMQTT_SESSION_KEEP, UVMQTT_SESSION_CLEAN,
                              UVMQTT_SESSION_RESUME};
  static const int losses[] = {UVMQTT_LOST_REPUBLISH, UVMQTT_LOST_FAIL,
                               UVMQTT_LOST_DROP};
  static const int overflows[] = {
      UVMQTT_OVERFLOW_REFUSE, UVMQTT_OVERFLOW_DROP_OLDEST,
      UVMQTT_OVERFLOW_DROP_OLDEST_QOS0, UVMQTT_OVERFLOW_LATEST_PER_TOPIC};
  if (!in_enum((int)o->version, versions, 3) ||
      !in_enum((int)o->session, modes, 3) ||
      !in_enum((int)o->session_lost, losses, 3) ||
      !in_enum((int)o->overflow, overflows, 4))
    return UM_EINVAL;
  c->version = o->version;
  c->mode = o->session;
  c->lost = o->session_lost;
  c->overflow = o->overflow;
  c->refuse_offline_qos0 = o->refuse_offline_qos0;
  return 0;
}

static int read_water(const uvmqtt_options_t *o, struct um_options *ret) {
  uint64_t high = o->high_water == 0 ? HIGH_WATER : o->high_water;
  uint64_t low = o->low_water == 0 ? high / LOW_WATER_PART : o->low_water;
  if (low >= high)
    return UM_EINVAL;
  ret->config.high_water = o->on_water == NULL ? 0 : high;
  ret->config.low_water = low;
  return 0;
}

static int read_numbers(const uvmqtt_options_t *o, struct um_options *ret) {
  struct um_session_config *c = &ret->config;
  uint32_t keep_alive, topic_alias_out;
  int r = read_number(o->keep_alive, KEEP_ALIVE, UINT16_MAX, &keep_alive);
  if (r == 0)
    r = read_number(o->session_expiry, SESSION_EXPIRY, UVMQTT_FOREVER,
                    &c->session_expiry);
  if (r == 0)
    r = read_number(o->topic_alias_out, TOPIC_ALIAS_OUT, UINT16_MAX,
                    &topic_alias_out);
  if (r == 0)
    r = read_number(o->reconnect_max, RECONNECT_MAX, UINT32_MAX,
                    &ret->reconnect_max);
  if (r == 0 && o->write_timeout < UVMQTT_OFF)
    r = UM_EINVAL;
  if (r == 0 && o->write_timeout > UINT32_MAX)
    r = UM_EINVAL;
  if (r == 0)
    r = read_number(o->attempt_delay, ATTEMPT_DELAY, UINT32_MAX,
                    &ret->attempt_delay);
  if (r)
    return r;
  if (ret->reconnect_max == 0) /* off; for those who call uvmqtt_connect */
    ret->reconnect_max = RECONNECT_MAX;
  c->keep_alive = (uint16_t)keep_alive;
  c->receive_maximum =
      (uint16_t)or_default(o->receive_maximum, RECEIVE_MAXIMUM);
  c->max_inflight = o->max_inflight;
  c->topic_alias_maximum = o->topic_alias_maximum;
  c->topic_alias_out = (uint16_t)topic_alias_out;
  c->request_response_information = o->request_response_information;
  c->no_problem_information = o->no_problem_information;
  c->maximum_packet_size =
      or_default(o->maximum_packet_size, MAXIMUM_PACKET_SIZE);
  c->queue_messages = or_default(o->queue_messages, QUEUE_MESSAGES);
  c->queue_bytes = o->queue_bytes == 0 ? QUEUE_BYTES : o->queue_bytes;
  c->drop_properties = o->drop_properties;
  ret->connect_timeout = or_default(o->connect_timeout, CONNECT_TIMEOUT);
  ret->address_timeout = or_default(o->address_timeout, ADDRESS_TIMEOUT);
  ret->resolve_timeout = or_default(o->resolve_timeout, RESOLVE_TIMEOUT);
  ret->handshake_timeout = or_default(o->handshake_timeout, HANDSHAKE_TIMEOUT);
  ret->connack_timeout = o->connack_timeout;
  ret->reconnect_min = or_default(o->reconnect_min, RECONNECT_MIN);
  ret->reconnect_stable = or_default(o->reconnect_stable, RECONNECT_STABLE);
  ret->write_timeout = o->write_timeout;
  ret->reconnect = o->reconnect_max != UVMQTT_OFF;
  return 0;
}

/* "uvmqtt-" and 16 random hex digits: 23 bytes, what every 3.1.1 server must
 * accept. */
static int random_client_id(char **ret) {
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
  uint64_t *seed = &ret->config.seed;
  (void)o;
  return uv_random(NULL, NULL, seed, sizeof *seed, 0, NULL);
}

static bool legal_string(const char *s) {
  size_t len = strlen(s);
  return len <= UM_STRING_MAX && um_utf8_valid(s, len);
}

static int read_client_id(const uvmqtt_options_t *o, struct um_options *ret) {
  if (o->client_id == NULL)
    return random_client_id(&ret->client_id);
  if (!legal_string(o->client_id)) /* [MQTT-3.1.3-4/both] */
    return UVMQTT_ECLIENTID;
  if (*o->client_id == '\0' && o->version == UVMQTT_VERSION_311 &&
      o->session != UVMQTT_SESSION_CLEAN) /* [MQTT-3.1.3-7/311] */
    return UVMQTT_ECLIENTID;
  ret->client_id = um_strdup(o->client_id);
  return ret->client_id == NULL ? UM_ENOMEM : 0;
}

static int read_username(const uvmqtt_options_t *o, struct um_options *ret) {
  const char *name = o->username == NULL ? ret->url.username : o->username;
  if (name == NULL)
    return 0;
  if (!legal_string(name)) /* [MQTT-3.1.3-11/311], [MQTT-3.1.3-12/5] */
    return UVMQTT_EUTF8;
  ret->username = um_strdup(name);
  return ret->username == NULL ? UM_ENOMEM : 0;
}

static int read_password(const uvmqtt_options_t *o, struct um_options *ret) {
  uvmqtt_bytes_t password = o->password;
  if (password.data == NULL && password.len == 0 && ret->url.password != NULL)
    password = (uvmqtt_bytes_t){ret->url.password, strlen(ret->url.password)};
  if (password.data == NULL)
    return password.len == 0 ? 0 : UM_EINVAL;
  if (password.len > UM_STRING_MAX)
    return UM_EINVAL;
  if (ret->username == NULL && o->version == UVMQTT_VERSION_311)
    return UVMQTT_ENOTSUP; /* [MQTT-3.1.2-22/311] */
  ret->password = um_memdup(password.data, password.len);
  if (ret->password == NULL)
    return UM_ENOMEM;
  ret->password_len = password.len;
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
  ret->auth_method = um_strdup(o->auth_method);
  return ret->auth_method == NULL ? UM_ENOMEM : 0;
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
  return ret->will == NULL ? UM_ENOMEM : 0;
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
  return ret->properties == NULL ? UM_ENOMEM : 0;
}

static void read_callbacks(const uvmqtt_options_t *o, struct um_options *ret) {
  ret->plain_credentials = o->plain_credentials;
  ret->on_connect = o->on_connect;
  ret->on_message = o->on_message;
  ret->on_chunk = o->on_chunk;
  ret->on_disconnect = o->on_disconnect;
  ret->on_state = o->on_state;
  ret->on_notice = o->on_notice;
  ret->on_auth = o->on_auth;
  ret->on_redirect = o->on_redirect;
  ret->on_resolve = o->on_resolve;
  ret->on_water = o->on_water;
  ret->on_retry = o->on_retry;
  ret->on_log = o->on_log;
  ret->on_trace = o->on_trace;
  ret->config.trace = o->on_trace != NULL;
  ret->on_before_connect = o->on_before_connect;
}

static void hide_secrets(struct um_session_config *c) {
  c->username = NULL;
  c->has_password = false;
  c->password = (uvmqtt_bytes_t){NULL, 0};
  c->auth_method = NULL;
  c->will = NULL;
}

void um_options_lend(struct um_options *o, bool secrets) {
  struct um_session_config *c = &o->config;
  hide_secrets(c);
  if (!secrets)
    return;
  c->username = o->username;
  c->has_password = o->password != NULL;
  c->password = (uvmqtt_bytes_t){o->password, o->password_len};
  c->auth_method = o->auth_method;
  c->will = o->will == NULL ? NULL : &o->will->u.message;
}

static void point_config(struct um_options *o) {
  struct um_session_config *c = &o->config;
  c->client_id = o->client_id;
  um_options_lend(o, true);
  if (o->properties == NULL)
    return;
  c->properties = o->properties->properties;
  c->n_properties = o->properties->n_properties;
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

static int read_inbox(const uvmqtt_options_t *o, struct um_options *ret) {
  if (o->chunk_threshold != 0 && o->on_chunk == NULL)
    return UM_EINVAL;
  ret->config.manual_ack = o->manual_ack;
  ret->config.chunk_threshold = o->chunk_threshold;
  return 0;
}

static int read_all(const uvmqtt_options_t *o, struct um_options *ret) {
  static int (*const steps[])(const uvmqtt_options_t *, struct um_options *) = {
      read_url,        read_way,      read_tls,      read_numbers, read_water,
      read_client_id,  read_username, read_password, read_auth,    read_will,
      read_properties, read_inbox,    read_seed,
  };
  int r = read_modes(o, &ret->config);
  for (size_t i = 0; r == 0 && i < sizeof steps / sizeof steps[0]; i++)
    r = steps[i](o, ret);
  return r;
}

int um_options_read(const uvmqtt_options_t *from, struct um_options *ret) {
  uvmqtt_options_t o;
  int r = take_options(from, &o);
  if (r)
    return r;
  memset(ret, 0, sizeof *ret);
  r = read_all(&o, ret);
  if (r) {
    um_options_done(ret);
    return r;
  }
  read_callbacks(&o, ret);
  point_config(ret);
  return 0;
}

void um_options_done(struct um_options *o) {
  um_wipe(o->password, o->password_len);
  um_free(o->password);
  um_free(o->username);
  um_free(o->auth_method);
  um_free(o->client_id);
  um_url_done(&o->url);
  uvmqtt_tls_free(o->tls);
  um_way_done(o->way);
  um_servers_done(&o->servers);
  um_socket_wishes_done(o->socket);
  um_op_free(NULL, o->will);
  um_op_free(NULL, o->properties);
  memset(o, 0, sizeof *o);
}
