/* uvmqtt/options.h: everything a client is told at birth.
 *
 * Zero means the default for every field. Where zero would be a value of its
 * own, UVMQTT_OFF says "none"; such fields are int64_t. Everything is copied.
 */
#ifndef UVMQTT_OPTIONS_H
#define UVMQTT_OPTIONS_H

#include <uvmqtt/message.h>
#include <uvmqtt/tls.h>
#include <uvmqtt/way.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UVMQTT_OFF (-1)
#define UVMQTT_SERVERS_MAX 15
#define UVMQTT_FOREVER 0xFFFFFFFFu

typedef enum {
  UVMQTT_VERSION_ANY, /* 5.0, falling back to 3.1.1 when the server cannot */
  UVMQTT_VERSION_311 = 4,
  UVMQTT_VERSION_5 = 5,
} uvmqtt_protocol_t;

typedef enum {
  /* The session lives as long as this object. 5.0: Clean Start 1 on the first
   * CONNECT and 0 on all later ones; uvmqtt_disconnect ends the session at the
   * server (Session Expiry 0). 3.1.1: CleanSession 0 throughout. */
  UVMQTT_SESSION_KEEP,
  /* Every connection begins a new session. */
  UVMQTT_SESSION_CLEAN,
  /* Continue the session of an earlier run: Clean Start 0 from the first
   * CONNECT on, and the session outlives uvmqtt_disconnect. */
  UVMQTT_SESSION_RESUME,
} uvmqtt_session_mode_t;

/* What becomes of QoS 1 and 2 messages that were sent and not acknowledged
 * when the server turns out to have lost the session. A QoS 2 message whose
 * PUBREC had arrived is complete in any case. */
typedef enum {
  UVMQTT_LOST_REPUBLISH, /* sent anew; the server may have seen them before */
  UVMQTT_LOST_FAIL,      /* completed with UVMQTT_ESESSIONLOST */
  UVMQTT_LOST_DROP, /* completed with UVMQTT_EDROPPED, and so are the messages
                       of any QoS not yet sent */
} uvmqtt_session_lost_t;

/* What gives way when a message would exceed queue_messages or queue_bytes.
 * Only messages that were not yet sent are dropped, never SUBSCRIBE or
 * UNSUBSCRIBE, and each completes with UVMQTT_EDROPPED. When dropping cannot
 * make enough room nothing is dropped and the call is refused with
 * UVMQTT_EFULL, as it is after more drops than queue_messages (or of more than
 * queue_bytes) whose completions you have not heard, because your program has
 * not returned to the loop. */
typedef enum {
  UVMQTT_OVERFLOW_REFUSE, /* the new one: UVMQTT_EFULL */
  /* The oldest, of bulk before normal before urgent, but none of a more urgent
   * lane than the new one. */
  UVMQTT_OVERFLOW_DROP_OLDEST,
  UVMQTT_OVERFLOW_DROP_OLDEST_QOS0, /* the same, of QoS 0 only */
  /* Full or not, a message waiting to be sent is replaced by a newer one of
   * the same topic, whatever their QoS and RETAIN; in the same lane the newer
   * one takes its place. When the queue is full of other topics:
   * UVMQTT_EFULL. */
  UVMQTT_OVERFLOW_LATEST_PER_TOPIC,
} uvmqtt_overflow_t;

/* How long the client waits after the end of a connection or attempt, and what
 * it is that makes it wait so; .on_retry may decide otherwise. "The span" is
 * reconnect_min, doubled by each attempt since the last stable connection, and
 * at most reconnect_max. A redirect that is followed and the fall-back to 3.1.1
 * do not wait. */
