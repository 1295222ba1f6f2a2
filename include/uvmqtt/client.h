/* uvmqtt/client.h: an MQTT client on a libuv loop.
 *
 * The contract, in short:
 * - A guest on the loop: it never runs, stops or walks it, starts no thread
 *   and touches neither loop->data nor signal dispositions. Everything is
 *   called on the loop's thread; other threads use a remote (remote.h). What
 *   comes from another thread while a callback of ours runs on the loop is
 *   certain to be a mistake: each call that returns an error code then answers
 *   UVMQTT_ETHREAD and does nothing. At other moments it goes unnoticed, and
 *   nothing is promised.
 * - No callback runs inside the call that asked for it. Every call is legal in
 *   every callback.
 * - Copy in, borrow out (message.h).
 * - A return code says accepted (0) or refused (negative), nothing else. An
 *   accepted request completes exactly once; a refused one never calls back.
 * - uvmqtt_close is legal at any moment; its callback is the last you hear.
 */
#ifndef UVMQTT_CLIENT_H
#define UVMQTT_CLIENT_H

#include <uvmqtt/error.h>
#include <uvmqtt/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the same declarations as in uv.h, which need not be included */
typedef struct uv_loop_s uv_loop_t;
struct uv_handle_s;

/* Makes a client. It opens no handle and does nothing until the first request,
 * uvmqtt_connect or uvmqtt_close. *ret is set on success only and is yours
 * until uvmqtt_close. The loop must outlive the client.
 *
 * UV_EINVAL: loop, options or ret is NULL, options->size is wrong, or a number
 * is out of its range. UVMQTT_EURL, _ECLIENTID, _EUTF8, _ETOPIC (Will), _EQOS
 * (Will), _EPROPERTY, _ENOTSUP (a password without user name or auth_method,
 * pinned to 3.1.1). UV_ENOMEM. */
UVMQTT_EXTERN int uvmqtt_new(uv_loop_t *loop, const uvmqtt_options_t *options,
                             uvmqtt_t **ret);

/* Asks to be online. The client resolves, tries every address, says CONNECT,
 * and after a failure or a lost connection tries again with growing, jittered
 * delays until uvmqtt_disconnect or uvmqtt_close. Each step is reported to
 * on_state, each end to on_disconnect, each success to on_connect. Calling it
 * again while online or connecting does nothing; while waiting for the next
 * attempt it tries at once. Inside on_disconnect it does not: there it only
 * says to go on trying. UV_EINVAL (m is NULL), UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_connect(uvmqtt_t *m);

/* What uvmqtt_go changes, for this attempt and those to come. What is NULL (and
 * {NULL, 0}) stays as it is. Everything is copied. */
typedef struct uvmqtt_change_s {
  size_t size; /* UVMQTT_CHANGE_INIT sets it */
  /* 0: go. A negative code, of libuv's or of ours: no attempt now; it ends with
   * this code as if it had failed, in UVMQTT_PHASE_PREPARE, and the next one
   * follows as UVMQTT_RETRY_... says. */
  int refuse;
  /* As the option. Ends all redirects. With credentials: these, unless the
   * fields below say others. */
  const char *url;
  /* Not told to a server that a redirect was followed to without them. */
  const char *username;
  uvmqtt_bytes_t password;
  bool no_credentials; /* forget those so far */
  uvmqtt_tls_t *tls; /* as the option; only with an mqtts:// or wss:// URL, else
                        UVMQTT_ETLSCONFIG. A URL without TLS forgets it */
  const uvmqtt_message_t *will;
  bool no_will; /* forget the one so far */
  /* The id of the question that this answers, else UVMQTT_ESTALE. What was
   * fetched for one attempt may come when that is over and another one asks.
   * 0: whichever is open. */
  uint64_t id;
  /* WebSocket only; with any other URL they are kept, for one that is. */
  const char *ws_path; /* as the option. NULL: that of url, if url is not NULL
                          and has one, else as it is */
  const uvmqtt_header_t *ws_headers; /* in the place of all those so far, but
                                        for those of .on_ws_headers */
  size_t n_ws_headers;
  bool no_ws_headers; /* forget those so far */
} uvmqtt_change_t;

