/* uvmqtt/simple.h: umqtt.simple's calls on a private loop.
 *
 * For programs without a loop of their own. Every call that waits has a bound
 * (timeout_ms; below 0 is none, 0 is at once). Nothing happens between calls:
 * keep alive, too, runs only inside them.
 *
 * simple never reconnects by itself. The call in which the connection is lost
 * answers with the reason (UV_EOF, UV_ECONNRESET, UVMQTT_EKEEPALIVE, ...),
 * every later one with UV_ENOTCONN until uvmqtt_simple_connect, which begins
 * anew: what was not acknowledged is forgotten.
 *
 * A message is acknowledged after its callback returned. connect, publish,
 * subscribe and unsubscribe deliver every message that arrives while they wait,
 * wait_msg and check_msg one at most; the others stay where they are, and
 * unacknowledged, for the next call.
 *
 * Inside a message callback publish at QoS 0, ping, set_callback,
 * set_last_will and disconnect work; calls that would have to wait answer
 * UVMQTT_EDEADLOCK. disconnect inside a callback takes effect when it returns:
 * the call around it ends, with UV_ECANCELED if it was not complete.
 *
 * One thread at a time. Calls that return an int answer UV_EINVAL when c is
 * NULL.
 */
#ifndef UVMQTT_SIMPLE_H
#define UVMQTT_SIMPLE_H

#include <uvmqtt/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvmqtt_simple_s uvmqtt_simple_t;

typedef void (*uvmqtt_simple_cb)(const char *topic, uvmqtt_bytes_t payload,
                                 void *arg);
typedef void (*uvmqtt_simple_log_cb)(const char *text, void *arg);

/* MQTTClient(client_id, server, port=0, user=None, password=None, keepalive=0,
 * ssl=None); everything is copied. */
typedef struct uvmqtt_simple_options_s {
  size_t size;               /* UVMQTT_SIMPLE_OPTIONS_INIT sets it */
  const char *client_id;     /* NULL: a random one */
  const char *server;        /* host name or address, without port; required */
  uint16_t port;             /* 0: 1883, with ssl 8883 */
  const char *user;          /* NULL: none */
  const char *password;      /* NULL: none */
  uint16_t keepalive;        /* seconds; 0: off, as in umqtt */
  uvmqtt_protocol_t version; /* 0: 3.1.1, as umqtt speaks */
  int timeout_ms;            /* bound of publish, subscribe and unsubscribe; 0:
                                30,000, below 0: none */
  /* Gets warnings, one line of text each, from inside the calls; NULL: they go
   * to stderr. There is one: when user name or password travelled in clear text
   * to a server that is neither 127/8 nor ::1. It comes once in the life of the
   * object, as umqtt allows it without a word (the client itself refuses:
   * UVMQTT_EINSECURE). */
  uvmqtt_simple_log_cb log;
  void *log_arg;
  /* Not NULL: TLS, and how; see uvmqtt/tls.h, the shape of tls.SSLContext. The
   * object has a reference of its own. Unlike MicroPython's, a context verifies
   * the server, for the name or address in .server. */
  uvmqtt_tls_t *ssl;
} uvmqtt_simple_options_t;

#define UVMQTT_SIMPLE_OPTIONS_INIT .size = sizeof(uvmqtt_simple_options_t)

/* UV_EINVAL, UVMQTT_EURL (no server name), UVMQTT_ENOTSUP (also: version 3,
 * that is MQTT 3.1), the refusals of uvmqtt_new. */
UVMQTT_EXTERN int uvmqtt_simple_new(const uvmqtt_simple_options_t *options,
                                    uvmqtt_simple_t **ret);

/* Cuts the connection if there is one and frees everything, the private loop
 * included; handles of yours that are still open on it are closed without a
 * callback. A name look-up that is still running is waited for. NULL is fine.
 * Not inside a callback (there it is ignored). */
UVMQTT_EXTERN void uvmqtt_simple_free(uvmqtt_simple_t *c);

