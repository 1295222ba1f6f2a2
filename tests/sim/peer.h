/* sim/peer.h: what the broker keeps for one connection. */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "sim/bytes.h"
#include <stdbool.h>

/* What CONNACK said. */
struct terms {
  uint16_t receive_maximum;
  uint32_t packet_max;
  uint8_t max_qos;
  bool retain, wildcard, shared, identifier;
  uint16_t keep_alive;
  uint16_t alias_max; /* that the client may use */
};

#define ALIASES_MAX 8

/* Which servers there are by name, that of the options the first. Behind them
 * is one broker; only how old it is differs. */
#define SERVERS 4u

struct peer {
  struct bytes rx;
  bool greeted;  /* CONNECT came */
  bool accepted; /* CONNACK with 0 was sent */
  bool present;  /* its Session Present */
  bool leaving;  /* no more is sent or looked at */
  uint8_t version;
  bool clean;
  char client_id[24];
  uint16_t receive_maximum; /* the client's */
  uint32_t packet_max;
  uint32_t expiry;
  uint16_t keep_alive; /* as CONNECT said */
  uint64_t heard;
  uint64_t last_suback; /* planned; the next one comes later */
  uint64_t generation;  /* of the session */
  int session;          /* index, -1: none */
  int expected; /* a bad packet was sent: what must come of it; 0: none */
  bool mute;    /* answers no PINGREQ */
  bool spoilt;  /* packets were mutated at random: nothing is judged */
  struct terms terms;
  bool auth;       /* it named a method */
  unsigned rounds; /* AUTH still to be sent */
  unsigned asked;  /* AUTH sent in this exchange */
  uint8_t said;    /* in the latest AUTH, which is not answered; 0: none is */
  bool again;      /* re-authentication */
  uint16_t alias_max;                /* that we may use */
  unsigned aliases[ALIASES_MAX + 1]; /* topic index + 1 by alias */
};

#endif
