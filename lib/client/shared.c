#include "client/shared.h"

#include "base/alloc.h"
#include "base/err.h"
#include <stddef.h>
#include <string.h>

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

static int read_modes(const uvmqtt_options_t *o, struct um_shared *ret) {
  struct um_session_config *c = &ret->config;
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

static int read_water(const uvmqtt_options_t *o, struct um_shared *ret) {
  uint64_t high = o->high_water == 0 ? HIGH_WATER : o->high_water;
  uint64_t low = o->low_water == 0 ? high / LOW_WATER_PART : o->low_water;
  if (low >= high)
    return UM_EINVAL;
  ret->config.high_water = o->on_water == NULL ? 0 : high;
  ret->config.low_water = low;
  return 0;
}

static int read_numbers(const uvmqtt_options_t *o, struct um_shared *ret) {
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

static int read_inbox(const uvmqtt_options_t *o, struct um_shared *ret) {
  if (o->chunk_threshold != 0 && o->on_chunk == NULL)
    return UM_EINVAL;
  ret->config.manual_ack = o->manual_ack;
  ret->config.chunk_threshold = o->chunk_threshold;
  return 0;
}

static void read_callbacks(const uvmqtt_options_t *o, struct um_shared *ret) {
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

static int read_all(const uvmqtt_options_t *o, struct um_shared *ret) {
  static int (*const steps[])(const uvmqtt_options_t *, struct um_shared *) = {
      read_modes, read_numbers, read_water, read_inbox};
  int r = 0;
  for (size_t i = 0; r == 0 && i < sizeof steps / sizeof steps[0]; i++)
    r = steps[i](o, ret);
  read_callbacks(o, ret);
  return r;
}

int um_shared_read(const uvmqtt_options_t *o, struct um_shared **ret) {
  struct um_shared *s = um_calloc(1, sizeof *s); /* also what is between */
  if (s == NULL)
    return UM_ENOMEM;
  um_list_init(&s->link);
  s->refs = 1;
  int r = read_all(o, s);
  if (r)
    um_shared_unref(s);
  else
    *ret = s;
  return r;
}

void um_shared_unref(struct um_shared *s) {
  if (s == NULL || --s->refs != 0)
    return;
  um_list_remove(&s->link);
  um_free(s);
}

/* Sharing. */

#define LOOKED_AT 8u /* the latest ones: making a client stays cheap */

static bool same(const struct um_shared *a, const struct um_shared *b) {
  size_t at = offsetof(struct um_shared, config);
  return memcmp((const char *)a + at, (const char *)b + at, sizeof *a - at) ==
         0;
}

struct um_shared *um_shared_unite(struct um_list *of_loop,
                                  struct um_shared *s) {
  struct um_list *l = of_loop->next;
  for (unsigned i = 0; i < LOOKED_AT && l != of_loop; i++, l = l->next) {
    struct um_shared *other = um_list_of(l, struct um_shared, link);
    if (!same(other, s))
      continue;
    um_shared_unref(s);
    other->refs++;
    return other;
  }
  um_list_push_front(of_loop, &s->link);
  return s;
}
