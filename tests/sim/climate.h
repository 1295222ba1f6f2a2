/* sim/climate.h: what one seed is like: which features are on, which faults
 * happen and how often. Each seed draws some of them (swarm testing). */
#ifndef SIM_CLIMATE_H
#define SIM_CLIMATE_H

#include <stdbool.h>
#include <stdint.h>
#include <uvmqtt/options.h>

struct world;

#define AUTH_METHOD "sim"

enum old_server { OLD_NOT, OLD_REFUSES, OLD_REFUSES_311, OLD_CLOSES };
enum byzantine { HONEST, BAD_PACKETS, MUTATED };
enum storing { STORE_NONE, STORE_AT_ONCE, STORE_LATE };

struct climate {
  /* The client. */
  uvmqtt_protocol_t version;
  uvmqtt_session_mode_t mode;
  uvmqtt_session_lost_t lost;
  char client_id[16];
  bool will, credentials, drop_properties;
  bool auth; /* enhanced authentication */
  uint16_t alias_in, alias_out;
  uvmqtt_overflow_t overflow;
  uint64_t high_water;
  bool refuse_offline_qos0, manual_ack;
  uint32_t chunk_threshold; /* 0: none */
  uvmqtt_redirect_verdict_t redirect;
  uint16_t keep_alive, receive_maximum, max_inflight;
  uint32_t packet_max, session_expiry;
  uint32_t queue_messages;
  uint64_t queue_bytes;
  uint32_t connect_timeout, connack_timeout, reconnect_min, reconnect_max,
      reconnect_stable;

  /* The store. */
  enum storing storing;
  uint32_t store_delay; /* ms, at most */
  unsigned store_stalls;
  unsigned store_failures; /* per thousand batches */

  /* The network; chances in a thousand. */
  uint32_t latency;
  unsigned splits;
  uint32_t window;
  uint32_t weather; /* ms between two faults, on average; 0: none */

  /* The broker. */
  enum old_server old;
  bool old_beyond; /* only where redirects lead to */
  enum byzantine byzantine;
  unsigned forgets;  /* sessions, at a reconnect */
  unsigned restarts; /* of the faults */
  unsigned refuses;  /* CONNECTs */
  unsigned rejects;  /* PUBLISHes and filters */
  unsigned limits;   /* a CONNACK has limits */
  bool shuffles;     /* SUBACKs and UNSUBACKs overtake each other */
  unsigned echoes;   /* an acknowledgement comes twice, the second time late */
  unsigned auth_rounds, auth_denials;
  unsigned redirects; /* of what it says when it refuses or ends */
  unsigned aliases;   /* of the messages that it sends */
  unsigned questions; /* of these, requests to be answered */
  unsigned silences;  /* of our requests, not answered */
  unsigned storms;    /* redelivery without need, 3.1.1 */
  uint32_t ack_delay;
  uint32_t traffic; /* ms between messages of others; 0: none */

  /* The application. */
  unsigned actions;
  uint32_t pace;    /* ms between actions, on average */
  unsigned reentry; /* calls inside callbacks */
  unsigned expiring, pauses, leaves, closes;
  unsigned timing_out, cancels, urgencies, handlers, requests, reauths;
  unsigned late_acks; /* manual acknowledgements, not in the callback */
  uint32_t payload_max;

  unsigned alloc_failures; /* per million */
  bool liveness;
};

void climate_draw(struct world *w);

#endif
