#include "script/config.h"

#include "script/witness.h"
#include <stdlib.h>
#include <string.h>

static const char *own(struct player *p, const char *s) {
  if (s == NULL)
    return NULL;
  if (p->n_owned == OWNED_MAX)
    abort();
  return p->owned[p->n_owned++] = strcpy(malloc(strlen(s) + 1), s);
}

void config_default(struct player *p) {
  p->who = (struct um_identity){.client_id = "c"};
  p->config = (struct um_session_config){
      .version = UVMQTT_VERSION_5,
      .mode = UVMQTT_SESSION_KEEP,
      .lost = UVMQTT_LOST_REPUBLISH,
      .session_expiry = 300,
      .keep_alive = 60,
      .receive_maximum = 64,
      .maximum_packet_size = 1048576,
      .queue_messages = 10000,
      .queue_bytes = 64 * 1024 * 1024,
      .topic_alias_out = 64,
  };
}

static void set_will(struct player *p, const struct words *w) {
  const char *topic = words_value(w, "will.topic");
  if (topic == NULL)
    return;
  const char *payload = own(p, words_value(w, "will.payload"));
  text_properties_read(&p->will_properties, w, "will.");
  p->will = (uvmqtt_message_t){
      .topic = own(p, topic),
      .payload = {payload, payload == NULL ? 0 : strlen(payload)},
      .qos = (uint8_t)words_number(w, "will.qos", 0),
      .retain = words_number(w, "will.retain", 0) != 0,
      .properties = p->will_properties.p,
      .n_properties = p->will_properties.n,
  };
  p->who.will = &p->will;
}

static void set_enums(struct player *p, const struct words *w) {
  struct um_session_config *c = &p->config;
  const char *v = words_value(w, "session");
  if (v != NULL)
    c->mode = strcmp(v, "CLEAN") == 0    ? UVMQTT_SESSION_CLEAN
              : strcmp(v, "RESUME") == 0 ? UVMQTT_SESSION_RESUME
                                         : UVMQTT_SESSION_KEEP;
  v = words_value(w, "version");
  if (v != NULL)
    c->version = strcmp(v, "ANY") == 0 ? UVMQTT_VERSION_ANY
                 : *v == '4'           ? UVMQTT_VERSION_311
                                       : UVMQTT_VERSION_5;
  v = words_value(w, "lost");
  if (v != NULL)
    c->lost = strcmp(v, "FAIL") == 0   ? UVMQTT_LOST_FAIL
              : strcmp(v, "DROP") == 0 ? UVMQTT_LOST_DROP
                                       : UVMQTT_LOST_REPUBLISH;
  v = words_value(w, "overflow");
  if (v != NULL)
    c->overflow = strcmp(v, "OLDEST") == 0   ? UVMQTT_OVERFLOW_DROP_OLDEST
                  : strcmp(v, "QOS0") == 0   ? UVMQTT_OVERFLOW_DROP_OLDEST_QOS0
                  : strcmp(v, "LATEST") == 0 ? UVMQTT_OVERFLOW_LATEST_PER_TOPIC
                                             : UVMQTT_OVERFLOW_REFUSE;
  v = words_value(w, "store");
  if (v != NULL && strcmp(v, "none") != 0) {
    p->events.commit = witness_commit;
    p->late_store = strcmp(v, "late") == 0;
  }
}

void config_set(struct player *p, const struct words *w) {
  struct um_session_config *c = &p->config;
  set_enums(p, w);
  set_will(p, w);
  if (words_value(w, "client_id") != NULL)
    p->who.client_id = own(p, words_value(w, "client_id"));
  if (words_value(w, "username") != NULL)
    p->who.username = own(p, words_value(w, "username"));
  if (words_value(w, "auth_method") != NULL)
    p->who.auth_method = own(p, words_value(w, "auth_method"));
  const char *password = own(p, words_value(w, "password"));
  if (password != NULL)
    p->who.password = (uvmqtt_bytes_t){password, strlen(password)};
  if (words_value(w, "user_property") != NULL) {
    text_properties_read(&p->properties, w, "");
    size_t n = 0; /* session_expiry and the like are no such words */
    for (size_t i = 0; i < p->properties.n; i++)
      if (p->properties.p[i].id == UVMQTT_PROPERTY_USER_PROPERTY)
        p->properties.p[n++] = p->properties.p[i];
    p->who.properties = p->properties.p;
    p->who.n_properties = n;
  }
#define NUMBER(member, type)                                                   \
  c->member = (type)words_number(w, #member, c->member)
  NUMBER(session_expiry, uint32_t);
  NUMBER(keep_alive, uint16_t);
  NUMBER(receive_maximum, uint16_t);
  NUMBER(max_inflight, uint16_t);
  NUMBER(maximum_packet_size, uint32_t);
  NUMBER(topic_alias_maximum, uint16_t);
  NUMBER(topic_alias_out, uint16_t);
  NUMBER(request_response_information, bool);
  NUMBER(no_problem_information, bool);
  NUMBER(queue_messages, size_t);
  NUMBER(queue_bytes, uint64_t);
  NUMBER(high_water, uint64_t);
  NUMBER(low_water, uint64_t);
  NUMBER(chunk_threshold, uint32_t);
  p->who.withheld = words_number(w, "withheld", p->who.withheld) != 0;
  c->manual_ack = words_number(w, "manual_ack", c->manual_ack) != 0;
#undef NUMBER
  c->refuse_offline_qos0 =
      words_number(w, "refuse_offline_qos0", c->refuse_offline_qos0) != 0;
  c->drop_properties =
      words_number(w, "drop_properties", (uint64_t)c->drop_properties) != 0;
}
