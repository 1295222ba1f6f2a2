/* client/remote.h: what the client does with its remotes; all of it on the
 * loop's thread. */
#ifndef UM_CLIENT_REMOTE_H
#define UM_CLIENT_REMOTE_H

#include "client/client.h"

/* The client's queue was full, perhaps it is not any more. Runs callbacks. */
void um_remote_go_on(uvmqtt_t *m);
/* The client closes: what waits is cancelled, nothing more is taken, and the
 * client's handles wait for those of the remotes. Runs callbacks. */
void um_remote_shut(uvmqtt_t *m);
bool um_remote_owns(const uvmqtt_t *m, const uv_handle_t *h);

#endif