#define UVMQTT_CHANGE_INIT .size = sizeof(uvmqtt_change_t)

/* Answers .on_before_connect, inside that callback or later. change may be
 * NULL: go with what there is. When on_disconnect came first the question is
 * void. Refused with an error nothing has changed and the question is still
 * open: UV_EINVAL, UVMQTT_ESTALE (no question is open, or another one than
 * change->id), UVMQTT_EURL (also: another scheme than that of .servers),
 * _EPATH, _EHEADER, _ETLSCONFIG, _EUTF8, _ETOPIC (Will), _EQOS (Will),
 * _EPROPERTY (Will), _ETOOBIG (Will), _ENOTSUP (a password without user name,
 * pinned to 3.1.1), UV_ENOMEM, UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_go(uvmqtt_t *m, const uvmqtt_change_t *change);

/* What the clients of one loop may do together, so that a thousand of them do
 * not storm a server that has come back. A client that may not begin to connect
 * yet is WAITING, in line with the others, first come, first served; first
 * connects count like all others. */
typedef struct uvmqtt_loop_limits_s {
  size_t size;         /* UVMQTT_LOOP_LIMITS_INIT sets it; must come first */
  uint32_t handshakes; /* on their way from look-up to CONNACK at once, default
                          32. Those that take longer than a second count no
                          more, so a server that does not answer cannot keep
                          clients of others waiting */
  uint32_t reconnects; /* attempts begun in any second, default 200; a tenth of
                          them may be at once. UVMQTT_FOREVER: no bound */
} uvmqtt_loop_limits_t;

#define UVMQTT_LOOP_LIMITS_INIT .size = sizeof(uvmqtt_loop_limits_t)

/* Legal at any time while the loop has a client of ours, else UV_ENOENT; they
 * hold until the last one has closed. On the loop's thread. UV_EINVAL: NULL, or
 * no size. */
UVMQTT_EXTERN int uvmqtt_loop_limits(uv_loop_t *loop,
                                     const uvmqtt_loop_limits_t *limits);

/* Answers an on_resolve, from it or later: status 0 and n addresses in the
 * order of your wish ("192.0.2.1", "2001:db8::1", "fe80::1%eth0"; the first 16
 * count), copied, or a negative status and none. When the attempt is over or
 * .resolve_timeout has passed the question is void: UVMQTT_ESTALE, and nothing
 * happens. UV_EINVAL: m is NULL, an address is not numeric, status is positive,
 * or 0 with no address; the question stays. UV_ENOMEM. UV_ECANCELED (closing).
 */
UVMQTT_EXTERN int uvmqtt_resolved(uvmqtt_t *m, uint64_t id,
                                  const char *const *addresses, size_t n,
                                  int status);

