/* client/link.h: is there a connection, and do we want one? First connect and
 * reconnect are the same machine. Called by the pump; every function may run
 * user callbacks and so find the client closing afterwards, except where it
 * says otherwise.
 *
 *   OFFLINE        nothing open.        next: CONNECTING, WAITING, CLOSED
 *   CONNECTING     user asked, stream opens, CONNECT sent.
 *                  next: ONLINE, DISCONNECTING; without a stream yet: WAITING,
 *                  OFFLINE
 *   ONLINE         CONNACK came.        next: DISCONNECTING
 *   DISCONNECTING  stream is closing.   next: WAITING, CONNECTING, OFFLINE
 *   WAITING        back-off, or in line with the loop's other clients.
 *                                       next: CONNECTING, OFFLINE, CLOSED
 *   CLOSED         after uvmqtt_close
 */
#ifndef UM_CLIENT_LINK_H
#define UM_CLIENT_LINK_H

#include "client/client.h"

/* Moves towards what is wanted, as far as possible now. */
void um_link_step(uvmqtt_t *m);
void um_link_tick(uvmqtt_t *m);               /* the timer fired */
uint64_t um_link_deadline(const uvmqtt_t *m); /* calls nobody */

/* From the stream and the session. */
void um_link_progress(uvmqtt_t *m);
void um_link_connected(uvmqtt_t *m);
void um_link_online(uvmqtt_t *m);
void um_link_failed(uvmqtt_t *m, int code);
void um_link_closed(uvmqtt_t *m);
/* WAITING only: there will be no attempt. */
void um_link_rest(uvmqtt_t *m);

/* After uvmqtt_close: cancels everything and lets go of the handles. */
void um_link_tear_down(uvmqtt_t *m);

#endif
