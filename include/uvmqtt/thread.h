/* uvmqtt/thread.h: a client for programs that have no loop: one that runs here
 * until it is done, or one in a thread of its own.
 *
 * Both make a private loop, a client on it and connect it. In either, whatever
 * client.h says is legal in setup and in the callbacks, which all come from the
 * thread that runs the loop.
 */
#ifndef UVMQTT_THREAD_H
#define UVMQTT_THREAD_H

#include <uvmqtt/remote.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called once, before the client connects: the place for uvmqtt_subscribe,
 * uvmqtt_handle and handles of your own on uvmqtt_get_loop(m) (close those
 * before the end). A value other than 0 ends everything and is returned. */
typedef int (*uvmqtt_setup_cb)(uvmqtt_t *m, void *arg);

/* As paho's loop_forever: runs the client in the calling thread, reconnecting
 * as the options say, until a callback calls uvmqtt_disconnect (0 is returned
 * when that is done) or uvmqtt_close, or there will be no further attempt
 * (reconnect_max UVMQTT_OFF; the error is returned), and no handle of yours
 * keeps the loop alive. Requests not complete by then complete with
 * UV_ECANCELED. setup may be NULL. Not from a callback of a client, whose loop
 * would stand still.
 *
 * Else: what uvmqtt_new or setup returned, UV_EINVAL, UV_ENOMEM, UV_EMFILE and
 * the like when there could be no loop. UV_EBUSY: a handle of yours was left
 * open; it was closed with a NULL callback. */
UVMQTT_EXTERN int uvmqtt_loop_forever(const uvmqtt_options_t *options,
                                      uvmqtt_setup_cb setup, void *arg);

typedef struct uvmqtt_thread_s uvmqtt_thread_t;

/* As paho's loop_start: the same in a thread of its own, named "uvmqtt", with
 * all signals blocked, so that yours arrive where you expect them. Returns when
 * setup has returned. The client then stays, online or trying, until
 * uvmqtt_thread_stop. Errors as above, or what keeps a thread from being made;
 * then there is no thread any more. */
UVMQTT_EXTERN int uvmqtt_thread_start(const uvmqtt_options_t *options,
                                      uvmqtt_setup_cb setup, void *arg,
                                      uvmqtt_thread_t **ret);

/* The way in from other threads: publish, subscribe, call. Valid until
 * uvmqtt_thread_stop, or longer with a uvmqtt_remote_ref. */
UVMQTT_EXTERN uvmqtt_remote_t *uvmqtt_thread_remote(const uvmqtt_thread_t *t);

/* As paho's disconnect and loop_stop: writes what is queued, says DISCONNECT,
 * for at most timeout ms (0: at once), closes the client and joins the thread.
 * t is gone when it returns. 0, or what became of the disconnect (UV_ETIMEDOUT:
 * not all could be written; UV_EALREADY: a callback of yours had asked for one
 * before, which was cut short). Requests not complete have completed by then,
 * with UV_ECANCELED. UVMQTT_EDEADLOCK: called from the thread itself, which
 * would wait for its own end; nothing was done. NULL is fine. */
UVMQTT_EXTERN int uvmqtt_thread_stop(uvmqtt_thread_t *t, uint32_t timeout);

#ifdef __cplusplus
}
#endif

#endif
