#include "session/auth.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/send.h"
#include "session/session.h"
#include <assert.h>
#include <string.h>

#define OWN_PROPERTIES 2u /* method and data */

static const char *method(const struct um_session *s) {
  return um_session_auth_method(s);
}

static void tell(struct um_session *s, uvmqtt_auth_step_t step,
                 const uvmqtt_property_t *properties, size_t n) {
  const uvmqtt_property_t *data =
      uvmqtt_property_find(properties, n, UVMQTT_PROPERTY_AUTHENTICATION_DATA);
  uvmqtt_auth_t auth = {.step = step,
                        .method = method(s),
                        .properties = properties,
                        .n_properties = n};
  if (data != NULL)
    auth.data = data->value.bin;
  s->events->auth(s->up, &auth);
}

/* Method, data, then what the user adds. [MQTT-4.12.0-5/5] */
static uvmqtt_property_t *list_of(const struct um_session *s,
                                  uvmqtt_bytes_t data,
                                  const uvmqtt_property_t *more, size_t n,
                                  size_t *ret_n) {
  uvmqtt_property_t *list = um_calloc(n + OWN_PROPERTIES, sizeof *list);
  size_t i = 0;
  if (list == NULL)
    return NULL;
  list[i].id = UVMQTT_PROPERTY_AUTHENTICATION_METHOD;
  list[i++].value.str = method(s);
  if (data.data != NULL) {
    list[i].id = UVMQTT_PROPERTY_AUTHENTICATION_DATA;
    list[i++].value.bin = data;
  }
  if (n != 0)
    memcpy(list + i, more, n * sizeof *list);
  *ret_n = i + n;
  return list;
}

/* Before CONNACK the server's limit is not known. [MQTT-3.15.2-2/5],
 * [MQTT-3.15.2-3/5] */
static bool fits(const struct um_session *s, const struct um_packet *p) {
  size_t size = um_encoded_size(s->version, p);
  if (size == 0)
    return false;
  return s->state != UM_SESSION_UP || size <= s->limits.maximum_packet_size;
}

static int send(struct um_session *s, uint8_t reason, uvmqtt_bytes_t data,
                const uvmqtt_property_t *properties, size_t n) {
  struct um_packet p = {.type = UVMQTT_AUTH, .reason = reason};
  uvmqtt_property_t *list = list_of(s, data, properties, n, &p.n_properties);
  if (list == NULL)
    return UM_ENOMEM;
  p.properties = list;
  int r = fits(s, &p) ? um_send(s, &p) : UVMQTT_ETOOBIG;
  um_free(list);
  if (r)
    return r;
  s->out.secret = true;
  s->auth.turn = UM_MUTANT(61) ? UM_AUTH_USER : UM_AUTH_SERVER;
  return 0;
}

/* The data of CONNECT. */

static void forget_first(struct um_session *s) {
  struct um_op *op = s->auth.first;
  s->auth.first = NULL;
  if (op == NULL)
    return;
  um_wipe(op + 1, op->charge - sizeof *op);
  um_op_free(NULL, op);
}

static int keep_first(struct um_session *s, uvmqtt_bytes_t data,
                      const uvmqtt_property_t *properties, size_t n) {
  size_t n_list;
  uvmqtt_property_t *list = list_of(s, data, properties, n, &n_list);
  if (list != NULL)
    s->auth.first = um_op_unsubscribe(NULL, NULL, 0, list, n_list);
  um_free(list);
  s->auth.error = s->auth.first == NULL ? UM_ENOMEM : 0;
  return s->auth.error;
}

int um_session_ask(struct um_session *s) {
  if (method(s) == NULL)
    return 0;
  assert(s->state == UM_SESSION_DOWN);
  forget_first(s);
  s->auth.error = 0;
  s->auth.turn = UM_AUTH_START;
  tell(s, UVMQTT_AUTH_START, NULL, 0);
  s->auth.turn = UM_AUTH_NOBODY;
  return s->auth.error;
}

size_t um_auth_room(const struct um_session *s) {
  if (method(s) == NULL)
    return 0;
  return s->auth.first == NULL ? 1 : s->auth.first->n_properties;
}

size_t um_auth_properties(const struct um_session *s, uvmqtt_property_t *list) {
  const struct um_op *first = s->auth.first;
  size_t n = um_auth_room(s);
  if (first != NULL)
    memcpy(list, first->properties, n * sizeof *list);
  else if (n != 0)
    *list = (uvmqtt_property_t)UVMQTT_PROPERTY_STR(AUTHENTICATION_METHOD,
                                                   method(s));
  return n;
}

void um_auth_greeted(struct um_session *s, int r) {
  forget_first(s);
  s->auth.rounds = 0;
  if (r == 0 && method(s) != NULL)
    s->auth.turn = UM_AUTH_SERVER;
}

/* What the user asks for. */

int um_session_auth(struct um_session *s, uint64_t now, uvmqtt_bytes_t data,
                    const uvmqtt_property_t *properties, size_t n) {
  bool talking = s->state == UM_SESSION_GREETING || s->state == UM_SESSION_UP;
  s->now = now;
  if (method(s) == NULL)
    return UVMQTT_ENOTSUP;
  if (s->auth.turn == UM_AUTH_START && s->auth.first == NULL)
    return keep_first(s, data, properties, n);
  if (s->auth.turn != UM_AUTH_USER || !talking)
    return UVMQTT_ESTALE;
  /* [MQTT-4.12.0-3/5] */
  return send(s, UVMQTT_REASON_CONTINUE_AUTHENTICATION, data, properties, n);
}

