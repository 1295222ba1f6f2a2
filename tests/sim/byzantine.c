#include "sim/byzantine.h"

#include "sim/world.h"

void byzantine_touch(struct world *w, struct conn *c, struct bytes *packet) {
  if (w->climate.byzantine != MUTATED || !fault(w, 60))
    return;
  uint8_t *p = bytes_head(packet);
  for (uint64_t n = range(w, 1, 4); n != 0; n--) {
    size_t i = (size_t)roll(w, chance(w, 500) ? 4 : packet->len);
    if (i < packet->len)
      p[i] = (uint8_t)(chance(w, 500) ? p[i] ^ 1u << roll(w, 8) : roll(w, 256));
  }
  if (chance(w, 100))
    bytes_add(packet, "\0\xff\xff\xff", (size_t)range(w, 1, 4));
  c->peer.spoilt = true;
}

#define BOTH 0
#define V5 5
#define V311 4

/* Packets that are wrong whatever the state, after CONNACK. */
static const struct bad {
  const char *name;
  int version; /* BOTH, or only there */
  int expected;
  size_t len;
  const char *bytes;
} bad[] = {
#define BAD(name, version, expected, bytes)                                    \
  { name, version, expected, sizeof(bytes) - 1, bytes }
    BAD("N01 length of five bytes", BOTH, UVMQTT_EMALFORMED,
        "\x30\xff\xff\xff\xff\x01"),
    BAD("N02 overlong length", V5, UVMQTT_EMALFORMED, "\xd0\x80\x00"),
    BAD("N03 larger than our maximum", BOTH, UVMQTT_ETOOBIG,
        "\x30\xff\xff\xff\x7f"),
    BAD("N07 PINGRESP with a body", BOTH, UVMQTT_EMALFORMED, "\xd0\x01\x00"),
    BAD("N07 PUBACK with a tail", V311, UVMQTT_EMALFORMED,
        "\x40\x03\x00\x01\x00"),
    BAD("N08 type 0", BOTH, UVMQTT_EMALFORMED, "\x00\x00"),
    BAD("N09 type 15", V311, UVMQTT_EMALFORMED, "\xf0\x00"),
    BAD("N10 PUBACK with flags", BOTH, UVMQTT_EMALFORMED, "\x41\x02\x00\x01"),
    BAD("N10 PUBREL without flags", BOTH, UVMQTT_EMALFORMED,
        "\x60\x02\x00\x01"),
    BAD("N11 PINGREQ", BOTH, UVMQTT_EPROTOCOL, "\xc0\x00"),
    BAD("N11 SUBSCRIBE", V311, UVMQTT_EPROTOCOL,
        "\x82\x06\x00\x01\x00\x01v\x00"),
    BAD("N12 DISCONNECT", V311, UVMQTT_EPROTOCOL, "\xe0\x00"),
    BAD("N13 QoS 3", BOTH, UVMQTT_EMALFORMED, "\x36\x06\x00\x01v\x00\x01\x00"),
    BAD("N14 DUP with QoS 0", BOTH, UVMQTT_EMALFORMED, "\x38\x04\x00\x01v\x00"),
    BAD("N15 topic longer than the packet", BOTH, UVMQTT_EMALFORMED,
        "\x30\x04\x00\x0fv\x00"),
    BAD("N16 PUBLISH with id 0", BOTH, UVMQTT_EPROTOCOL,
        "\x32\x06\x00\x01v\x00\x00\x00"),
    BAD("N16 PUBACK with id 0", BOTH, UVMQTT_EPROTOCOL, "\x40\x02\x00\x00"),
    BAD("N17 empty topic", BOTH, UVMQTT_EPROTOCOL, "\x30\x03\x00\x00\x00"),
    BAD("N18 wildcard in a topic", BOTH, UVMQTT_EMALFORMED,
        "\x30\x04\x00\x01#\x00"),
    BAD("N19 NUL in a topic", BOTH, UVMQTT_EMALFORMED,
        "\x30\x05\x00\x02v\x00\x00"),
    BAD("N19 half a character", BOTH, UVMQTT_EMALFORMED,
        "\x30\x05\x00\x02v\xc3\x00"),
    BAD("N21 SUBACK without codes", V311, UVMQTT_EPROTOCOL, "\x90\x02\xfd\x01"),
    BAD("N25 SUBACK of nothing", V5, UVMQTT_EPROTOCOL,
        "\x90\x04\xfd\x01\x00\x00"),
    BAD("N25 UNSUBACK of nothing", V311, UVMQTT_EPROTOCOL, "\xb0\x02\xfd\x01"),
    BAD("N33 alias beyond what is allowed", V5, UVMQTT_ETOPICALIAS,
        "\x30\x07\x00\x01v\x03\x23\xff\xff"),
    BAD("N36 PUBACK with a wrong reason", V5, UVMQTT_EPROTOCOL,
        "\x40\x03\xfd\x01\x01"),
    BAD("N37 property in the wrong packet", V5, UVMQTT_EPROTOCOL,
        "\x30\x07\x00\x01v\x03\x21\x00\x01"),
    BAD("N38 property twice", V5, UVMQTT_EPROTOCOL,
        "\x30\x08\x00\x01v\x04\x01\x00\x01\x00"),
    BAD("N39 unknown property", V5, UVMQTT_EMALFORMED,
        "\x30\x06\x00\x01v\x02\x7f\x00"),
    BAD("N40 properties longer than the packet", V5, UVMQTT_EMALFORMED,
        "\x30\x06\x00\x01v\x09\x01\x00"),
    BAD("N41 payload format 2", V5, UVMQTT_EPROTOCOL,
        "\x30\x06\x00\x01v\x02\x01\x02"),
    BAD("N55 second CONNACK", V5, UVMQTT_EPROTOCOL, "\x20\x03\x00\x00\x00"),
    BAD("N55 second CONNACK", V311, UVMQTT_EPROTOCOL, "\x20\x02\x00\x00"),
    BAD("N68 AUTH unasked", V5, UVMQTT_EPROTOCOL, "\xf0\x02\x18\x00"),
    BAD("N69 DISCONNECT with 0x04", V5, UVMQTT_EPROTOCOL, "\xe0\x01\x04"),
#undef BAD
};

