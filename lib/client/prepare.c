#include "client/prepare.h"

#include "client/client.h"
#include "client/pump.h"
#include "client/sized.h"
#include <stdio.h>
#include <string.h>

#define HOST_SIZE 256u /* a name has up to 253 bytes, a path less */

void um_prepare_forget(uvmqtt_t *m) {
  m->prepare.state = UM_PREPARE_NONE;
}

uvmqtt_phase_t um_prepare_phase(const uvmqtt_t *m) {
  return m->options.shared->on_before_connect == NULL ? UVMQTT_PHASE_RESOLVE
                                                      : UVMQTT_PHASE_PREPARE;
}

/* The answer may come inside, and take the URL away. */
static void ask_user(uvmqtt_t *m) {
  const struct um_url *url = um_redirect_target(m);
  char host[HOST_SIZE];
  uvmqtt_attempt_t attempt = {.attempt = m->attempt,
                              .host = host,
                              .port = url->port,
                              .last_code = m->last.code,
                              .last_reason = m->last.reason,
                              .id = ++m->prepare.id};
  snprintf(host, sizeof host, "%s", url->host);
  m->prepare.state = UM_PREPARE_ASKED;
  m->options.shared->on_before_connect(m, &attempt);
}

void um_prepare_ask(uvmqtt_t *m) {
  m->prepare.verdict = 0;
  m->prepare.state = UM_PREPARE_ANSWERED;
  if (m->options.shared->on_before_connect != NULL)
    ask_user(m);
}

bool um_prepare_answered(uvmqtt_t *m, int *ret_verdict) {
  if (m->prepare.state != UM_PREPARE_ANSWERED)
    return false;
  m->prepare.state = UM_PREPARE_NONE;
  *ret_verdict = m->prepare.verdict;
  return true;
}

/* The answer. */

static int apply(uvmqtt_t *m, const uvmqtt_change_t *change) {
  bool moved;
  int r = um_options_change(&m->options, change, &moved);
  if (r)
    return r;
  if (moved ||
      (change->url != NULL && um_redirect_target(m) != &m->options.url))
    um_redirect_done(m); /* who says where to go says that they are over */
  um_redirect_open(m);   /* the session says the new ones */
  return 0;
}

static int take_change(const uvmqtt_change_t *from, uvmqtt_change_t *ret) {
  memset(ret, 0, sizeof *ret);
  if (from == NULL)
    return 0;
  int r = um_sized_take(from, 0, ret, sizeof *ret);
  return r == 0 && ret->refuse > 0 ? UV_EINVAL : r;
}

/* An answer may come when its question is void and a newer one is open. */
static bool is_open(const struct um_prepare *p, uint64_t id) {
  return p->state == UM_PREPARE_ASKED && (id == 0 || id == p->id);
}

int uvmqtt_go(uvmqtt_t *m, const uvmqtt_change_t *change) {
  uvmqtt_change_t c;
  int r = um_usable(m);
  if (r == 0)
    r = take_change(change, &c);
  if (r == 0 && !is_open(&m->prepare, c.id))
    r = UVMQTT_ESTALE;
  if (r == 0)
    r = apply(m, &c);
  if (r)
    return r;
  m->prepare.verdict = c.refuse;
  m->prepare.state = UM_PREPARE_ANSWERED;
  um_loop_mark(m->loop, m);
  return 0;
}