/* Sends an application message. Legal at any time: what cannot be sent now
 * waits in the queue, in order, across reconnects.
 *
 * Completion: QoS 0, status 0 when the kernel took its last byte, UV_ECONNRESET
 * when the connection ended first (it is never sent again). QoS 1 and 2: when
 * the server acknowledged; the message is resent after a reconnect until then
 * ([MQTT-4.4.0-1]). Other ends: UVMQTT_EREASON, UVMQTT_ETOOBIG, UVMQTT_ENOTSUP
 * (beyond the server's Maximum QoS, Retain Available, or properties on 3.1.1),
 * UVMQTT_EEXPIRED (its Message Expiry Interval ran out before it was sent),
 * UV_ETIMEDOUT (message->timeout), UVMQTT_EDROPPED (.overflow, or
 * UVMQTT_LOST_DROP), UVMQTT_ESESSIONLOST, UVMQTT_EPROTOCOL, UV_ECANCELED.
 *
 * cb may be NULL; with QoS 0 nothing is then kept of it once it is sent.
 * ret_id may be NULL; the id is never 0 and never used again.
 *
 * Topic Aliases are given by the client itself (option topic_alias_out); a
 * TOPIC_ALIAS among the properties is UVMQTT_EPROPERTY. A message sent again
 * has its full topic, so at QoS 1 and 2 the full topic must fit into the
 * server's Maximum Packet Size.
 *
 * Refused with: UV_EINVAL, UVMQTT_ETOPIC, UVMQTT_EQOS, UVMQTT_EPROPERTY,
 * UVMQTT_EUTF8, UVMQTT_ETOOBIG (over 268,435,455 bytes), UVMQTT_EFULL,
 * UV_ENOTCONN (.refuse_offline_qos0), UV_ENOMEM, UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_publish(uvmqtt_t *m, const uvmqtt_message_t *message,
                                 uvmqtt_request_cb cb, void *arg,
                                 uint64_t *ret_id);

/* Subscribes to n filters (1 or more) with one SUBSCRIBE packet. properties:
 * Subscription Identifier and User Property, may be NULL. Granted filters are
 * remembered and restored when the server lost the session.
 *
 * Completion: result->reasons holds one code for each filter; status 0 when
 * all were granted, UVMQTT_EREASON when one was not, UVMQTT_ENOTSUP when 3.1.1
 * cannot say it, UV_ECANCELED.
 *
 * Refused with: UV_EINVAL, UVMQTT_EFILTER, UVMQTT_EQOS, UVMQTT_EPROPERTY,
 * UVMQTT_ETOOBIG, UVMQTT_EFULL, UV_ENOMEM, UV_ECANCELED. */
UVMQTT_EXTERN int
uvmqtt_subscribe(uvmqtt_t *m, const uvmqtt_subscription_t *filters, size_t n,
                 const uvmqtt_property_t *properties, size_t n_properties,
                 uvmqtt_request_cb cb, void *arg, uint64_t *ret_id);

/* The reverse; a filter is forgotten when the server confirmed it. Completion
 * and refusals as for uvmqtt_subscribe. On 3.1.1 reasons are all 0. */
UVMQTT_EXTERN int uvmqtt_unsubscribe(uvmqtt_t *m, const char *const *filters,
                                     size_t n,
                                     const uvmqtt_property_t *properties,
                                     size_t n_properties, uvmqtt_request_cb cb,
                                     void *arg, uint64_t *ret_id);

/* Says the user's part of an enhanced authentication (option .auth_method); it
 * answers the latest on_auth:
 *
 * - UVMQTT_AUTH_START, only inside that callback: data is what CONNECT carries.
 *   Without a call CONNECT names the method alone. Comes on each connection.
 * - UVMQTT_AUTH_CONTINUE, inside the callback or later, from wherever you have
 *   the answer: sends AUTH 0x18 ([MQTT-4.12.0-3/5]). Until then the server
 *   waits; before CONNACK no longer than .connect_timeout. When on_disconnect
 *   came first the question is void.
 * - UVMQTT_AUTH_SUCCESS wants no answer. To check what the server proves is
 *   yours; when you do not believe it call uvmqtt_disconnect (FLUSH or NOW; or
 *   uvmqtt_close) there:
 *   before CONNACK took effect the connection is cut, on_connect does not come
 *   and nothing of what is queued is sent.
 *
 * Before CONNACK nothing is sent but AUTH ([MQTT-3.1.2-30/5]), requests wait;
 * during a re-authentication everything goes on. More than 16 AUTH in one
 * exchange end the connection with DISCONNECT 0x8C (UVMQTT_EAUTH); an AUTH out
 * of turn or of another method, or a CONNACK that does not name the method
 * ([MQTT-4.12.0-5/5]), with 0x82 (UVMQTT_EPROTOCOL). A server that does not
 * believe us refuses in CONNACK (UVMQTT_EREFUSED with its reason).
 *
 * data: up to 65,535 bytes, copied, and our copies wiped once they are sent;
 * data.data NULL: no Authentication Data. properties: User Property and, with
 * CONTINUE, Reason String; may be NULL.
 *
 * UV_EINVAL, UVMQTT_ENOTSUP (no .auth_method), UVMQTT_ESTALE (no question is
 * open: answered already, or the connection it came from is gone),
 * UVMQTT_EPROPERTY, UVMQTT_EUTF8, UVMQTT_ETOOBIG (data, or the packet for the
 * server's Maximum Packet Size), UV_ENOMEM, UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_auth(uvmqtt_t *m, uvmqtt_bytes_t data,
                              const uvmqtt_property_t *properties,
                              size_t n_properties);

/* Authenticates anew while online, with the same method ([MQTT-4.12.1-1/5]):
 * sends AUTH 0x19 with data and properties (as for uvmqtt_auth, Reason String
 * too). on_auth then comes as above, last with UVMQTT_AUTH_SUCCESS, and after
 * it the completion with status 0. Meanwhile messages flow as ever.
 *
 * Other ends: UVMQTT_EREASON (the server refused, with a DISCONNECT of this
 * reason; the connection is over, [MQTT-4.12.1-2/5]), UV_ECONNRESET (the
 * connection ended first; the next one authenticates by itself), the error that
 * we ended the connection for (UVMQTT_EAUTH, _EPROTOCOL, _EKEEPALIVE, ...),
 * UV_ECANCELED (uvmqtt_disconnect, uvmqtt_close). uvmqtt_disconnect does not
 * wait for it. It has no time-out of its own.
 *
 * Refused with what uvmqtt_auth is refused with but UVMQTT_ESTALE, and with
 * UV_ENOTCONN (not online), UV_EALREADY (one is under way). */
