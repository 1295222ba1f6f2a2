/* client/loop.h: what the clients of one uv loop share: the read buffer, the
 * spare out buffer, look-ups of names and which addresses failed, who may
 * connect when, the list of clients that want service, and the depth of our
 * callbacks on the stack.
 *
 * Made by the first client of a loop, freed when the last one has closed,
 * found by its uv_loop_t in a process-wide list under a mutex that is taken
 * only then. */
#ifndef UM_CLIENT_LOOP_H
#define UM_CLIENT_LOOP_H

#include "base/buf.h"
#include "base/list.h"
#include "client/budget.h"
#include "net/grudge.h"
#include "net/handles.h"
#include "net/resolve.h"
#include "session/commons.h"
#include <uv.h>
#include <uvmqtt/message.h>

struct uvmqtt_s;

struct um_loop {
  struct um_list link; /* in the process-wide list */
  uv_loop_t *uv;
  struct um_list clients;
  struct um_list dirty;  /* clients that want service */
  struct um_list shared; /* theirs, the latest first, see shared.h */
  unsigned refs;
  unsigned depth;            /* our callbacks on the stack */
  uv_thread_t thread;        /* theirs, while there are any */
  bool turning;              /* a turn was asked for */
  struct um_turns turns;     /* for all handles on it */
  struct um_handles handles; /* that clients share */
  struct um_commons commons; /* of the sessions */
  uint8_t *read_buffer;
  uint64_t (*slept_clock)(void); /* um_bootclock_slept, or a test's */
  uint64_t slept, looked;        /* see stay.h */
  struct um_resolver resolver;
  struct um_grudges grudges;
  struct um_budget budget;
  uvmqtt_error_t error; /* what uvmqtt_last_error gives out without memory */
  uint8_t *scratch;     /* for plain text of TLS; NULL: nobody needed it yet */
  void (*left)(struct uvmqtt_s *last); /* see um_loop_leave */
  struct uvmqtt_s *last;
};

#define UM_READ_BUFFER 65536u

/* Finds or makes the one for this uv loop and counts the client. UV_ENOMEM or
 * UVMQTT_ETHREAD. */
int um_loop_join(uv_loop_t *uv, struct uvmqtt_s *m, struct um_loop **ret);
/* The client is done with it; left(m) is called when the loop holds nothing of
 * ours for it any more: at once, or, for the last one, later. */
void um_loop_leave(struct um_loop *l, struct uvmqtt_s *m,
                   void (*left)(struct uvmqtt_s *m));

/* The scratch, UM_TLS_SCRATCH bytes; base is NULL when there is no memory. */
uv_buf_t um_loop_scratch(struct um_loop *l);

/* Around every callback from libuv. When the outermost one unwinds, clients
 * that want service are served, each once. */
void um_loop_enter(struct um_loop *l);
void um_loop_exit(struct um_loop *l);
/* This client wants um_pump_service: when our outermost callback unwinds, or,
 * outside of all, in the next turn of the loop. */
void um_loop_mark(struct um_loop *l, struct uvmqtt_s *m);

/* Is this the thread of our callbacks? Only while there are any. */
bool um_loop_is_here(const struct um_loop *l);
/* Certainly called from a thread that it must not be called from. */
static inline bool um_loop_is_elsewhere(const struct um_loop *l) {
  return l->depth != 0 && !um_loop_is_here(l);
}

/* In line with the others: may m begin to connect now? If not, *ret_when (ms)
 * is when to ask again; um_pump_service comes sooner when its turn does. */
bool um_loop_ask(struct um_loop *l, struct uvmqtt_s *m, uint64_t *ret_when);
/* m is online, has failed or wants no more. */
void um_loop_done_asking(struct um_loop *l, struct uvmqtt_s *m);

/* Is the handle one of any client of its loop? *ret_client is whose, NULL for
 * a shared one. */
bool um_loop_owns(const uv_handle_t *h, struct uvmqtt_s **ret_client);

#endif
