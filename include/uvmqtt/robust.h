/* uvmqtt/robust.h: umqtt.robust's calls: simple.h that comes back by itself.
 *
 * What differs from simple.h, whose words hold for everything else:
 *
 * - After the first successful connect a lost connection ends no call. The
 *   client reconnects, with clean session off and growing, jittered delays,
 *   inside the calls: those that wait go on waiting, within their bound, and
 *   check_msg does a step each time and never blocks.
 * - publish returns 0 when the message was acknowledged: over however many
 *   connections, always the same message, under the same packet identifier and
 *   with DUP as long as the server kept the session. What the server lost with
 *   the session is sent anew. timeout_ms of the options is the total bound;
 * then UV_ETIMEDOUT. At QoS 0 it is sent again only if the connection broke
 * before the kernel had taken all of it.
 * - Subscriptions that were granted are restored when the server lost the
 *   session.
 * - It gives up, and answers with the latest error, when options say so
 *   (max_attempts, no_reconnect, a delay below 0). Then every call answers
 *   UV_ENOTCONN until reconnect, which goes on with the same session, or
 *   connect, which begins anew.
 *
 * disconnect ends it all. Nothing happens between calls: a program that has
 * nothing to do should call check_msg or wait_msg now and then, within half
 * the keepalive.
 */
#ifndef UVMQTT_ROBUST_H
#define UVMQTT_ROBUST_H

#include <uvmqtt/simple.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvmqtt_robust_s uvmqtt_robust_t;

/* umqtt.robust's log(in_reconnect, e): the connection was lost (in_reconnect
 * is false), or an attempt to get it, the first connect included, failed. error
 * is valid until it returns. Comes inside the calls; what works there is what
 * works in a message callback. */
typedef void (*uvmqtt_robust_log_cb)(bool in_reconnect,
                                     const uvmqtt_error_t *error, void *arg);

/* umqtt.robust's delay(i), which need not sleep: how many ms until attempt i
 * (from 1, counted since the connection was last there). suggested is what the
 * client would do: growing from delay_min to delay_max, with jitter, and 5 to
 * 30 s at least when the server refused us. Below 0: give up. What works in it
 * is what works in a message callback. */
typedef int64_t (*uvmqtt_robust_delay_cb)(unsigned attempt, int64_t suggested,
                                          void *arg);

/* What umqtt.robust has as members to override. Zero is the default. */
typedef struct uvmqtt_robust_options_s {
  size_t size;           /* UVMQTT_ROBUST_OPTIONS_INIT sets it */
  uint32_t delay_min;    /* ms, the first delay at most; 0: 1,000 */
  uint32_t delay_max;    /* ms, the greatest; 0: 60,000 */
  unsigned max_attempts; /* give up after so many failed attempts in a row; 0:
                            never */
  bool no_reconnect;     /* QuecPython's reconn=False: give up at once */
  uvmqtt_robust_log_cb log;     /* NULL: none */
  uvmqtt_robust_delay_cb delay; /* NULL: as suggested */
  void *arg;                    /* for both */
} uvmqtt_robust_options_t;

#define UVMQTT_ROBUST_OPTIONS_INIT .size = sizeof(uvmqtt_robust_options_t)

/* robust may be NULL: the defaults. simple as for uvmqtt_simple_new; refuses
 * what that refuses, and UV_EINVAL when delay_min is above delay_max. */
UVMQTT_EXTERN int uvmqtt_robust_new(const uvmqtt_simple_options_t *simple,
                                    const uvmqtt_robust_options_t *robust,
                                    uvmqtt_robust_t **ret);
UVMQTT_EXTERN void uvmqtt_robust_free(uvmqtt_robust_t *c);

/* One attempt, as in umqtt: 0 or 1 is Session Present, below 0 the error. What
 * was not acknowledged before is forgotten. timeout_ms bounds this call, and
 * each later attempt by itself.
 *
 * The session must outlive the connections, so CONNECT says clean session 0.
 * With clean_session a connection of its own asks the server to forget what it
 * has, before the one that stays. */
UVMQTT_EXTERN int uvmqtt_robust_connect(uvmqtt_robust_t *c, bool clean_session,
                                        int timeout_ms);

/* Cuts the connection, if there is one, and gets another, trying as often as
 * it takes: 0 or 1 is Session Present. UV_ETIMEDOUT: not within timeout_ms; the
 * later calls go on trying. UV_ENOTCONN before the first connect. */
UVMQTT_EXTERN int uvmqtt_robust_reconnect(uvmqtt_robust_t *c, int timeout_ms);

/* As in simple.h, but that 0 also comes while there is no connection. */
UVMQTT_EXTERN int uvmqtt_robust_disconnect(uvmqtt_robust_t *c);

/* UV_ENOTCONN while there is no connection. */
UVMQTT_EXTERN int uvmqtt_robust_ping(uvmqtt_robust_t *c);

UVMQTT_EXTERN void uvmqtt_robust_set_callback(uvmqtt_robust_t *c,
                                              uvmqtt_simple_cb cb, void *arg);
/* For the next connect; reconnecting says the Will of the latest connect. */
UVMQTT_EXTERN int uvmqtt_robust_set_last_will(uvmqtt_robust_t *c,
                                              const char *topic,
                                              uvmqtt_bytes_t payload,
                                              bool retain, uint8_t qos);

UVMQTT_EXTERN int uvmqtt_robust_publish(uvmqtt_robust_t *c, const char *topic,
                                        uvmqtt_bytes_t payload, bool retain,
                                        uint8_t qos);
/* Both wait for the server's answer through reconnects. Subscribe also when
 * connect said that the session is present: only so the client knows what to
 * restore. */
UVMQTT_EXTERN int uvmqtt_robust_subscribe(uvmqtt_robust_t *c,
                                          const char *filter, uint8_t qos);
UVMQTT_EXTERN int uvmqtt_robust_unsubscribe(uvmqtt_robust_t *c,
                                            const char *filter);

/* 1: delivered. 0: none within timeout_ms, be it for want of a connection. */
UVMQTT_EXTERN int uvmqtt_robust_wait_msg(uvmqtt_robust_t *c, int timeout_ms);

/* Never blocks, not while reconnecting either. 1: delivered. 0: nothing, or no
 * connection yet. When `attempts` (umqtt's default is 2) attempts to reconnect
 * have failed in a row: the latest error, while the attempts go on; 0: not
 * told. */
UVMQTT_EXTERN int uvmqtt_robust_check_msg(uvmqtt_robust_t *c,
                                          unsigned attempts);

UVMQTT_EXTERN bool uvmqtt_robust_is_online(const uvmqtt_robust_t *c);
UVMQTT_EXTERN uv_loop_t *uvmqtt_robust_loop(uvmqtt_robust_t *c);
UVMQTT_EXTERN const uvmqtt_error_t *
uvmqtt_robust_last_error(const uvmqtt_robust_t *c);
UVMQTT_EXTERN const char *uvmqtt_robust_error_text(uvmqtt_robust_t *c);

#ifdef __cplusplus
}
#endif

#endif