static const struct bad *draw(struct world *w, const struct conn *c) {
  for (;;) {
    const struct bad *b = &bad[roll(w, sizeof bad / sizeof bad[0])];
    if (b->version == BOTH || b->version == c->peer.version)
      return b;
  }
}

/* N24: an answer to a SUBSCRIBE with the id of a message. */
static bool wrong_answer(struct world *w, const struct conn *c,
                         struct bytes *to) {
  const struct judge *j = &w->judge;
  bool v5 = c->peer.version == UM_V5;
  for (size_t i = 0; i < j->n_flights; i++) {
    if (j->flights[i].kind != ASK_PUBLISH || !j->flights[i].here)
      continue;
    put8(to, chance(w, 500) || !v5 ? 0x90 : 0xb0);
    put8(to, v5 ? 4 : 3);
    put16(to, j->flights[i].pid);
    if (v5)
      put8(to, 0);
    put8(to, 0);
    note(w, "N24 SUBACK for message %llu", j->flights[i].number, 0, 0);
    return true;
  }
  return false;
}

void byzantine_send(struct world *w, struct conn *c) {
  const struct bad *b = draw(w, c);
  struct arrival a = {0}; /* type 0: the judge knows it by that */
  struct bytes packet = {0};
  int expected = UVMQTT_EPROTOCOL;
  if (!chance(w, 400) || !wrong_answer(w, c, &packet)) {
    note(w, b->name, 0, 0, 0);
    bytes_add(&packet, b->bytes, b->len);
    expected = b->expected;
  }
  net_broker_send(w, c, &packet, &a);
  bytes_done(&packet);
  uint32_t number = broker_new_message(w, 0, 0, PAYLOAD_LEAST);
  w->ledger.inbound[number].planted = true;
  c->peer.expected = expected;
  broker_publish(w, c, number, 0, false);
}