int um_session_reauthenticate(struct um_session *s, uint64_t now,
                              uvmqtt_bytes_t data,
                              const uvmqtt_property_t *properties, size_t n,
                              uvmqtt_request_cb cb, void *arg,
                              uint64_t *ret_id) {
  s->now = now;
  if (method(s) == NULL) /* [MQTT-4.12.1-1/5] */
    return UVMQTT_ENOTSUP;
  if (s->state != UM_SESSION_UP)
    return UM_ENOTCONN;
  if (s->auth.turn != UM_AUTH_NOBODY)
    return UM_EALREADY;
  if (um_session_need_outbox(s))
    return UM_ENOMEM;
  struct um_op *op = um_op_unsubscribe(NULL, NULL, 0, NULL, 0);
  if (op == NULL)
    return UM_ENOMEM;
  int r = send(s, UVMQTT_REASON_RE_AUTHENTICATE, data, properties, n);
  if (r) {
    um_op_free(NULL, op);
    return r;
  }
  op->id = s->next_id++;
  op->cb = cb;
  op->arg = arg;
  s->auth.request = op;
  s->auth.rounds = 0;
  if (ret_id != NULL)
    *ret_id = op->id;
  return 0;
}

/* The outbox completes it: from settle, as all requests. */
void um_auth_join(struct um_session *s) {
  struct um_op *op = s->auth.request;
  s->auth.request = NULL;
  if (op != NULL)
    um_outbox_add(s->outbox, op);
}

static void finish(struct um_session *s, int status, uint8_t reason) {
  struct um_op *op = s->auth.request;
  um_auth_join(s);
  if (op != NULL)
    um_outbox_finish(s->outbox, op, status, reason);
}

/* What the server says. */

static bool names_our_method(const struct um_session *s,
                             const struct um_packet *p) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_AUTHENTICATION_METHOD);
  if (found == NULL || method(s) == NULL)
    return found == NULL && method(s) == NULL;
  return strcmp(found->value.str, method(s)) == 0;
}

/* [MQTT-4.12.0-5/5]; and [MQTT-4.12.0-6/5]: no method where we named none. A
 * server that asked must hear the answer before it can accept. */
int um_auth_check_connack(const struct um_session *s,
                          const struct um_packet *p) {
  bool our_turn = s->auth.turn == UM_AUTH_USER;
  return our_turn || !names_our_method(s, p) ? UVMQTT_EPROTOCOL : 0;
}

void um_auth_accepted(struct um_session *s, const struct um_packet *p) {
  if (method(s) == NULL)
    return;
  s->auth.turn = UM_AUTH_NOBODY;
  tell(s, UVMQTT_AUTH_SUCCESS, p->properties, p->n_properties);
}

void um_auth_wipe_received(const struct um_packet *p) {
  const uvmqtt_property_t *data = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_AUTHENTICATION_DATA);
  if (data != NULL) /* decoded in place: the memory is ours to change */
    um_wipe((void *)(uintptr_t)data->value.bin.data, data->value.bin.len);
}

/* Without a method it is never the server's turn ([MQTT-4.12.0-6/5]). An AUTH
 * of no length is Success without properties (3.15.2.1), so the method can be
 * missing there and nowhere else. Success before CONNACK is said by CONNACK. */
static int check_auth(const struct um_session *s, const struct um_packet *p) {
  bool success = p->reason == UVMQTT_REASON_SUCCESS;
  bool bare = success && p->n_properties == 0;
  if (s->auth.turn != UM_AUTH_SERVER)
    return UVMQTT_EPROTOCOL;
  if (success && s->state == UM_SESSION_GREETING)
    return UVMQTT_EPROTOCOL;
  return bare || names_our_method(s, p) ? 0 : UVMQTT_EPROTOCOL;
}

static int go_on(struct um_session *s, const struct um_packet *p) {
  if (s->auth.rounds == UM_AUTH_ROUNDS_MAX && !UM_MUTANT(62))
    return UVMQTT_EAUTH;
  s->auth.rounds++;
  s->auth.turn = UM_AUTH_USER;
  tell(s, UVMQTT_AUTH_CONTINUE, p->properties, p->n_properties);
  return 0;
}

int um_recv_auth(struct um_session *s, struct um_packet *p) {
  int r = check_auth(s, p);
  if (r)
    return r;
  if (p->reason == UVMQTT_REASON_CONTINUE_AUTHENTICATION) {
    r = go_on(s, p);
  } else {
    s->auth.turn = UM_AUTH_NOBODY;
    finish(s, 0, p->reason); /* settle tells; the event may ask anew */
    tell(s, UVMQTT_AUTH_SUCCESS, p->properties, p->n_properties);
  }
  um_auth_wipe_received(p);
  return r;
}

/* The end. */

/* The server says no with a DISCONNECT ([MQTT-4.12.1-2/5]). */
static void finish_by_ending(struct um_session *s, int code) {
  const struct um_ending *e = &s->ending;
  if (s->state == UM_SESSION_LEAVING || code == 0)
    finish(s, UM_ECANCELED, 0);
  else if (e->code == UVMQTT_EDISCONNECTED && e->reason >= 0x80)
    finish(s, UVMQTT_EREASON, e->reason);
  else
    finish(s, e->code == 0 ? UM_ECONNRESET : e->code, e->reason);
}

void um_auth_down(struct um_session *s, int code) {
  if (!s->halted) /* else it is cancelled with all others, in order */
    finish_by_ending(s, code);
  s->auth.turn = UM_AUTH_NOBODY;
  forget_first(s);
}

void um_auth_done(struct um_session *s) {
  forget_first(s);
  um_op_free(NULL, s->auth.request);
  s->auth.request = NULL;
}