UVMQTT_EXTERN int uvmqtt_reauthenticate(uvmqtt_t *m, uvmqtt_bytes_t data,
                                        const uvmqtt_property_t *properties,
                                        size_t n_properties,
                                        uvmqtt_request_cb cb, void *arg,
                                        uint64_t *ret_id);

/* Gives a request up. 0: its completion says UV_ECANCELED. Not yet sent, it
 * never will be. A message at QoS 1 or 2 that was sent may reach the server or
 * have reached it: its packet identifier stays taken until the server
 * acknowledged it, it counts for queue_bytes and Receive Maximum as long, and
 * is resent after a reconnect (4.4). A SUBSCRIBE that was sent may be granted,
 * but the filters are not restored later; an UNSUBSCRIBE may take effect.
 * A re-authentication cannot be given up. Looks through all that is held: not
 * for each of thousands.
 *
 * UV_ENOENT: no such request, or it is complete or about to be. UV_EALREADY: a
 * message of QoS 0 that is in the buffer before the kernel; its completion
 * comes. UV_EINVAL, UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_cancel(uvmqtt_t *m, uint64_t id);

/* The requests that are not complete, oldest first. Returns how many there are
 * and fills at most n; list may be NULL when n is 0. Topics are valid until
 * the next call into the client or the next turn of the loop. Not among them:
 * messages of QoS 0 that are in the buffer before the kernel, and requests
 * that ended and whose completion is about to come. 0 when m is NULL. */
UVMQTT_EXTERN size_t uvmqtt_get_pending(const uvmqtt_t *m,
                                        uvmqtt_pending_t *list, size_t n);