/* 0 or 1: connected, the value is Session Present. Below 0: not connected
 * (UV_ETIMEDOUT, UVMQTT_EREFUSED, UV_ECONNREFUSED, ...; see
 * uvmqtt_simple_last_error). clean_session false continues the session of the
 * client id, a made-up one, too. An existing connection is cut first. */
UVMQTT_EXTERN int uvmqtt_simple_connect(uvmqtt_simple_t *c, bool clean_session,
                                        int timeout_ms);

/* Says DISCONNECT and closes; no message is delivered any more. 0 also when
 * there was no connection. Waits for the server to close, a second at most,
 * and 5 s at most for the kernel to take what was published before
 * (UV_ETIMEDOUT then). */
UVMQTT_EXTERN int uvmqtt_simple_disconnect(uvmqtt_simple_t *c);

/* Sends a PINGREQ; neither waits for the answer nor delivers. */
UVMQTT_EXTERN int uvmqtt_simple_ping(uvmqtt_simple_t *c);

/* cb may be NULL: messages are then dropped after acknowledgement. */
UVMQTT_EXTERN void uvmqtt_simple_set_callback(uvmqtt_simple_t *c,
                                              uvmqtt_simple_cb cb, void *arg);

/* For the next connect. topic NULL: no Will. UVMQTT_ETOPIC, UVMQTT_EQOS,
 * UVMQTT_ETOOBIG, UV_EINVAL, UV_ENOMEM; then the Will before it stays. */
UVMQTT_EXTERN int uvmqtt_simple_set_last_will(uvmqtt_simple_t *c,
                                              const char *topic,
                                              uvmqtt_bytes_t payload,
                                              bool retain, uint8_t qos);

/* QoS 0: returns when the kernel took it. QoS 1 and 2: when it is
 * acknowledged. UV_ETIMEDOUT: not within the bound; it may still arrive, unless
 * nothing of it was sent. The refusals of uvmqtt_publish. */
UVMQTT_EXTERN int uvmqtt_simple_publish(uvmqtt_simple_t *c, const char *topic,
                                        uvmqtt_bytes_t payload, bool retain,
                                        uint8_t qos);

/* UVMQTT_ENOCALLBACK when no callback is set, as umqtt asserts. UVMQTT_EREASON
 * when the server refused, UV_ETIMEDOUT, the refusals of uvmqtt_subscribe. */
UVMQTT_EXTERN int uvmqtt_simple_subscribe(uvmqtt_simple_t *c,
                                          const char *filter, uint8_t qos);
UVMQTT_EXTERN int uvmqtt_simple_unsubscribe(uvmqtt_simple_t *c,
                                            const char *filter);

/* Waits for one message and delivers it to the callback, inside the call.
 * 1: delivered. 0: none within timeout_ms. Below 0: error. */
UVMQTT_EXTERN int uvmqtt_simple_wait_msg(uvmqtt_simple_t *c, int timeout_ms);

/* The same without waiting: 1, 0, or below 0. Never blocks, not on half a
 * packet either. */
UVMQTT_EXTERN int uvmqtt_simple_check_msg(uvmqtt_simple_t *c);

/* The private loop, for adding handles of your own; they run inside the calls
 * that wait. Never run, stop or close it. */
UVMQTT_EXTERN uv_loop_t *uvmqtt_simple_loop(uvmqtt_simple_t *c);

/* Is there a connection, as far as is known? false when c is NULL. */
UVMQTT_EXTERN bool uvmqtt_simple_is_online(const uvmqtt_simple_t *c);

/* As uvmqtt_last_error, of the latest connect; never NULL. */
UVMQTT_EXTERN const uvmqtt_error_t *
uvmqtt_simple_last_error(const uvmqtt_simple_t *c);

/* What the latest call that failed answered, in one line of words for people:
 * "connection refused: nothing listens at this address and port
 * (127.0.0.1:1883)". "" when none failed yet. Valid until the next call; never
 * NULL. For the text of a code alone: uvmqtt_strerror. */
UVMQTT_EXTERN const char *uvmqtt_simple_error_text(uvmqtt_simple_t *c);

#ifdef __cplusplus
}
#endif

#endif
