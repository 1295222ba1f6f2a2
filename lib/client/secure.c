#include "client/secure.h"

#include "client/client.h"
#include "client/pump.h"
#include "net/security.h"
#include "net/tls.h"

/* A context that would not be used is a mistake that must not go unseen. */
int um_secure_read(const uvmqtt_options_t *o, const struct um_url *url,
                   uvmqtt_tls_t **ret) {
  if (!um_route_has_tls(url->transport))
    return o->tls == NULL ? 0 : UVMQTT_ETLSCONFIG;
  int r = um_tls_check_host(url->host);
  if (r)
    return r;
  if (o->tls == NULL)
    r = um_tls_default(ret);
  else
    *ret = uvmqtt_tls_ref(o->tls);
  return r ? r : um_tls_prepare(*ret);
}

int um_secure_fill(uvmqtt_t *m, struct um_route *route) {
  route->tls = m->options.tls;
  if (route->tls == NULL)
    return 0;
  route->scratch = um_loop_scratch(m->loop);
  return route->scratch.base == NULL ? UV_ENOMEM : 0;
}

bool um_secure_enough(const uvmqtt_t *m) {
  const struct um_identity *who = &m->options.who;
  bool has_some = who->username != NULL || who->password.data != NULL ||
                  who->auth_method != NULL;
  bool secrets = has_some && !who->withheld;
  return !secrets || m->stream->security != NULL || m->stream->loopback ||
         m->options.shared->plain_credentials;
}

static void warn(uvmqtt_t *m, bool true_now, uvmqtt_notice_kind_t kind) {
  uvmqtt_notice_t notice = {.kind = kind};
  if (true_now && !m->closing)
    um_pump_events.notice(m, &notice);
}

void um_secure_warn(uvmqtt_t *m) {
  const struct um_security *security = m->stream->security;
  if (security == NULL)
    return;
  unsigned warnings = um_tls_warnings(m->options.tls);
  warn(m, !security->verified, UVMQTT_NOTICE_TLS_UNVERIFIED);
  warn(m, warnings & UM_TLS_KEY_EXPOSED, UVMQTT_NOTICE_TLS_KEY_EXPOSED);
  warn(m, warnings & UM_TLS_RELOAD, UVMQTT_NOTICE_TLS_RELOAD);
}
