/* scale/sink.h: a server in a process of its own that accepts any number of
 * clients, answers CONNECT and PINGREQ, writes down when each came, and can be
 * away for a while. */
#ifndef SCALE_SINK_H
#define SCALE_SINK_H

#include <stdint.h>
#include <sys/types.h>

#define SINK_ACCEPTED_MAX 100000u

struct sink_shared;

struct sink {
  pid_t pid;
  uint16_t port;
  struct sink_shared *shared;
};

/* Before sink_start: it speaks TLS, and *ret_pem is the root to trust, for the
 * caller to free. */
void sink_secure(char **ret_pem);
void sink_start(struct sink *s); /* before any loop is made; exits on failure */
void sink_stop(struct sink *s);
/* Away: every connection is reset and new ones are refused. Returns when it is
 * so. */
void sink_away(struct sink *s, int away);
/* ms of the monotonic clock at which each of the *ret_n was accepted. */
const uint64_t *sink_accepted(const struct sink *s, uint32_t *ret_n);
uint32_t sink_pings(const struct sink *s);

uint64_t clock_ms(void);

#endif