typedef enum {
  /* A random time of 1 ms to the span. After everything that is not below:
   * refused, reset, timed out, no such host, keep alive, ... */
  UVMQTT_RETRY_TRANSIENT,
  /* 5,000 ms and a random time up to the span, or up to 5,000 ms when that is
   * more. After 0x89 (server busy), 0x8B (shutting down), 0x97 (quota exceeded)
   * and 0x9F (connection rate exceeded). */
  UVMQTT_RETRY_BUSY,
  /* The same with 10,000 ms: another client uses our identifier. After 0x8E
   * (session taken over), and with UVMQTT_NOTICE_DISPLACED; this one counts
   * reconnect_max instead of 10,000 ms when that is less. */
  UVMQTT_RETRY_TAKEN_OVER,
  /* The same with 30,000 ms: somebody must see to it. After 0x84 (protocol
   * version), 0x85 (client identifier), 0x86 (user name or password), 0x87 (not
   * authorized), 0x8A (banned), 0x8C (authentication method), 0x9C and 0x9D
   * (another server), UVMQTT_EINSECURE, _EVERSION, _ENOTSUP, _ECLIENTID,
   * _ENOCLIENTID, _EAUTH, _ECERT, _EHOSTNAME, _EPIN, _ETLSCONFIG, _EPROXYAUTH
   * and _EPROXYPROTOCOL. With UVMQTT_NOTICE_BROKER_MISBEHAVING it is
   * reconnect_max. */
  UVMQTT_RETRY_SLOW,
  /* No further attempt until uvmqtt_connect; on_disconnect says so (retry_in is
   * UVMQTT_OFF). After UVMQTT_EURL, which nothing but .on_before_connect can
   * bring about. */
  UVMQTT_RETRY_STOP,
} uvmqtt_retry_t;

typedef void (*uvmqtt_connect_cb)(uvmqtt_t *m, const uvmqtt_connack_t *connack);
typedef void (*uvmqtt_message_cb)(uvmqtt_t *m, const uvmqtt_message_t *message);
typedef void (*uvmqtt_chunk_cb)(uvmqtt_t *m, const uvmqtt_chunk_t *chunk);
typedef void (*uvmqtt_disconnect_cb)(uvmqtt_t *m,
                                     const uvmqtt_disconnect_t *disconnect);
typedef void (*uvmqtt_state_cb)(uvmqtt_t *m, const uvmqtt_transition_t *step);
typedef void (*uvmqtt_notice_cb)(uvmqtt_t *m, const uvmqtt_notice_t *notice);
typedef void (*uvmqtt_auth_cb)(uvmqtt_t *m, const uvmqtt_auth_t *auth);
typedef uvmqtt_redirect_verdict_t (*uvmqtt_redirect_cb)(
    uvmqtt_t *m, const uvmqtt_redirect_t *redirect);
typedef uvmqtt_retry_t (*uvmqtt_retry_cb)(uvmqtt_t *m,
                                          const uvmqtt_error_t *error,
                                          uvmqtt_retry_t proposed);
typedef void (*uvmqtt_before_connect_cb)(uvmqtt_t *m,
                                         const uvmqtt_attempt_t *attempt);
typedef void (*uvmqtt_log_cb)(uvmqtt_t *m, uvmqtt_log_level_t level,
                              const char *text);
typedef void (*uvmqtt_trace_cb)(uvmqtt_t *m, const uvmqtt_trace_t *trace);
typedef void (*uvmqtt_water_cb)(uvmqtt_t *m, bool high);
typedef void (*uvmqtt_ws_headers_cb)(uvmqtt_t *m,
                                     const uvmqtt_ws_question_t *question);
typedef int (*uvmqtt_socket_cb)(uvmqtt_t *m, int fd, int family);

/* A name whose addresses are asked for, see on_resolve. */
typedef struct uvmqtt_lookup_s {
  const char *host;
  uint16_t port;
  uint64_t id; /* for uvmqtt_resolved; never 0, never used again */
} uvmqtt_lookup_t;

typedef void (*uvmqtt_resolve_cb)(uvmqtt_t *m, const uvmqtt_lookup_t *lookup);