/* Handlers: a callback for each filter instead of one for all messages.
 *
 * A message is given to every handler whose filter matches its topic, to each
 * once, in the order they were added; to the option on_message only when there
 * is none. It is acknowledged after the last of them returned or, with
 * .manual_ack, by any of them. Handlers may be added and removed in a handler:
 * an added one gets the next message, a removed one nothing more. When one
 * calls uvmqtt_close the others are not called. Messages so large that they
 * come in parts (.chunk_threshold) go to on_chunk, whoever handles the topic.
 *
 * Several handlers of one filter share one subscription, with the highest QoS
 * asked for, so a message may have a higher QoS than a handler asked for. They
 * must agree on No Local, Retain As Published and the identifier. A later one
 * makes the client send SUBSCRIBE again when its Retain Handling is 0 or its
 * QoS is higher. Retained messages that this brings are for the later one only;
 * with Retain As Published they look like any other message and all get them.
 * Some brought for an earlier one may still be on their way: until the SUBACK
 * of the later one, and for ten seconds after the earlier one's, both get them.
 * A retained message that no handler asked for goes to on_message.
 *
 * identifier is the Subscription Identifier, 1 to 268,435,455, or 0 for none.
 * Where the server offers them, messages find a handler with an identifier by
 * it, so that overlapping filters get their own copies only; else, and on
 * 3.1.1, it is not sent and the topic decides.
 *
 * Handlers live until uvmqtt_unhandle or uvmqtt_close; their subscriptions are
 * restored when the server lost the session. A filter that the server then
 * refuses (see UVMQTT_NOTICE_SUBSCRIPTION_REFUSED) gets no messages until
 * another handler for it is added. uvmqtt_subscribe and uvmqtt_unsubscribe of
 * the very filter of a handler change the one subscription that the server has
 * for it. */

/* Adds a handler for filter->filter and, as far as needed, subscribes. done may
 * be NULL; it completes once, with what the server granted for the filter in
 * result->reasons[0]. With any status but 0 (UVMQTT_EREASON, UVMQTT_ENOTSUP,
 * UV_ECANCELED, ...) the handler has been removed and *ret means nothing more
 * when done returns; without done it stays, gets nothing and must be removed
 * like any other. Messages may come before done. ret may be NULL: the handler
 * stays until close.
 *
 * Refused with: UV_EINVAL (filter or cb is NULL), UVMQTT_EFILTER, UVMQTT_EQOS,
 * UVMQTT_EPROPERTY (identifier), UVMQTT_ECONFLICT (another handler of this
 * filter differs in No Local, Retain As Published or identifier), UVMQTT_EFULL,
 * UV_ENOMEM, UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_handle(uvmqtt_t *m,
                                const uvmqtt_subscription_t *filter,
                                uint32_t identifier, uvmqtt_handler_cb cb,
                                void *arg, uvmqtt_request_cb done,
                                void *done_arg, uvmqtt_handler_t **ret);

/* Removes a handler, at once; h means nothing after this returned 0. If it was
 * the last of its filter UNSUBSCRIBE is sent, and done (may be NULL) completes
 * as for uvmqtt_unsubscribe; else with status 0. Its own done, if that has not
 * come, completes with UV_ECANCELED.
 *
 * Refused with: UV_EINVAL, UV_ENOENT (inside the handler's own failed done),
 * UVMQTT_EFULL, UV_ENOMEM (the handler stays), UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_unhandle(uvmqtt_t *m, uvmqtt_handler_t *h,
                                  uvmqtt_request_cb done, void *done_arg);

/* Request and response (4.10): publishes the message with a Response Topic and
 * Correlation Data of the client's making, and waits for the message that
 * carries them back. Legal at any time, like uvmqtt_publish.
 *
 * reply_topic is where the answer shall come, a topic name. NULL: one made from
 * the server's Response Information or, where it gives none,
 * "uvmqtt/reply/<client id>"; 5.0 only. The client subscribes to it before the
 * first request, which waits for the SUBACK, and keeps it: use few. On 3.1.1
 * the responder must know the topic by itself, and whatever comes there first,
 * unless it is retained, is the answer; so only one request may be under way
 * for one topic, and after a time-out a late answer to it may be taken for one
 * to the next.
 *
 * timeout: ms from this call, 0 is none. cb is called once: with status 0 and
 * the answer; with UV_ETIMEDOUT; UV_ECANCELED; or with what the SUBSCRIBE or
 * the PUBLISH ended with (see there), UVMQTT_ENOTSUP after a fall-back to 3.1.1
 * without reply_topic. A message not yet sent when the time is over is never
 * sent. Answers that come later, or again, are dropped and counted
 * (late_replies). Answers are acknowledged by the client, with .manual_ack too;
 * one so large that it comes in parts (.chunk_threshold) goes to on_chunk and
 * is no answer. queue_messages also bounds the requests under way, and
 * queue_bytes also the messages that wait for the SUBACK.
 *
 * Refused with: UV_EINVAL (message or cb is NULL), UVMQTT_ETOPIC (of either
 * topic), UVMQTT_EPROPERTY (also: a Response Topic or Correlation Data of
 * yours), UVMQTT_ENOTSUP (no reply_topic on 3.1.1), UVMQTT_ECONFLICT (3.1.1:
 * one under way for this topic; or a handler of yours for it has other
 * options), what refuses uvmqtt_publish and uvmqtt_handle. */
