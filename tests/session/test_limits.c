#include "session/limits.h"

#include "base/err.h"
#include "support/suite.h"

SUITE(limits);

static struct um_limits read(uint8_t version, const uvmqtt_property_t *p,
                             size_t n) {
  struct um_limits l;
  struct um_packet connack = {
      .type = UVMQTT_CONNACK, .properties = p, .n_properties = n};
  struct um_asked asked = {
      .version = version, .keep_alive = 60, .session_expiry = 300};
  um_limits_read(&l, &asked, &connack);
  return l;
}

static struct um_packet message(uint8_t qos, bool retain) {
  struct um_packet p = {.type = UVMQTT_PUBLISH, .id = qos ? 1 : 0};
  p.u.publish = (struct um_publish){
      .topic = "a", .topic_len = 1, .qos = qos, .retain = retain};
  return p;
}

static struct um_packet subscription(const uvmqtt_subscription_t *s) {
  struct um_packet p = {.type = UVMQTT_SUBSCRIBE, .id = 1};
  p.u.subscribe = (struct um_subscribe){s, 1};
  return p;
}

Test(limits, are_never_more_than_a_packet_can_have) {
  uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(MAXIMUM_PACKET_SIZE, UINT32_MAX);
  cr_assert_eq(read(UM_V5, &p, 1).maximum_packet_size, 268435460);
}

Test(limits, are_the_standards_when_the_server_says_nothing) {
  struct um_limits l = read(UM_V5, NULL, 0);
  cr_assert_eq(l.version, UM_V5);
  cr_assert_eq(l.keep_alive, 60);
  cr_assert_eq(l.receive_maximum, 65535);
  cr_assert_eq(l.maximum_packet_size, 268435460);
  cr_assert_eq(l.maximum_qos, 2);
  cr_assert(l.retain_available);
  cr_assert_eq(l.topic_alias_maximum, 0);
  cr_assert_eq(l.session_expiry, 300);
}

static uint16_t inflight(uint8_t version, uint16_t of_server,
                         uint16_t of_user) {
  struct um_limits l;
  uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(RECEIVE_MAXIMUM, of_server);
  struct um_packet connack = {
      .type = UVMQTT_CONNACK, .properties = &p, .n_properties = of_server != 0};
  struct um_asked asked = {.version = version, .max_inflight = of_user};
  um_limits_read(&l, &asked, &connack);
  return l.receive_maximum;
}

Test(limits, of_messages_in_flight_are_the_least_of_all) {
  cr_assert_eq(inflight(UM_V311, 0, 0), 20);
  cr_assert_eq(inflight(UM_V311, 0, 500), 500);
  cr_assert_eq(inflight(UM_V5, 0, 0), 65535);
  cr_assert_eq(inflight(UM_V5, 30, 0), 30);
  cr_assert_eq(inflight(UM_V5, 30, 10), 10);
  cr_assert_eq(inflight(UM_V5, 10, 30), 10);
}

/* [MQTT-3.2.2-21/5] */
Test(limits, are_the_servers_when_it_says_so) {
  uvmqtt_property_t p[] = {
      UVMQTT_PROPERTY_NUM(SERVER_KEEP_ALIVE, 5),
      UVMQTT_PROPERTY_NUM(RECEIVE_MAXIMUM, 6),
      UVMQTT_PROPERTY_NUM(MAXIMUM_PACKET_SIZE, 7),
      UVMQTT_PROPERTY_NUM(MAXIMUM_QOS, 1),
      UVMQTT_PROPERTY_NUM(RETAIN_AVAILABLE, 0),
      UVMQTT_PROPERTY_NUM(TOPIC_ALIAS_MAXIMUM, 8),
      UVMQTT_PROPERTY_NUM(SESSION_EXPIRY_INTERVAL, 9),
      UVMQTT_PROPERTY_STR(ASSIGNED_CLIENT_IDENTIFIER, "id"),
      UVMQTT_PROPERTY_STR(RESPONSE_INFORMATION, "r"),
  };
  struct um_limits l = read(UM_V5, p, sizeof p / sizeof p[0]);
  cr_assert_eq(l.keep_alive, 5);
  cr_assert_eq(l.receive_maximum, 6);
  cr_assert_eq(l.maximum_packet_size, 7);
  cr_assert_eq(l.maximum_qos, 1);
  cr_assert_not(l.retain_available);
  cr_assert_eq(l.topic_alias_maximum, 8);
  cr_assert_eq(l.session_expiry, 9);
}