typedef struct uvmqtt_options_s {
  /* UVMQTT_OPTIONS_INIT sets it; must come first. As in every struct with a
   * size that you pass: one of older headers is shorter, and means defaults in
   * what came later; a longer one is UV_EINVAL unless what is unknown here is
   * 0. */
  size_t size;

  /* Where to. Required.
   *
   *   "mqtt://host", "mqtt://host:port", "mqtt://[::1]", "mqtt://user:pw@host"
   *   "mqtts://host", ...: the same over TLS, see .tls
   *   "ws://host:port/path?query": MQTT over WebSocket (chapter 6)
   *   "wss://host:port/path?query": that over TLS
   *   "unix:///run/mosquitto.sock": a unix socket; a path of up to 107 bytes on
   *     Linux, else UVMQTT_EPATH
   *   "unix:@name": one with an abstract name, Linux only
   *
   * Ports when none is given: mqtt 1883, mqtts 8883, ws 80, wss 443. A
   * WebSocket's path is "/mqtt" when none is given. What is no letter, digit or
   * one of "-._~" in user, password and host may be written as %XX, and '/',
   * '?', '#', '\' and '%' must be; the path is used as it is. A scheme that the
   * library was built without is UVMQTT_ENOTSUP. */
  const char *url;

  /* Further servers, as URLs of the same scheme as url (else UVMQTT_EURL): host
   * and port, and the path of a WebSocket if there is one; everything else is
   * that of url and of these options; at most UVMQTT_SERVERS_MAX. The servers
   * are taken for equal: the session is expected at whichever is reached. Only
   * the MQTT version is each server's own, see version.
   *
   * Each attempt begins with url and takes the servers in order: two addresses
   * of each (one IPv6, one IPv4, where there are) and then the next two, at
   * most 16 of a server. After attempt_delay, or as soon as one has failed, the
   * next address is tried beside those under way [RFC 8305, 5]; the first that
   * connects is taken. An address that failed in the last minute (did not
   * connect, or did but ended before CONNACK) goes last; clients of a loop
   * share that memory. When none connects the error that says most is told. A
   * redirect leads to its server alone. */
  const char *const *servers;
  size_t n_servers;

  /* How sockets are made; nothing of this is for unix sockets. What fails here
   * has failed the address at hand. */
  const char *bind_address;  /* numeric, to connect from; addresses of the other
                                family are not reached then. NULL: any.
                                Something else is UV_EINVAL */
  const char *interface;     /* SO_BINDTODEVICE, 1 to 15 bytes; Linux only, else
                                connecting fails with UV_ENOTSUP. NULL: any */
  uint32_t tcp_keepalive;    /* s until the first probe, up to 32,767, default
                                0: none; MQTT has its own */
  uint32_t tcp_user_timeout; /* ms that bytes may stay unacknowledged before the
                                kernel gives up; Linux only. Default 0: the
                                system's */
  bool tcp_delay;            /* let the kernel wait to fill segments (Nagle),
                                which costs time; default off: TCP_NODELAY */

  /* 1 to 65,535 bytes of UTF-8. NULL: a random "uvmqtt-..." one, kept for the
   * life of the object. "": the server assigns one (5.0); on 3.1.1 only legal
   * with UVMQTT_SESSION_CLEAN, else UVMQTT_ECLIENTID. */
  const char *client_id;

  /* Both win over those in the URL. A password without a user name is legal
   * in 5.0 only. Credentials to a peer that is not 127/8, ::1 or a unix socket
   * are refused on clear-text transports (UVMQTT_EINSECURE when connecting)
   * unless plain_credentials is set. Our copies of both, and of URLs, paths,
   * headers and the login of a proxy, are overwritten before their memory is
   * given back; those of payloads and properties are not. */
  const char *username;
  uvmqtt_bytes_t password; /* {NULL, 0} is none */
  bool plain_credentials;

  /* Enhanced authentication, 5.0 only: the name of the method, 1 to 65,535
   * bytes of UTF-8 ("SCRAM-SHA-256", "GS2-KRB5", ...); NULL is none. Needs
   * on_auth, else UV_EINVAL. The server must then authenticate us by this
   * method, so there is no fall-back to 3.1.1 (a server that speaks only that
   * is UVMQTT_EVERSION), and pinning 3.1.1 is UVMQTT_ENOTSUP. On clear-text
   * transports it counts as credentials. User name and password may be used
   * beside it. */
  const char *auth_method;

  /* UVMQTT_VERSION_ANY greets with 5.0, and falls back to 3.1.1 when a server
   * answers with 0x84 or as 3.1.1 servers do ("unacceptable version"), or has
   * twice closed the connection without a byte after CONNECT; never after a
   * time-out or anything else. UVMQTT_NOTICE_VERSION_FALLBACK says so. It is
   * remembered until close, of this server (host, port and transport) and no
   * other of url, servers and redirects; of the 32 met last. What depends on
   * the version and is decided while offline goes by the server reached last.
   */
  uvmqtt_protocol_t version;
  uvmqtt_session_mode_t session;
  uvmqtt_session_lost_t session_lost;

  /* Seconds that the server keeps the session after the connection is lost,
   * up to UVMQTT_FOREVER - 1, or UVMQTT_FOREVER. Default 300. 5.0 only. */
  int64_t session_expiry;

  /* Seconds, 1 to 65,535. Default 60. UVMQTT_OFF: no PINGREQ is sent. A 5.0
   * server may override it. */
  int64_t keep_alive;

  /* Published by the server when this client vanishes. Its properties are the
   * Will Properties, Will Delay Interval among them. NULL is none. */
  const uvmqtt_message_t *will;

  /* Further properties for CONNECT: User Property only; the rest of CONNECT's
   * properties follow from other options. */
  const uvmqtt_property_t *properties;
  size_t n_properties;

  /* On a 3.1.1 link, send messages without their properties instead of
   * completing them with UVMQTT_ENOTSUP. */
  bool drop_properties;

  /* With an mqtts:// or wss:// URL, how to speak TLS, see uvmqtt/tls.h;
   * referenced, so you may free yours. NULL: as a new context would, with the
   * CAs of the system. With any other URL it is UVMQTT_ETLSCONFIG, and so are
   * settings that cannot be used; a host that is not ASCII is UVMQTT_EURL. The
   * first client of a context reads what that names (the CAs of the system take
   * 30 ms). */
  uvmqtt_tls_t *tls;

  /* Bounds. */
  uint16_t receive_maximum;     /* inbound QoS 1 and 2 at once, default 64 */
  uint32_t maximum_packet_size; /* inbound, bytes, default 1 MiB */
  uint16_t max_inflight;        /* outgoing QoS 1 and 2 at once. Default: the
                                   server's Receive Maximum; on 3.1.1, where
                                   servers have limits and cannot say so, 20 */
  uint16_t topic_alias_maximum; /* inbound Topic Aliases announced to a 5.0
                                   server, default 0; each may hold a topic
                                   of up to 64 KiB. Messages come with their
                                   topic and without the property */
  int64_t topic_alias_out;      /* outgoing ones, up to 65,535: assigned by
                                   the client to topics used again and again,
                                   as far as the server allows. Default 64,
                                   UVMQTT_OFF: none */
  uint32_t queue_messages;      /* outgoing requests held, default 10,000 */
  uint64_t queue_bytes;         /* and their bytes, default 64 MiB. Both count
                                   what waits and what was sent and is not
                                   acknowledged, with some 200 bytes for each;
                                   not the SUBSCRIBEs that restore
                                   subscriptions */
  uvmqtt_overflow_t overflow;   /* what happens beyond them */
  /* In bytes of the same count (queued_bytes of uvmqtt_stats_t), for on_water.
   * Defaults: 1 MiB, and a quarter of high_water. low_water must be below
   * high_water: UV_EINVAL. */
  uint64_t high_water;
  uint64_t low_water;
  /* Refuse a message of QoS 0 with UV_ENOTCONN while not online, instead of
   * keeping it until the client is. What was accepted before is kept. */
  bool refuse_offline_qos0;

  /* 5.0: asks the server for Response Information, a basis for response
   * topics; it need not give any. See uvmqtt_get_limits. */
  bool request_response_information;
  /* 5.0: the server shall not send Reason Strings and User Properties but in
   * CONNACK, PUBLISH and DISCONNECT; if it does, it is a protocol error
   * ([MQTT-3.1.2-29]). */
  bool no_problem_information;

  /* Messages at QoS 1 and 2 are acknowledged by uvmqtt_ack and not by
   * themselves (those that neither on_message nor a handler gets are). What is
   * not acknowledged counts against receive_maximum, so the server stops
   * sending when so many are open; one that sends more is disconnected (0x93).
   */
  bool manual_ack;

  /* Messages with a larger payload, in bytes, go to on_chunk in parts as they
   * arrive, and not to on_message; not even one of them is ever held whole.
   * maximum_packet_size still bounds them, so raise it. Topic and properties
   * are held: beyond 1 MiB the connection ends with UVMQTT_ETOOBIG, and so it
   * does for any other packet over chunk_threshold + 1 MiB. 0: off. Needs
   * on_chunk, else UV_EINVAL. */
  uint32_t chunk_threshold;

  /* Time, in ms. */
  uint32_t connect_timeout; /* from the look-up to CONNACK, default 30,000 */
  uint32_t address_timeout; /* for each address to connect, default 10,000 */
  int64_t attempt_delay;    /* until the next address is tried as well, default
                               250; UVMQTT_OFF: all at once */
  uint32_t handshake_timeout; /* for each of proxy, TLS and WebSocket, default
                                 10,000 */
  uint32_t connack_timeout;   /* from CONNECT to CONNACK, default 0: only
                                 connect_timeout counts */
  uint32_t resolve_timeout;   /* for each name, default 5,000. When the name
                                 server does not answer in time, or says that it
                                 cannot now, the addresses found last are used,
                                 if there were any on this loop. Names are looked
                                 up anew for each attempt, once for all clients
                                 of the loop that ask at the same time; numbers
                                 are not */
  uint32_t reconnect_min;     /* first back-off, default 1,000 */
  int64_t reconnect_max;      /* greatest back-off, default 60,000; UVMQTT_OFF:
                                one attempt, no reconnecting. A server that
                                refuses us (bad password, ...), is busy or gave
                                our session to another client is left alone for
                                30, 5 or 10 s at least, whatever this says */
  uint32_t reconnect_stable;  /* online for so long resets it, default 10,000 */
  /* Online with bytes to send, of which the kernel takes none for so long: the
   * server is given up (UVMQTT_ESTALLED). Up to 4,294,967,295. Default: twice
   * the Keep Alive in force, 120,000 without one. UVMQTT_OFF: never. */
  int64_t write_timeout;

  /* Callbacks; each may be NULL. All come from the loop. Any call is legal in
   * any of them, uvmqtt_close too. */
  uvmqtt_connect_cb on_connect;       /* each successful CONNACK */
  uvmqtt_message_cb on_message;       /* each PUBLISH that no handler matches
                                         (uvmqtt_handle); the acknowledgement
                                         leaves after it returned, or with
                                         uvmqtt_ack */
  uvmqtt_chunk_cb on_chunk;           /* each part of a large one, see
                                         uvmqtt_chunk_t; the acknowledgement
                                         leaves after the last */
  uvmqtt_disconnect_cb on_disconnect; /* each end of a connection or attempt,
                                         once */
  uvmqtt_state_cb on_state;           /* each step, see uvmqtt_transition_t */
  uvmqtt_notice_cb on_notice;
  uvmqtt_auth_cb on_auth; /* with auth_method: each step, see uvmqtt_auth */

  /* May the client go where the server sends it? Asked for each redirect, just
   * before on_disconnect, and only when there would be another attempt. NULL:
   * UVMQTT_REDIRECT_IGNORE. What is followed counts for the next attempt only
   * (0x9C) or until close (0x9D). A reference that cannot be used is ignored,
   * and so is the sixth redirect without a stable connection in between, after
   * which the client begins again with its url. */
  uvmqtt_redirect_cb on_redirect;

  /* Comes at the beginning of each attempt, before anything is looked up or
   * opened, and must be answered with uvmqtt_go: there, or later, when what is
   * needed has been fetched (a fresh token, ...); then say the id of the
   * question, as there may be a newer one. Until then the client is
   * UVMQTT_STATE_CONNECTING in UVMQTT_PHASE_PREPARE; connect_timeout runs.
   * NULL: nobody is asked. */
  uvmqtt_before_connect_cb on_before_connect;

  /* Overrides that table: asked before each wait, just before on_disconnect,
   * with what went wrong and the class the client would choose; returns the
   * class.
   */
  uvmqtt_retry_cb on_retry;
  /* Each TCP socket before it connects, with its descriptor and AF_INET or
   * AF_INET6: to mark, to protect from a VPN, to set what has no option.
   * Returns 0, or a negative code, with which this address has failed. */
  uvmqtt_socket_cb on_socket;

  /* Asked instead of the system's resolver, for each host that is no number, in
   * each attempt; answer with uvmqtt_resolved, there or later. */
  uvmqtt_resolve_cb on_resolve;

  /* With high true when the bytes held reached high_water, with false when
   * they have come down to low_water after that: once for each crossing. A
   * program that stops publishing in between holds little memory. */
  uvmqtt_water_cb on_water;

  /* Lines for people, without an end of line. NULL costs nothing. */
  uvmqtt_log_cb on_log;
  /* Each packet where it is made or was read: the only callback that may come
   * inside a call of yours (uvmqtt_publish, ...), and the only one in which you
   * may not call the client, but for uvmqtt_get_data. NULL costs next to
   * nothing. */
  uvmqtt_trace_cb on_trace;

  void *data; /* uvmqtt_get_data returns it */

  /* "socks5h://user:password@host:port" (RFC 1928, port 1080) or
   * "http://user:password@host:port" (CONNECT, port 8080); the login may be
   * missing, NULL is no proxy. All but unix sockets (UV_EINVAL) goes through
   * it, and it looks up the server's name. With "socks5://..." we look it up,
   * as without a proxy (on_resolve), and the proxy is told an address. Each
   * attempt asks for one server, beginning with url, and for one address of it:
   * the same again after a connection that lasted for .reconnect_stable, else
   * the next in turn. Else UVMQTT_EURL. The login travels to the proxy in
   * clear text; for SOCKS5 user name and password have up to 255 bytes each,
   * for HTTP the user name has no colon. Through a proxy a server counts as
   * local (.plain_credentials) only when the proxy is on this machine and the
   * url has 127/8 or ::1 in it. */
  const char *proxy;

  /* WebSocket only. */
  const char *ws_path; /* "/mqtt?x=y"; wins over the URL's. Without blanks,
                          '#' and what is not ASCII, else UVMQTT_EHEADER */
  /* Further headers of the handshake; see uvmqtt_header_t. Authorization,
   * Proxy-Authorization and Cookie, also those of on_ws_headers, count as
   * credentials: see plain_credentials. Over ws:// anybody on the way can read
   * all of them, and the path too. */
  const uvmqtt_header_t *ws_headers;
  size_t n_ws_headers;
  /* Asked on each connection, when all below the WebSocket is up, for more
   * headers: for signatures and tokens that do not last. It must answer with
   * uvmqtt_ws_headers or uvmqtt_ws_fail, inside or later and with the id of the
   * question; until then the handshake waits, and .handshake_timeout and
   * .connect_timeout run. */
  uvmqtt_ws_headers_cb on_ws_headers;
  /* Go on with a server that does not confirm the sub-protocol "mqtt", against
   * the standard ([MQTT-6.0.0-4]); one that names another is still refused. */
  bool ws_any_subprotocol;
} uvmqtt_options_t;

#define UVMQTT_OPTIONS_INIT .size = sizeof(uvmqtt_options_t)

#ifdef __cplusplus
}
#endif

#endif
