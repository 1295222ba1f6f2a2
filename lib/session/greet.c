#include "session/greet.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/resume.h"
#include "session/send.h"
#include "wire/reason.h"
#include <string.h>

#define SILENT_ENDS_MAX 2u
#define OWN_PROPERTIES 6u /* of CONNECT, besides the user's */

/* KEEP stays clean until a CONNACK accepted us: nothing was sent before, and
 * what the server may hold is an earlier program's. */
static bool wants_clean(const struct um_session *s) {
  if (s->force_clean || s->config->mode == UVMQTT_SESSION_CLEAN)
    return true;
  return s->version == UM_V5 && s->config->mode == UVMQTT_SESSION_KEEP &&
         !s->have_session;
}

/* 3.1.1 sessions have no end of their own. */
static uint32_t session_expiry(const struct um_session *s) {
  if (s->config->mode == UVMQTT_SESSION_CLEAN)
    return 0;
  return s->version == UM_V311 ? UVMQTT_FOREVER : s->config->session_expiry;
}

static void add_num(uvmqtt_property_t *list, size_t *n, uvmqtt_property_id_t id,
                    uint32_t value) {
  list[*n].id = id;
  list[(*n)++].value.num = value;
}

/* What equals the standard's default is not said. */
static size_t own_properties(const struct um_session *s,
                             uvmqtt_property_t *list) {
  const struct um_session_config *c = s->config;
  size_t n = 0;
  if (session_expiry(s) != 0)
    add_num(list, &n, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL,
            session_expiry(s));
  if (c->receive_maximum != UINT16_MAX)
    add_num(list, &n, UVMQTT_PROPERTY_RECEIVE_MAXIMUM, c->receive_maximum);
  if (c->maximum_packet_size <= UM_PACKET_MAX)
    add_num(list, &n, UVMQTT_PROPERTY_MAXIMUM_PACKET_SIZE,
            c->maximum_packet_size);
  if (c->topic_alias_maximum != 0)
    add_num(list, &n, UVMQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM,
            c->topic_alias_maximum);
  if (c->request_response_information)
    add_num(list, &n, UVMQTT_PROPERTY_REQUEST_RESPONSE_INFORMATION, 1);
  if (c->no_problem_information)
    add_num(list, &n, UVMQTT_PROPERTY_REQUEST_PROBLEM_INFORMATION, 0);
  return n;
}

/* Of who connects, to this server. */
struct said {
  const char *username;
  uvmqtt_bytes_t password;
  const uvmqtt_message_t *will;
};

static struct said may_say(const struct um_session *s) {
  const struct um_identity *who = s->who;
  if (who->withheld)
    return (struct said){.username = NULL};
  return (struct said){who->username, who->password, who->will};
}

static int check_311(const struct um_session *s) {
  if (s->version != UM_V311)
    return 0;
  struct said say = may_say(s);
  if (say.password.data != NULL && say.username == NULL)
    return UVMQTT_ENOTSUP; /* [MQTT-3.1.2-22/311] */
  if (*um_session_client_id(s) == '\0' && !wants_clean(s))
    return UVMQTT_ECLIENTID; /* [MQTT-3.1.3-7/311] */
  return 0;
}

static int send_connect(struct um_session *s, const uvmqtt_property_t *props,
                        size_t n) {
  struct said say = may_say(s);
  struct um_packet p = {
      .type = UVMQTT_CONNECT,
      .properties = props,
      .n_properties = n,
      .u.connect = {.version = s->version,
                    .clean_start = s->clean_sent,
                    .keep_alive = s->config->keep_alive,
                    .client_id = um_session_client_id(s),
                    .username = say.username,
                    .has_password = say.password.data != NULL,
                    .password = say.password,
                    .will = say.will},
  };
  if (say.password.data != NULL || um_session_auth_method(s) != NULL)
    um_journal_guard(&s->journal);
  return um_send_guarded(s, &p); /* R1, R2 */
}

static void note_connect(struct um_session *s) {
  struct um_store_op record = {.kind = UM_STORE_META,
                               .client_id = um_session_client_id(s),
                               .version = s->version,
                               .session_may_exist = true};
  um_journal_put(&s->journal, &record);
}

int um_greet_send(struct um_session *s) {
  int r = check_311(s);
  if (r)
    return r;
  size_t n = s->who->n_properties;
  uvmqtt_property_t *props =
      um_calloc(n + OWN_PROPERTIES + um_auth_room(s), sizeof *props);
  if (props == NULL)
    return UM_ENOMEM;
  s->clean_sent = wants_clean(s);
  if (s->clean_sent && !UM_MUTANT(9))
    um_resume_forget(s);
  note_connect(s);
  size_t own = own_properties(s, props);
  own += um_auth_properties(s, props + own);
  if (n != 0)
    memcpy(props + own, s->who->properties, n * sizeof *props);
  r = send_connect(s, props, own + n);
  um_free(props);
  um_auth_greeted(s, r);
  return r;
}