UVMQTT_EXTERN int uvmqtt_request(uvmqtt_t *m, const uvmqtt_message_t *message,
                                 const char *reply_topic, uint32_t timeout,
                                 uvmqtt_reply_cb cb, void *arg,
                                 uint64_t *ret_id);

/* Answers a request, inside the callback that brought it: publishes answer to
 * the request's Response Topic, with its Correlation Data. answer->topic is
 * ignored. Completion and refusals as for uvmqtt_publish; also UVMQTT_ENOTSUP
 * when the request has no Response Topic, UVMQTT_ETOPIC when that is no topic
 * name, UVMQTT_EPROPERTY when answer has Correlation Data of its own. */
UVMQTT_EXTERN int uvmqtt_respond(uvmqtt_t *m, const uvmqtt_message_t *request,
                                 const uvmqtt_message_t *answer,
                                 uvmqtt_request_cb cb, void *arg,
                                 uint64_t *ret_id);

/* Acknowledges a message that came with this token (.manual_ack): inside
 * on_message or a handler, or any time later, in any order. Acknowledgements
 * leave in the order in which the messages came (4.6), PUBACKs and PUBRECs
 * apart from each other, so one that you hold back holds up those behind it.
 *
 * reason: 0, or on a 5.0 link one of 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99,
 * which says that you refuse the message; the server does not send it again.
 *
 * What was not acknowledged when the connection ended comes again with a new
 * token, if the session goes on. At QoS 2 it does not once it was acknowledged
 * with 0, be it that the server never learned of it; refused ones may. At
 * QoS 1 it may, as always: at least once. A second copy on the same connection
 * is delivered as a message of its own at QoS 1, and swallowed at QoS 2, where
 * the token you have stays valid.
 *
 * 0: it will leave, unless the connection ends before. UVMQTT_ESTALE: the token
 * is of a connection that has ended or is ending; nothing was done. UV_ENOENT:
 * no such token, or used already. UV_EINVAL: m is NULL, or not such a reason.
 * UVMQTT_ENOTSUP: a reason other than 0 on a 3.1.1 link; the token stays valid.
 * UV_ENOMEM: the same. UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_ack(uvmqtt_t *m, uint64_t token, uint8_t reason);

/* Sends a PINGREQ now; the client does so by itself within the Keep Alive.
 * UV_ENOTCONN when not online; UV_EINVAL, UV_ENOMEM, UV_ECANCELED. */
UVMQTT_EXTERN int uvmqtt_ping(uvmqtt_t *m);

/* Says that the network may have changed or that the machine was asleep, as
 * logind, NetworkManager or netlink told your program. Online: a PINGREQ is
 * sent at once, and when not a byte comes within 5 s (or half a Keep Alive, if
 * that is less) the connection is given up and a new one made. Waiting for the
 * next attempt: it begins at once. Otherwise nothing happens. On Linux the
 * client notices by itself, at the next event of any client of the loop, that
 * the machine slept for two seconds or more, and does the same.
 * UV_EINVAL (m is NULL), UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_poke(uvmqtt_t *m);

/* No further packet is looked at, and so no message delivered, until
 * uvmqtt_read_start; inside on_message this holds for the very next one. What
 * you ask for is still sent, but no request at QoS 1 or 2 completes. Holds up
 * neither connecting nor leaving, lasts across reconnects. Meanwhile PINGREQs
 * go on, but the end of the connection is only noticed by writing. Doing it
 * twice is fine. UV_EINVAL, UV_ECANCELED (closing). */
