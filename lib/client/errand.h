/* client/errand.h: one request of another thread, from its call to the call
 * that the loop's thread makes of it. */
#ifndef UM_CLIENT_ERRAND_H
#define UM_CLIENT_ERRAND_H

#include "base/list.h"
#include "session/op.h"
#include <uvmqtt/remote.h>

struct um_errand {
  struct um_list link;
  struct um_op *op; /* keeps the values of a request; NULL: a call of fn */
  uvmqtt_remote_fn fn;
  uvmqtt_request_cb cb;
  void *arg;
  uint64_t made; /* ms, by the clock of um_errand_clock */
};

uint64_t um_errand_clock(void);
/* Bytes that it holds. */
size_t um_errand_size(const struct um_errand *e);

/* Makes the request on the client. UVMQTT_EFULL: not now, try again later;
 * otherwise it is done with, and has been completed if it was refused. Loop's
 * thread; may run the user's code only to complete. */
int um_errand_run(struct um_errand *e, uvmqtt_t *m);
/* The client closes: completes it with UV_ECANCELED. */
void um_errand_cancel(const struct um_errand *e, uvmqtt_t *m);

#endif