/* Without memory it is as if the server were no older: it is tried again, in
 * 5.0, but not at once. */
static void fall_back(struct um_session *s) {
  struct um_spoken *server = um_spoken_note(&s->spoken, s->server);
  if (server == NULL)
    return;
  server->only_311 = true;
  s->version = UM_V311;
  s->fell_back = true; /* settle tells */
  s->ending.retry_now = true;
}

static bool may_fall_back(const struct um_session *s) {
  return s->version == UM_V5 && s->config->version == UVMQTT_VERSION_ANY &&
         um_session_auth_method(s) == NULL; /* it would not be asked for */
}

void um_greet_silent_end(struct um_session *s) {
  if (!may_fall_back(s))
    return;
  struct um_spoken *server = um_spoken_note(&s->spoken, s->server);
  if (server != NULL && ++server->silent_ends >= SILENT_ENDS_MAX)
    fall_back(s);
}

void um_greet_heard(struct um_session *s) {
  struct um_spoken *server = um_spoken_find(&s->spoken, s->server);
  if (server != NULL)
    server->silent_ends = 0;
}

void um_greet_choose_version(struct um_session *s) {
  const struct um_spoken *server = um_spoken_find(&s->spoken, s->server);
  bool old = server != NULL && server->only_311;
  s->version =
      old || s->config->version == UVMQTT_VERSION_311 ? UM_V311 : UM_V5;
}

/* 20 02 00 01..05 or 20 02 00 00 in answer to a 5.0 CONNECT; one of 5.0 has at
 * least a property length more. */
bool um_greet_is_311_connack(const struct um_session *s, struct um_span frame) {
  return s->state == UM_SESSION_GREETING && s->version == UM_V5 &&
         frame.len == 4 && frame.data[0] == UVMQTT_CONNACK << 4 &&
         frame.data[2] == 0 && frame.data[3] <= 5;
}

int um_greet_recv_311_connack(struct um_session *s, struct um_span frame) {
  s->ending.reason = um_reason_from_connack_311(frame.data[3]);
  if (frame.data[3] == 1 && may_fall_back(s))
    fall_back(s);
  return UVMQTT_EVERSION;
}

/* Without memory it is as if the server had said nothing. */
static void copy_reason_string(struct um_session *s,
                               const struct um_packet *p) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_REASON_STRING);
  if (found == NULL || s->ending.reason_string != NULL)
    return;
  size_t len = strnlen(found->value.str, UM_REASON_STRING_MAX - 1);
  while (len != 0 && ((unsigned char)found->value.str[len] & 0xC0) == 0x80)
    len--; /* cut at a character */
  char *text = um_malloc(len + 1);
  if (text == NULL)
    return;
  memcpy(text, found->value.str, len);
  text[len] = '\0';
  s->ending.reason_string = text;
}

static bool is_redirect(uint8_t reason) {
  return reason == UVMQTT_REASON_USE_ANOTHER_SERVER ||
         reason == UVMQTT_REASON_SERVER_MOVED;
}

/* Without memory it is as if the server had named none. */
static void copy_reference(struct um_session *s, const struct um_packet *p) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_SERVER_REFERENCE);
  if (found != NULL)
    s->ending.server_reference = um_strdup(found->value.str);
}

void um_greet_note_reason(struct um_session *s, const struct um_packet *p,
                          uint8_t reason) {
  s->ending.reason = reason;
  copy_reason_string(s, p);
  if (is_redirect(reason))
    copy_reference(s, p);
}

static int refused(struct um_session *s, const struct um_packet *p,
                   uint8_t reason) {
  um_greet_note_reason(s, p, reason);
  if (reason != UVMQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION)
    return UVMQTT_EREFUSED;
  if (may_fall_back(s))
    fall_back(s);
  return UVMQTT_EVERSION;
}

static const char *text_of(const struct um_packet *p, uvmqtt_property_id_t id) {
  const uvmqtt_property_t *found =
      uvmqtt_property_find(p->properties, p->n_properties, id);
  return found == NULL ? NULL : found->value.str;
}

