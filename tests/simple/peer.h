/* simple/peer.h: a server of one conversation, in a thread with a blocking
 * socket, that knows nothing of MQTT. It plays a list of lines, ended by NULL:
 *
 *   accept       takes the next connection
 *   < HEX        these bytes must come (support/hex.h)
 *   packet NN    one whole packet, of which only the first byte is looked at
 *   again        the last such packet once more
 *   > HEX        sends them, in one segment
 *   silent N     nothing comes for N ms
 *   sleep N      ms
 *   await        until the test says peer_go
 *   tell         the test's peer_told returns
 *   eof          the client closes
 *   close        closes
 *   reset        closes with a reset
 */
#ifndef SIMPLE_PEER_H
#define SIMPLE_PEER_H

#include <stdint.h>
#include <uv.h>

struct peer {
  const char *const *lines;
  int listener, fd;
  uint16_t port;
  uv_thread_t thread;
  uv_sem_t go, told;
  uint8_t packet[256]; /* the last one */
  size_t packet_len;
  char failure[256]; /* the line that went wrong, "" when all is well */
};

void peer_start(struct peer *p, const char *const *lines);
void peer_go(struct peer *p);
void peer_told(struct peer *p);
/* Until the last line was played; asserts that all went well. */
void peer_done(struct peer *p);

#endif
