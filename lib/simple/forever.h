/* simple/forever.h: a private loop with one client, until the client is done.
 * The remote is our own hold on it: the user may close the client himself. */
#ifndef UM_SIMPLE_FOREVER_H
#define UM_SIMPLE_FOREVER_H

#include <uv.h>
#include <uvmqtt/thread.h>

struct um_forever {
  uv_loop_t loop;
  uvmqtt_remote_t *remote;
  uv_idle_t awake; /* turns the loop until our call has arrived */
  int error;       /* the client's last one, once closed by us */
};

/* Loop, client, setup, connect. keep: the loop stays alive when the client is
 * offline. On failure nothing is left. */
int um_forever_open(struct um_forever *f, const uvmqtt_options_t *options,
                    uvmqtt_setup_cb setup, void *arg, bool keep);
/* Turns the loop until nothing keeps it alive. */
void um_forever_run(struct um_forever *f);
/* Closes what is left. The client's last error, or UV_EBUSY. */
int um_forever_close(struct um_forever *f);

#endif
