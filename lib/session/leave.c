/* The user's DISCONNECT. */
#include "session/session.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/send.h"
#include <string.h>

static bool has_property(const uvmqtt_property_t *p, size_t n,
                         uvmqtt_property_id_t id) {
  return uvmqtt_property_find(p, n, id) != NULL;
}

static bool is_text(const uvmqtt_property_t *p) {
  return p->id == UVMQTT_PROPERTY_REASON_STRING ||
         p->id == UVMQTT_PROPERTY_USER_PROPERTY;
}

/* The last Reason String or User Property; when there is none, everything. */
static void drop_last_text(struct um_packet *p, uvmqtt_property_t *list) {
  size_t i = p->n_properties;
  while (i != 0 && !is_text(&list[i - 1]))
    i--;
  if (i != 0)
    memmove(&list[i - 1], &list[i], (p->n_properties - i) * sizeof *list);
  p->n_properties = i == 0 ? 0 : p->n_properties - 1;
}

static bool fits(const struct um_session *s, const struct um_packet *p) {
  return um_encoded_size(s->version, p) <= s->limits.maximum_packet_size;
}

/* One property more than the user's, when the session is to end with us; what
 * makes the packet too large is left out ([MQTT-3.14.2-3/5],
 * [MQTT-3.14.2-4/5]). */
static int send_disconnect(struct um_session *s, uint8_t reason,
                           const uvmqtt_property_t *properties, size_t n) {
  uvmqtt_property_t *all = um_calloc(n + 1, sizeof *all);
  if (all == NULL)
    return UM_ENOMEM;
  if (n != 0)
    memcpy(all, properties, n * sizeof *all);
  if (s->config->mode == UVMQTT_SESSION_KEEP && !UM_MUTANT(36) &&
      !has_property(properties, n, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL))
    all[n++].id = UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL; /* 0 */
  struct um_packet p = {.type = UVMQTT_DISCONNECT,
                        .reason = reason,
                        .properties = all,
                        .n_properties = n};
  while (p.n_properties != 0 && !fits(s, &p))
    drop_last_text(&p, all);
  int r = um_send(s, &p);
  um_free(all);
  return r;
}

void um_session_leave(struct um_session *s, uint64_t now, uint8_t reason,
                      const uvmqtt_property_t *properties,
                      size_t n_properties) {
  if (s->state != UM_SESSION_UP)
    return;
  s->now = now;
  um_journal_drop(&s->journal);
  send_disconnect(s, reason, properties, n_properties);
  if (!UM_MUTANT(37))
    s->state = UM_SESSION_LEAVING; /* [MQTT-3.14.4-1/5, -2/311] */
  um_keepalive_stop(&s->keepalive);
}
