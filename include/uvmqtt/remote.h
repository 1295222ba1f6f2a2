/* uvmqtt/remote.h: a client for other threads.
 *
 * Everything in client.h belongs to the loop's thread. A remote is a handle
 * that any thread may use, at any time, also after the client was closed. It
 * hands requests to the loop's thread, in the order in which they were made
 * through this remote; that thread makes them and calls the completions.
 *
 *   loop's thread                     any thread
 *   uvmqtt_remote_open   ----------->  uvmqtt_remote_publish ...
 *   completions         <-----------   (copied into a bounded queue)
 *   uvmqtt_close                       answers UV_ECANCELED from then on
 */
#ifndef UVMQTT_REMOTE_H
#define UVMQTT_REMOTE_H

#include <uvmqtt/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvmqtt_remote_s uvmqtt_remote_t;

typedef struct uvmqtt_remote_options_s {
  size_t size; /* UVMQTT_REMOTE_OPTIONS_INIT sets it; must come first */
  /* What may wait to be taken over by the loop's thread, besides what the
   * client itself holds. While the client's own queue is full (.overflow) what
   * is next waits here. */
  uint32_t queue_messages; /* default 10,000 */
  uint64_t queue_bytes;    /* default 16 MiB; an empty queue takes anything */
  /* The loop stays alive while the remote is open, as after uv_ref. */
  bool keep_loop;
} uvmqtt_remote_options_t;

#define UVMQTT_REMOTE_OPTIONS_INIT .size = sizeof(uvmqtt_remote_options_t)

/* Opens one, on the loop's thread. Any number may be open. options may be NULL.
 * *ret has one reference, yours; the client holds another until it closes.
 * UV_EINVAL, UV_ENOMEM, UV_ECANCELED (closing), or what uv_async_init says. */
UVMQTT_EXTERN int uvmqtt_remote_open(uvmqtt_t *m,
                                     const uvmqtt_remote_options_t *options,
                                     uvmqtt_remote_t **ret);

/* One more user of the handle; returns r. Any thread that has a reference. */
UVMQTT_EXTERN uvmqtt_remote_t *uvmqtt_remote_ref(uvmqtt_remote_t *r);
/* One less. With the last one the remote is gone; what it had accepted is
 * still done. NULL is fine. Any thread. */
UVMQTT_EXTERN void uvmqtt_remote_unref(uvmqtt_remote_t *r);

/* The calls below may be made from any thread; from the loop's they never
 * wait. The same rule as everywhere: 0 means accepted and cb (may be NULL) is
 * called exactly once, on the loop's thread, with what the call of the same
 * name would have completed with, or with what it would have been refused with.
 * When the client closes first, with UV_ECANCELED, before the callback of
 * uvmqtt_close. A negative code means refused, and cb is never called:
 * UV_EINVAL, UV_ENOMEM, UVMQTT_EFULL, UV_ECANCELED (the client is closed), and
 * what is wrong with the values themselves (UVMQTT_ETOPIC, _EFILTER, _EQOS,
 * _EPROPERTY, _EUTF8, _ETOOBIG).
 *
 * message->timeout runs from this call; a Message Expiry Interval begins when
 * the loop's thread takes the message over.
 *
 * wait: ms to wait for room in the queue, 0: not at all, negative: for ever.
 * When there is none, UVMQTT_EFULL. On the loop's thread, which alone makes
 * room, a full queue with a wait is UVMQTT_EDEADLOCK. */
UVMQTT_EXTERN int uvmqtt_remote_publish(uvmqtt_remote_t *r,
                                        const uvmqtt_message_t *message,
                                        int64_t wait, uvmqtt_request_cb cb,
                                        void *arg);
UVMQTT_EXTERN int uvmqtt_remote_subscribe(uvmqtt_remote_t *r,
                                          const uvmqtt_subscription_t *filters,
                                          size_t n,
                                          const uvmqtt_property_t *properties,
                                          size_t n_properties, int64_t wait,
                                          uvmqtt_request_cb cb, void *arg);
UVMQTT_EXTERN int uvmqtt_remote_unsubscribe(uvmqtt_remote_t *r,
                                            const char *const *filters,
                                            size_t n,
                                            const uvmqtt_property_t *properties,
                                            size_t n_properties, int64_t wait,
                                            uvmqtt_request_cb cb, void *arg);

/* Runs on the loop's thread. m is NULL when the client is closing; then only
 * what arg points to may be tidied up. */
typedef void (*uvmqtt_remote_fn)(uvmqtt_t *m, void *arg);

/* Has fn called on the loop's thread, exactly once, for whatever else is to be
 * done there. Never inside this call. Takes one place in the queue. */
UVMQTT_EXTERN int uvmqtt_remote_call(uvmqtt_remote_t *r, uvmqtt_remote_fn fn,
                                     void *arg, int64_t wait);

/* Publishes and waits for the completion, for at most timeout ms, waiting for
 * room included; negative: for ever. Returns the completion's status, and its
 * reason code in *ret_reason (may be NULL); or why it was refused.
 * UV_ETIMEDOUT: it was accepted and is still under way; message->timeout limits
 * that. UVMQTT_EDEADLOCK: on the loop's thread, which would wait for itself. */
UVMQTT_EXTERN int uvmqtt_remote_publish_wait(uvmqtt_remote_t *r,
                                             const uvmqtt_message_t *message,
                                             int64_t timeout,
                                             uint8_t *ret_reason);

#ifdef __cplusplus
}
#endif

#endif
