#include "client/redirect.h"

#include "base/alloc.h"
#include "client/client.h"
#include <string.h>

#define FOLLOW_MAX 5u /* in a row; then slowly, from where we began */

static bool is_set(const struct um_target *t) {
  return t->url.memory != NULL;
}

static void clear(struct um_target *t) {
  um_url_done(&t->url);
  t->secrets = false;
}

const struct um_url *um_redirect_target(const uvmqtt_t *m) {
  const struct um_redirect *r = m->redirect;
  if (r != NULL && is_set(&r->detour))
    return &r->detour.url;
  return r != NULL && is_set(&r->moved) ? &r->moved.url : &m->options.url;
}

/* Who was configured knows them. */
bool um_redirect_trusts(const uvmqtt_t *m) {
  const struct um_redirect *r = m->redirect;
  if (r != NULL && is_set(&r->detour))
    return r->detour.secrets;
  return r == NULL || !is_set(&r->moved) || r->moved.secrets;
}

void um_redirect_open(uvmqtt_t *m) {
  m->options.who.withheld = !um_redirect_trusts(m);
}

void um_redirect_stable(uvmqtt_t *m) {
  if (m->redirect != NULL)
    m->redirect->in_a_row = 0;
}

void um_redirect_done(uvmqtt_t *m) {
  if (m->redirect == NULL)
    return;
  clear(&m->redirect->detour);
  clear(&m->redirect->moved);
  um_free(m->redirect);
  m->redirect = NULL;
}

/* A fall-back to 3.1.1 goes to the same server again. */
static void end_detour(uvmqtt_t *m) {
  bool on_one = m->redirect != NULL && is_set(&m->redirect->detour);
  if (!on_one || m->session.ending.retry_now)
    return;
  clear(&m->redirect->detour);
}

/* Nobody is asked when there will be no further attempt. */
static bool is_redirected(const uvmqtt_t *m, int code) {
  const struct um_ending *e = &m->session.ending;
  bool goes_on = m->wanted && m->options.shared->reconnect && !um_is_leaving(m);
  return goes_on && !m->closing && code == e->code &&
         e->server_reference != NULL && m->options.shared->on_redirect != NULL;
}

/* Servers that send us round in circles are left alone for a while. */
static bool is_loop(uvmqtt_t *m) {
  if (m->redirect == NULL || m->redirect->in_a_row < FOLLOW_MAX)
    return false;
  um_redirect_done(m);
  return true;
}

static bool follow(uvmqtt_t *m, const uvmqtt_redirect_t *r, bool secrets) {
  struct um_target target = {.secrets = secrets};
  if (um_url_elsewhere(um_redirect_target(m), r->reference, &target.url))
    return false;
  if (m->redirect == NULL)
    m->redirect = um_calloc(1, sizeof *m->redirect);
  struct um_redirect *own = m->redirect;
  if (own == NULL) {
    clear(&target);
    return false;
  }
  struct um_target *to = r->permanent ? &own->moved : &own->detour;
  clear(to);
  *to = target;
  own->in_a_row++;
  return true;
}

bool um_redirect_ended(uvmqtt_t *m, int code) {
  end_detour(m);
  if (!is_redirected(m, code) || is_loop(m))
    return false;
  uvmqtt_redirect_t r = {
      .reason = m->session.ending.reason,
      .reference = m->session.ending.server_reference,
      .permanent = m->session.ending.reason == UVMQTT_REASON_SERVER_MOVED,
  };
  uvmqtt_redirect_verdict_t verdict = m->options.shared->on_redirect(m, &r);
  if (m->closing || !m->wanted || verdict == UVMQTT_REDIRECT_IGNORE)
    return false;
  return follow(m, &r, verdict == UVMQTT_REDIRECT_FOLLOW_WITH_CREDENTIALS);
}
