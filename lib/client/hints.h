/* client/hints.h: what a person can do about an error, in one sentence. Pure.
 */
#ifndef UM_CLIENT_HINTS_H
#define UM_CLIENT_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uvmqtt/message.h>

struct um_fault;

#define UM_HINT_MAX 320u
#define UM_HINT_FIRST 8u /* bytes of the server that are looked at */

/* Who was to be reached when it was not. */
enum um_hint_peer { UM_HINT_SERVER, UM_HINT_PROXY, UM_HINT_SOCKET };

struct um_hint_facts {
  int code;
  uvmqtt_phase_t phase;
  uint8_t reason;               /* the server's, 0: none */
  const struct um_fault *fault; /* NULL: nothing more is known */
  const uint8_t *first;         /* what the server said first */
  size_t n_first;
  bool over_tls;          /* the handshake of TLS was over */
  enum um_hint_peer peer; /* with phases RESOLVE and CONNECT */
  bool unsigned_yet;      /* .on_ws_headers has not been answered */
};

/* Static text, or `buffer` of UM_HINT_MAX bytes; when that is NULL a hint that
 * needs it says less. Never NULL; "" with code 0. */
const char *um_hint(const struct um_hint_facts *f, char *buffer);

#endif