/* The identifier that the server made, kept for all later connections. */
static int check_client_id(struct um_session *s, const struct um_packet *p) {
  const char *assigned = text_of(p, UVMQTT_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER);
  bool asked = *um_session_client_id(s) == '\0';
  if (assigned != NULL && !asked)
    return UVMQTT_EPROTOCOL;
  if (s->version == UM_V311 || !asked)
    return 0;
  if (assigned == NULL || *assigned == '\0')
    return UVMQTT_ENOCLIENTID;
  if (UM_MUTANT(44)) /* another session at each connection */
    return 0;
  s->assigned_id = um_strdup(assigned);
  if (s->assigned_id == NULL)
    return UM_ENOMEM;
  note_connect(s); /* R4 */
  return 0;
}

static int keep_response_information(struct um_session *s,
                                     const struct um_packet *p) {
  const char *from = text_of(p, UVMQTT_PROPERTY_RESPONSE_INFORMATION);
  um_free(s->response_information);
  s->response_information = from == NULL ? NULL : um_strdup(from);
  return from != NULL && s->response_information == NULL ? UM_ENOMEM : 0;
}

static uint16_t lesser(uint16_t a, uint16_t b) {
  return a < b ? a : b;
}

static void tell(struct um_session *s, uvmqtt_notice_kind_t kind) {
  uvmqtt_notice_t notice = {.kind = kind};
  s->events->notice(s->up, &notice);
}

/* Session Present without a session of ours: [MQTT-3.2.2-4/5]. 3.1.1 has no
 * such rule, and a program that resumes counts as holding an empty one. */
static int check_present(struct um_session *s, bool present) {
  bool known = s->have_session && !s->clean_sent;
  if (!present || known)
    return 0;
  if (s->version == UM_V311 || s->config->mode == UVMQTT_SESSION_RESUME)
    return 0;
  s->force_clean = true;
  tell(s, UVMQTT_NOTICE_SESSION_MISMATCH);
  return UVMQTT_EPROTOCOL;
}

static void tell_connected(struct um_session *s, const struct um_packet *p) {
  const struct um_limits *l = &s->limits;
  uvmqtt_connack_t connack = {
      .version = s->version,
      .session_present = p->u.connack.session_present,
      .client_id = um_session_client_id(s),
      .keep_alive = l->keep_alive,
      .receive_maximum = l->receive_maximum,
      .maximum_packet_size = l->maximum_packet_size,
      .maximum_qos = l->maximum_qos,
      .retain_available = l->retain_available,
      .properties = p->properties,
      .n_properties = p->n_properties,
  };
  s->events->connected(s->up, &connack);
}

/* A 3.1.1 server that claims a session we asked it to discard has none of our
 * subscriptions. */
static int enter_up(struct um_session *s, const struct um_packet *p) {
  bool present = p->u.connack.session_present;
  bool unknown = present && (!s->have_session || s->clean_sent);
  bool resume = present && !s->clean_sent;
  int r = resume ? um_resume_present(s) : um_resume_lost(s);
  if (r)
    return r;
  s->have_session = true;
  s->force_clean = false;
  s->state = UM_SESSION_UP;
  s->rearm = true;
  um_keepalive_start(&s->keepalive, s->now, s->limits.keep_alive);
  um_keepalive_deaf(&s->keepalive, s->now, s->paused);
  tell_connected(s, p);
  if (unknown && !s->halted)
    tell(s, UVMQTT_NOTICE_SESSION_UNKNOWN);
  if (!s->halted)
    um_resume_report(s);
  if (!s->halted)
    um_requester_online(s);
  um_send_waiting(s);
  return 0;
}

static void read_limits(struct um_session *s, const struct um_packet *p) {
  struct um_asked asked = {.version = s->version,
                           .keep_alive = s->config->keep_alive,
                           .max_inflight = s->config->max_inflight,
                           .session_expiry = session_expiry(s)};
  um_limits_read(&s->limits, &asked, p);
}

int um_recv_connack(struct um_session *s, struct um_packet *p) {
  bool present = p->u.connack.session_present;
  uint8_t reason =
      s->version == UM_V311 ? um_reason_from_connack_311(p->reason) : p->reason;
  if (reason != 0)
    return refused(s, p, reason);
  read_limits(s, p);
  um_alias_out_open(&s->alias_out, lesser(s->limits.topic_alias_maximum,
                                          s->config->topic_alias_out));
  int r = um_auth_check_connack(s, p);
  if (r == 0)
    r = keep_response_information(s, p);
  if (r == 0)
    r = check_client_id(s, p);
  if (r == 0)
    r = check_present(s, present);
  if (r)
    return r;
  um_auth_accepted(s, p);
  if (!s->halted)
    r = enter_up(s, p);
  um_auth_wipe_received(p);
  return r;
}