UVMQTT_EXTERN int uvmqtt_read_stop(uvmqtt_t *m);
/* The packets kept are looked at in the next turn of the loop. */
UVMQTT_EXTERN int uvmqtt_read_start(uvmqtt_t *m);

typedef enum {
  /* what is queued and may be sent is written, then DISCONNECT */
  UVMQTT_DISCONNECT_FLUSH,
  /* DISCONNECT at once; what is queued stays queued */
  UVMQTT_DISCONNECT_NOW,
  /* DISCONNECT when every request is complete, those included that are made
   * meanwhile. Until then the client goes on as if nothing had been said, and
   * reconnects when it must. After the timeout (UV_ETIMEDOUT) DISCONNECT at
   * once; result->n_left says how many requests are left. */
  UVMQTT_DISCONNECT_DRAIN,
} uvmqtt_disconnect_mode_t;

typedef struct uvmqtt_disconnect_options_s {
  size_t size; /* UVMQTT_DISCONNECT_OPTIONS_INIT sets it */
  uvmqtt_disconnect_mode_t mode;
  uint8_t reason; /* 0x00 or 0x04 (with Will Message); 5.0 only */
  const uvmqtt_property_t *properties; /* Reason String, User Property, Session
                                          Expiry Interval; 5.0 only */
  size_t n_properties;
  uint32_t timeout; /* ms until the connection is cut, default 5,000; with
                       DRAIN it is cut at most 1,000 ms later */
} uvmqtt_disconnect_options_t;

#define UVMQTT_DISCONNECT_OPTIONS_INIT                                         \
  .size = sizeof(uvmqtt_disconnect_options_t)

/* Asks to be offline. options may be NULL. Says DISCONNECT, closes the
 * connection, and calls cb with status 0, UV_ETIMEDOUT or the error that cut
 * the flush short; when there was no connection, with status 0. Requests that
 * are not complete stay with the client and go on after the next
 * uvmqtt_connect, or end with uvmqtt_close. uvmqtt_connect before cb came:
 * the disconnect is finished first, then the client connects again.
 * UV_EINVAL, UVMQTT_EPROPERTY, UV_EALREADY (one is under way), UV_ENOMEM,
 * UV_ECANCELED. */
UVMQTT_EXTERN int uvmqtt_disconnect(uvmqtt_t *m,
                                    const uvmqtt_disconnect_options_t *options,
                                    uvmqtt_request_cb cb, void *arg);

/* The answer to .on_ws_headers: n (0 is fine) headers of this handshake, each
 * as uvmqtt_header_t tells, copied, our copies wiped once they are sent. Legal
 * inside the callback and later, once for each question; when on_disconnect
 * came first the question is void. id is that of the question, so that an
 * answer that comes too late cannot be taken for that to a newer one; 0:
 * whichever is open.
 *
 * UV_EINVAL (m or headers is NULL), UVMQTT_EHEADER (the question stays open),
 * UVMQTT_ESTALE (it is not the latest question's), UV_EALREADY (that one is
 * answered or void, or there was none), UV_ENOMEM (it stays open), UV_ECANCELED
 * (closing). */
UVMQTT_EXTERN int uvmqtt_ws_headers(uvmqtt_t *m, uint64_t id,
                                    const uvmqtt_header_t *headers, size_t n);
/* The other answer: there are none to be had now. The attempt ends with
 * UVMQTT_EHEADERS, and a later one asks again. */
UVMQTT_EXTERN int uvmqtt_ws_fail(uvmqtt_t *m, uint64_t id);

typedef void (*uvmqtt_close_cb)(void *arg);

/* Ends the client: at any moment, in any callback, any number of times until
 * it is gone (the first cb that is not NULL counts, also after
 * uvmqtt_walk_close, which has none). The connection is cut without DISCONNECT,
 * so the server publishes the Will; call uvmqtt_disconnect first to avoid that.
 * Requests that are not done complete with UV_ECANCELED in the order they were
 * made, on_* stay silent, cb (may be NULL) is the last thing you hear; m is
 * gone when it was called and the loop holds no handle of ours. m may be NULL:
 * nothing happens. A look-up that the system's resolver is busy with cannot be
 * called back: until it ends uv_run goes on, and uv_loop_close says UV_EBUSY.
 */