/* [MQTT-3.2.2-11/5], [MQTT-3.2.2-14/5] */
Test(limits, refuse_a_qos_and_retain_that_the_server_has_not) {
  uvmqtt_property_t p[] = {UVMQTT_PROPERTY_NUM(MAXIMUM_QOS, 1),
                           UVMQTT_PROPERTY_NUM(RETAIN_AVAILABLE, 0)};
  struct um_limits l = read(UM_V5, p, 2), none = read(UM_V5, NULL, 0);
  struct um_packet m = message(2, false);
  cr_assert_eq(um_limits_check(&l, &m, true), UVMQTT_ENOTSUP);
  cr_assert_eq(um_limits_check(&none, &m, false), 0);
  m = message(1, false);
  cr_assert_eq(um_limits_check(&l, &m, false), 0);
  m = message(0, true);
  cr_assert_eq(um_limits_check(&l, &m, true), UVMQTT_ENOTSUP);
  cr_assert_eq(um_limits_check(&none, &m, false), 0);
}

/* [MQTT-3.2.2-15/5] */
Test(limits, refuse_a_packet_one_byte_too_large) {
  struct um_packet m = message(1, false); /* 2 + 3 + 2 + 1 + payload */
  uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(MAXIMUM_PACKET_SIZE, 18);
  struct um_limits l = read(UM_V5, &p, 1);
  m.u.publish.payload = (uvmqtt_bytes_t){"0123456789x", 10};
  cr_assert_eq(um_limits_check(&l, &m, false), 0);
  m.u.publish.payload.len = 11;
  cr_assert_eq(um_limits_check(&l, &m, false), UVMQTT_ETOOBIG);
}

Test(limits, refuse_what_311_cannot_say) {
  struct um_limits l = read(UM_V311, NULL, 0);
  uvmqtt_property_t p = UVMQTT_CONTENT_TYPE("t");
  struct um_packet m = message(1, true);
  cr_assert_eq(um_limits_check(&l, &m, false), 0);
  m.properties = &p;
  m.n_properties = 1;
  cr_assert_eq(um_limits_check(&l, &m, false), UVMQTT_ENOTSUP);
  cr_assert_eq(um_limits_check(&l, &m, true), 0);
  uvmqtt_subscription_t s[] = {{.filter = "a", .qos = 2},
                               {.filter = "a", .no_local = true},
                               {.filter = "a", .retain_as_published = true},
                               {.filter = "a", .retain_handling = 1}};
  for (size_t i = 0; i < 4; i++) {
    m = subscription(&s[i]);
    cr_assert_eq(um_limits_check(&l, &m, true), i == 0 ? 0 : UVMQTT_ENOTSUP);
  }
}

/* 3.2.2.3.11 to 3.2.2.3.13 */
Test(limits, refuse_filters_that_the_server_has_not) {
  static const struct {
    uvmqtt_property_id_t id;
    const char *refused, *granted;
  } rows[] = {
      {UVMQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE, "a/#", "a/b"},
      {UVMQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE, "+", "$share/g/a"},
      {UVMQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE, "$share/g/+", "$a"},
      {UVMQTT_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE, "$share/g/a", "#"},
      {UVMQTT_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE, "$share/g/#", "share/a"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uvmqtt_property_t p = {rows[i].id, {.num = 0}};
    struct um_limits l = read(UM_V5, &p, 1);
    uvmqtt_subscription_t s = {.filter = rows[i].refused};
    struct um_packet sub = subscription(&s);
    cr_assert_eq(um_limits_check(&l, &sub, false), UVMQTT_ENOTSUP);
    s.filter = rows[i].granted;
    cr_assert_eq(um_limits_check(&l, &sub, false), 0);
  }
}

Test(limits, refuse_a_subscription_identifier_that_the_server_has_not) {
  uvmqtt_property_t p =
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER_AVAILABLE, 0);
  uvmqtt_property_t id = UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 3);
  struct um_limits l = read(UM_V5, &p, 1), none = read(UM_V5, NULL, 0);
  uvmqtt_subscription_t s = {.filter = "a"};
  struct um_packet sub = subscription(&s);
  sub.properties = &id;
  sub.n_properties = 1;
  cr_assert_eq(um_limits_check(&l, &sub, false), UVMQTT_ENOTSUP);
  cr_assert_eq(um_limits_check(&none, &sub, false), 0);
}
