/* client/client.h: what a client is made of. */
#ifndef UM_CLIENT_CLIENT_H
#define UM_CLIENT_CLIENT_H

#include "base/err.h"
#include "client/backoff.h"
#include "client/hints.h"
#include "client/leave.h"
#include "client/lookup.h"
#include "client/loop.h"
#include "client/options.h"
#include "client/prepare.h"
#include "client/redirect.h"
#include "client/stay.h"
#include "client/timings.h"
#include "client/verdict.h"
#include "net/handles.h"
#include "net/stream.h"
#include "session/session.h"
#include <uv.h>
#include <uvmqtt/client.h>

/* What uvmqtt_get_stats tells of the link; the session counts the rest. */
struct um_tally {
  uint64_t bytes_sent, bytes_received, writes, reads;
  uint32_t attempts, connects, losses, failures, tls_resumed, probes;
  uvmqtt_timings_t timings;
};

/* Of the latest error, so much is kept without memory. */
struct um_last {
  int code; /* 0: there was none */
  uint8_t phase;
  uint8_t reason; /* the server's */
};

struct uvmqtt_s {
  struct um_loop *loop;    /* shared by the clients of one uv loop */
  struct um_list in_loop;  /* its list of clients */
  struct um_list in_dirty; /* its list of clients to serve, or alone */
  struct um_options options;
  struct um_session session;
  void *data;

  /* link.c */
  struct um_stream *stream; /* NULL when there is none */
  uvmqtt_state_t state;
  uint32_t attempt;
  int phase;   /* connecting: of the deadline */
  bool wanted; /* to be online */
  bool kicked; /* uvmqtt_connect while waiting: try at once */
  bool heard_connack;
  bool stream_closing;
  bool ws_asked;   /* for headers, and waits for the answer */
  bool was_stable; /* the next attempt is the first again */
  bool overdue;    /* deadline passed once; read once more, then act */
  uint64_t online_since;
  uint64_t deadline;   /* of the state: connect time-out, back-off */
  uint64_t connect_by; /* connecting: whatever the phase */
  struct um_past past;
  struct um_backoff backoff;
  struct um_redirect *redirect; /* NULL: none was followed */
  struct um_prepare prepare;
  struct um_stopwatch *stopwatch; /* NULL: no attempt, or no memory for it */
  struct um_stay stay;
  struct um_lookups *lookups; /* NULL: not the user's business */
  struct um_turn turn;        /* to connect, among the loop's clients */
  struct um_leave leave;
  int64_t retry_in;

  /* the latest error and the memory behind it */
  struct um_last last;
  struct um_details *details;   /* NULL: none, or no memory for them */
  uint8_t first[UM_HINT_FIRST]; /* of the server's bytes, for a hint */
  uint8_t n_first;

  /* pump.c */
  struct um_handles handles; /* the timer */
  uv_timer_t *timer;         /* NULL until needed */
  uint64_t armed;            /* when it fires; UM_NEVER: not running */
  int write_error;           /* met inside a user's call, told in service */
  bool throttled;            /* the peer does not take our bytes */
  bool not_reading;          /* throttled, or the user wants no more now */
  struct um_tally stats;

  /* remote.c */
  struct um_list remotes; /* open ones */
  bool remotes_wait;      /* one could not hand over all: the queue was full */

  bool closing;
  bool torn_down; /* requests cancelled, handles being closed */
  bool handles_closed;
  uvmqtt_close_cb close_cb;
  void *close_arg;
};

/* Every call begins with this. */
static inline int um_usable(const uvmqtt_t *m) {
  if (m == NULL)
    return UV_EINVAL;
  if (um_loop_is_elsewhere(m->loop))
    return UVMQTT_ETHREAD;
  return m->closing ? UV_ECANCELED : 0;
}

/* On the way out, and not waiting for what is held to complete first. */
static inline bool um_is_leaving(const uvmqtt_t *m) {
  return m->leave.asked && !m->leave.draining;
}

#endif