UVMQTT_EXTERN void uvmqtt_close(uvmqtt_t *m, uvmqtt_close_cb cb, void *arg);

/* For a host that ends with uv_walk: 1 when the handle belongs to a client of
 * ours, whose close is then started (do not close the handle yourself); 0 when
 * the handle is not ours. To hear when it is over call uvmqtt_close as well,
 * before or after, but in the same turn: then nothing is gone yet. */
UVMQTT_EXTERN int uvmqtt_walk_close(struct uv_handle_s *handle);

/* As uv_ref and uv_unref, for all handles of the client, present and future.
 * A new client is ref'd. */
UVMQTT_EXTERN void uvmqtt_ref(uvmqtt_t *m);
UVMQTT_EXTERN void uvmqtt_unref(uvmqtt_t *m);

UVMQTT_EXTERN uvmqtt_state_t uvmqtt_state(const uvmqtt_t *m);

/* The latest error: until the next one, or until online again or left as you
 * asked; then, and before the first one, code is 0. Valid until the next call
 * into the client or the next turn of the loop. Never NULL. */
UVMQTT_EXTERN const uvmqtt_error_t *uvmqtt_last_error(const uvmqtt_t *m);

UVMQTT_EXTERN void *uvmqtt_get_data(const uvmqtt_t *m);
UVMQTT_EXTERN void uvmqtt_set_data(uvmqtt_t *m, void *data);
UVMQTT_EXTERN uv_loop_t *uvmqtt_get_loop(const uvmqtt_t *m);

/* Counters since birth; none is ever reset. */
typedef struct uvmqtt_stats_s {
  size_t size; /* set it to sizeof(uvmqtt_stats_t) */
  uint64_t bytes_sent, bytes_received;
  uint64_t packets_sent, packets_received;
  uint64_t writes, reads; /* system calls */
  uint64_t attempts;      /* to connect */
  uint64_t connects;      /* successful CONNACKs */
  uint64_t unknown_acks;  /* acknowledgements nobody waited for */
  uint64_t duplicates;    /* QoS 2 messages received again */
  uint64_t queued;        /* now: requests not yet sent */
  uint64_t inflight;      /* now: sent, not yet acknowledged */
  uint64_t queued_bytes;  /* now: bytes held for both */
  uint64_t late_replies;  /* answers that no request waited for */
  /* Packets by uvmqtt_packet_type_t; received[0] are those of types that no
   * server may send. */
  uint64_t sent[16], received[16];
  uint64_t losses;      /* connections that ended without uvmqtt_disconnect */
  uint64_t failures;    /* attempts that ended before CONNACK */
  uint64_t tls_resumed; /* connections that resumed a TLS session */
  uint64_t probes;      /* PINGREQs after sleep or uvmqtt_poke */
  uint32_t ping_rtt;    /* ms until the latest PINGRESP, 0 before the first */
  uvmqtt_timings_t timings; /* of the latest successful attempt */
} uvmqtt_stats_t;

/* Fills *ret up to ret->size. UV_EINVAL when a pointer is NULL or size is 0. */
UVMQTT_EXTERN int uvmqtt_get_stats(const uvmqtt_t *m, uvmqtt_stats_t *ret);

/* Fills *ret up to ret->size with what is in force on this connection. The
 * strings are valid until the next call into the client or the next turn of
 * the loop. UV_EINVAL when a pointer is NULL or size is 0; UV_ENOTCONN when
 * not online, be it before CONNACK or after uvmqtt_disconnect began. */
UVMQTT_EXTERN int uvmqtt_get_limits(const uvmqtt_t *m, uvmqtt_limits_t *ret);

#ifdef __cplusplus
}
#endif

#endif
