/* session/alias.h: Topic Aliases of one connection, in both directions. They
 * die with the connection ([MQTT-3.3.2-7/5]).
 *
 * Inbound: what the server taught us. Bounded by the Topic Alias Maximum that
 * we announced, times 64 KiB.
 *
 * Outbound: assigned by ourselves. A topic is worth an alias from its second
 * use on (a later one when others that came between hash alike). When all are
 * taken, the least recently used one gives way, but only after topics without
 * an alias could have saved as many bytes as it did lately: so a round of more
 * topics than aliases does not turn them over for nothing. Look-up is one hash
 * and, when it fits, one comparison. Memory comes with the first topic and is
 * kept until the connection ends. */
#ifndef UM_SESSION_ALIAS_H
#define UM_SESSION_ALIAS_H

#include "wire/packet.h"

struct um_alias_in {
  struct um_alias_topic { /* [alias - 1] */
    char *text;           /* NULL: not known */
    size_t len, cap;
  } * topics;
  uint16_t max; /* as announced; 0: none */
  uint16_t n;   /* room in topics */
};

/* A connection begins: forgets everything. Zeroed memory is closed. */
void um_alias_in_open(struct um_alias_in *in, uint16_t max);
void um_alias_in_close(struct um_alias_in *in);
/* A PUBLISH came, decoded into this scratch: its topic becomes the one meant,
 * which lives until the alias is given another, and the property is taken out,
 * as it says nothing to the user. 0, UVMQTT_ETOPICALIAS (more than announced),
 * UVMQTT_EPROTOCOL (unknown), UM_ENOMEM. */
int um_alias_in_resolve(struct um_alias_in *in, struct um_scratch *s,
                        struct um_packet *p);

struct um_alias_entry {
  char *topic;
  size_t len, cap;
  uint32_t hash;
  uint32_t credit; /* bytes saved, less what others could have saved */
  uint16_t chain;  /* next in the bucket, 0: last */
  uint16_t older, newer;
};

/* Made for the first topic that may get one. */
struct um_alias_table {
  uint16_t max;
  uint16_t n; /* in use: 1 to n */
  uint32_t mask;
  uint32_t dice;
  struct um_alias_entry *entries; /* [alias]; [0] ties the ends of the order of
                                     use together */
  uint32_t *seen;    /* [mask + 1] hash of the latest topic without alias */
  uint16_t *buckets; /* [mask + 1] */
};

struct um_alias_out {
  uint16_t max;                 /* that may be used; 0: none */
  struct um_alias_table *table; /* NULL: nothing used yet */
};

void um_alias_out_open(struct um_alias_out *out, uint16_t max);
void um_alias_out_close(struct um_alias_out *out);

/* Messages with more properties go out with their topic. */
#define UM_ALIAS_PROPERTIES 15u

/* A PUBLISH with an alias in it. */
struct um_aliased {
  struct um_packet packet;
  uvmqtt_property_t properties[UM_ALIAS_PROPERTIES + 1];
  const char *topic;
  size_t topic_len;
  uint32_t hash;
  uint16_t alias;
  bool known; /* to the server: the topic is left out */
};

/* False: send p as it is. True: send ret->packet, which is not larger than
 * max_size if p is not, and when that worked call um_alias_out_sent. */
bool um_alias_out_apply(struct um_alias_out *out, uint8_t version,
                        size_t max_size, const struct um_packet *p,
                        struct um_aliased *ret);
void um_alias_out_sent(struct um_alias_out *out, const struct um_aliased *a);

#endif
