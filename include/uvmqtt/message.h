/* uvmqtt/message.h: the plain values that cross the interface.
 *
 * One rule for all of them: copy in, borrow out. What you pass is copied
 * before the call returns. What a callback gives you, and everything it points
 * to, is valid until that callback returns.
 */
#ifndef UVMQTT_MESSAGE_H
#define UVMQTT_MESSAGE_H

#include <stdbool.h>
#include <uvmqtt/property.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvmqtt_s uvmqtt_t;

/* The order among messages not yet sent: what is urgent overtakes, what is
 * bulk lets pass. Within a lane the order of the calls is kept. Messages that
 * were sent before and must be sent again go before all of them, as do
 * acknowledgements, PINGREQ, SUBSCRIBE and UNSUBSCRIBE. */
typedef enum {
  UVMQTT_LANE_NORMAL,
  UVMQTT_LANE_URGENT,
  UVMQTT_LANE_BULK,
} uvmqtt_lane_t;

/* An application message, outgoing, incoming or as a Will.
 *
 * Outgoing: topic is a Topic Name of 1 to 65,535 bytes of UTF-8 without
 * wildcards; dup and token are ignored. Incoming: properties are empty on a
 * 3.1.1 link. */
typedef struct uvmqtt_message_s {
  const char *topic;
  uvmqtt_bytes_t payload;
  uint8_t qos; /* 0, 1 or 2 */
  bool retain;
  bool dup; /* incoming: the server says it may have sent this before */
  const uvmqtt_property_t *properties;
  size_t n_properties;
  /* Outgoing (0 in a Will and when incoming). ms from the call within which it
   * must be complete, else it completes with UV_ETIMEDOUT; 0 is no limit. Runs
   * while it waits to be sent, offline too, and while the acknowledgement is
   * awaited. A message at QoS 1 or 2 that was sent is still resent until the
   * server acknowledged it (4.4), though nobody hears of it any more. At QoS 0
   * it runs until the message is in the buffer of at most 64 KiB before the
   * kernel. */
  uint32_t timeout;
  uvmqtt_lane_t lane; /* outgoing */
  uint64_t token;     /* incoming, with .manual_ack: for uvmqtt_ack, never used
                         twice; 0 at QoS 0 */
} uvmqtt_message_t;

/* A part of a message whose payload is larger than .chunk_threshold.
 *
 * message->payload is this part; topic, qos, retain, dup and properties are the
 * same with each. The parts of one message come in order and without a gap, and
 * no other message between them; the first has offset 0. */
typedef struct uvmqtt_chunk_s {
  const uvmqtt_message_t *message; /* its token comes with the last part */
  size_t offset;                   /* where in the whole payload this belongs */
  size_t total; /* bytes of the whole, or UVMQTT_CHUNK_ABORTED */
  bool last;    /* no more of this message will come */
} uvmqtt_chunk_t;

/* The connection ended after `offset` bytes of this message: throw them away.
 * It comes after on_disconnect and before the next message. The payload is
 * empty then, there are no properties, last is true. At QoS 1 and 2 the message
 * was not acknowledged and comes again, from its beginning, when the session
 * goes on. Nothing is said when no part had been delivered. */
#define UVMQTT_CHUNK_ABORTED SIZE_MAX

/* One filter of a SUBSCRIBE, with its Subscription Options (3.8.3.1). On a
 * 3.1.1 link only filter and qos exist; asking for more completes with
 * UVMQTT_ENOTSUP. */
typedef struct uvmqtt_subscription_s {
  const char *filter;
  uint8_t qos; /* the maximum QoS the server may use: 0, 1 or 2 */
  bool no_local;
  bool retain_as_published;
  uint8_t retain_handling; /* 0 send retained, 1 only if new, 2 never */
} uvmqtt_subscription_t;

/* How a request ended. Each accepted request completes exactly once. */
typedef struct uvmqtt_result_s {
  uint64_t id;    /* the request, as ret_id gave it */
  int status;     /* 0: it worked; otherwise a negative code */
  uint8_t reason; /* what the server answered; with status UVMQTT_EREASON it
                     is 0x80 or above */
  /* SUBSCRIBE and UNSUBSCRIBE: one reason code for each filter, in the order
   * asked. NULL when the server did not answer. status is 0 only when all of
   * them are below 0x80. */
  const uint8_t *reasons;
  size_t n_reasons;
  /* of the acknowledgement; none on a 3.1.1 link */
  const uvmqtt_property_t *properties;
  size_t n_properties;
  /* uvmqtt_disconnect: requests that are not complete and stay with the
   * client; uvmqtt_get_pending lists them. Else 0. */
  size_t n_left;
} uvmqtt_result_t;

/* One request that is not complete: see uvmqtt_get_pending. */
typedef struct uvmqtt_pending_s {
  uint64_t id;  /* as ret_id gave it */
  uint8_t type; /* uvmqtt_packet_type_t: UVMQTT_PUBLISH, UVMQTT_SUBSCRIBE or
                   UVMQTT_UNSUBSCRIBE */
  uint8_t qos;  /* of a PUBLISH, else 0 */
  bool sent;    /* its acknowledgement is awaited, on this connection or the
                   next */
  size_t bytes; /* what it counts for in .queue_bytes */
  const char *topic; /* of a PUBLISH; else the first filter */
} uvmqtt_pending_t;

/* Completion of a request. Comes from the loop, never from inside the call
 * that made the request. Any call is legal in it, uvmqtt_close too. */
typedef void (*uvmqtt_request_cb)(uvmqtt_t *m, const uvmqtt_result_t *result,
                                  void *arg);

/* One handler of one filter, from uvmqtt_handle. */
typedef struct uvmqtt_handler_s uvmqtt_handler_t;

/* A message whose topic matches the handler's filter. Any call is legal in it,
 * uvmqtt_unhandle and uvmqtt_close too. */
typedef void (*uvmqtt_handler_cb)(uvmqtt_t *m, const uvmqtt_message_t *message,
                                  void *arg);

/* The end of a uvmqtt_request. status 0: the answer came, and reply is valid
 * until the callback returns; else reply is NULL. */
typedef void (*uvmqtt_reply_cb)(uvmqtt_t *m, int status,
                                const uvmqtt_message_t *reply, void *arg);

/* Where the time of an attempt went, in ms; total is until CONNACK. */
typedef struct uvmqtt_timings_s {
  uint32_t prepare;               /* .on_before_connect */
  uint32_t resolve;               /* looking up the name */
  uint32_t connect;               /* until an address was connected */
  uint32_t proxy, tls, websocket; /* their handshakes */
  uint32_t handshake;             /* from CONNECT to CONNACK */
  uint32_t total;
} uvmqtt_timings_t;

/* A successful CONNACK. The limits are those in force on this connection: what
 * the server said, or the standard's default where it said nothing. */
typedef struct uvmqtt_connack_s {
  uint8_t version; /* 5, or 4 for MQTT 3.1.1 */
  bool session_present;
  const char *client_id;    /* the one in use: yours, ours or assigned */
  uint16_t keep_alive;      /* seconds, 0 is none */
  uint16_t receive_maximum; /* QoS 1 and 2 messages that may be in flight */
  uint32_t maximum_packet_size;
  uint8_t maximum_qos;
  bool retain_available;
  const uvmqtt_property_t *properties;
  size_t n_properties;
  const uvmqtt_timings_t *timings; /* of this attempt */
} uvmqtt_connack_t;

/* What protects a connection. */
typedef enum {
  UVMQTT_SECURITY_NONE,       /* clear text */
  UVMQTT_SECURITY_UNVERIFIED, /* TLS with anybody: UVMQTT_CERT_NONE */
  UVMQTT_SECURITY_VERIFIED,   /* TLS with who it should be */
} uvmqtt_security_t;

/* What server and client agreed on for this connection: what the server said,
 * or the standard's default where it said nothing. Outgoing messages and
 * filters beyond it complete with UVMQTT_ENOTSUP or UVMQTT_ETOOBIG. */
typedef struct uvmqtt_limits_s {
  size_t size;                  /* set it to sizeof(uvmqtt_limits_t) */
  uint8_t version;              /* 5, or 4 for MQTT 3.1.1 */
  uint16_t keep_alive;          /* seconds, 0 is none */
  uint16_t receive_maximum;     /* QoS 1 and 2 messages in flight; the least of
                                   the server's and the option max_inflight */
  uint32_t maximum_packet_size; /* outgoing, bytes */
  uint8_t maximum_qos;          /* outgoing */
  bool retain_available;
  bool wildcard_available;      /* in filters */
  bool shared_available;        /* $share/... */
  bool identifier_available;    /* Subscription Identifier */
  uint16_t topic_alias_maximum; /* that we may use; 0 is none */
  uint32_t session_expiry;      /* seconds in force, the server's when it had
                                   another wish (3.2.2.3.2); 3.1.1 without
                                   UVMQTT_SESSION_CLEAN: UVMQTT_FOREVER */
  const char *response_information; /* NULL: none, see the option
                                       request_response_information */
  const char *client_id;            /* yours, ours or assigned; never NULL */
  uvmqtt_security_t security;
  /* The texts are valid until the connection ends. */
  bool tls_resumed;         /* a session of an earlier connection was used */
  const char *tls_version;  /* "TLSv1.3"; NULL in clear text */
  const char *tls_cipher;   /* "TLS_AES_256_GCM_SHA384"; NULL in clear text */
  const char *tls_protocol; /* chosen by ALPN; "" or NULL: none */
} uvmqtt_limits_t;

/* A CONNACK or DISCONNECT with reason 0x9C (use another server) or 0x9D (server
 * moved) and a Server Reference (4.11). */
typedef struct uvmqtt_redirect_s {
  uint8_t reason;        /* 0x9C or 0x9D */
  const char *reference; /* the server's words: "host", "host:port" or
                            "[::1]:port", or several, with blanks between them;
                            nothing vouches for it, on a clear-text transport
                            anybody on the way may have written it */
  bool permanent;        /* 0x9D */
} uvmqtt_redirect_t;

typedef enum {
  /* Not followed: slow retry, 30 s at least, with the server as configured. */
  UVMQTT_REDIRECT_IGNORE,
  /* The first entry of the reference is connected to at once: by the same
   * transport with the same verification (of the new name), the scheme's port
   * when none is given, without user name, password, Will, and those of
   * .ws_headers that are credentials; .on_ws_headers is asked. */
  UVMQTT_REDIRECT_FOLLOW,
  /* With them. */
  UVMQTT_REDIRECT_FOLLOW_WITH_CREDENTIALS,
} uvmqtt_redirect_verdict_t;

/* An attempt to connect that is about to begin: see .on_before_connect. */
typedef struct uvmqtt_attempt_s {
  uint32_t attempt; /* as in uvmqtt_disconnect_t */
  const char *host; /* where it leads, be it by a redirect */
  uint16_t port;
  int last_code;       /* how the attempt or connection before ended; 0: well,
                          or there was none */
  uint8_t last_reason; /* the server's, 0 when none */
  uint64_t id; /* of this question, for uvmqtt_go; never 0, never used again */
} uvmqtt_attempt_t;

/* Headers of a WebSocket's handshake are asked for: see .on_ws_headers. */
typedef struct uvmqtt_ws_question_s {
  uint64_t id; /* for the answer; never 0, never used again by this client */
} uvmqtt_ws_question_t;

/* Where in its life a connection was. */
#define UVMQTT_PHASE_MAP(X)                                                    \
  X(NONE, "none")                                                              \
  X(PREPARE, "prepare")       /* .on_before_connect has not answered */        \
  X(RESOLVE, "resolve")       /* looking up the host name */                   \
  X(CONNECT, "connect")       /* opening the transport */                      \
  X(PROXY, "proxy")           /* asking a proxy for the way */                 \
  X(TLS, "tls")               /* TLS handshake */                              \
  X(WEBSOCKET, "websocket")   /* HTTP upgrade to WebSocket */                  \
  X(HANDSHAKE, "handshake")   /* CONNECT sent, CONNACK awaited */              \
  X(ONLINE, "online")         /* after CONNACK */                              \
  X(DISCONNECT, "disconnect") /* leaving on the user's wish */

typedef enum {
#define X(name, text) UVMQTT_PHASE_##name,
  UVMQTT_PHASE_MAP(X)
#undef X
} uvmqtt_phase_t;

/* What went wrong, in one place. No string is NULL. Those that others wrote
 * (marked *) are as they came, up to 255 bytes of them; detail and hint are fit
 * to be shown, without control characters. */
typedef struct uvmqtt_error_s {
  int code;             /* negative; 0 when nothing went wrong */
  uvmqtt_phase_t phase; /* when it happened */
  const char *address;  /* "127.0.0.1:1883", "" when none was tried */
  const char *hint;     /* what a person can do about it: one sentence */

  /* MQTT: CONNACK or DISCONNECT */
  uint8_t reason;               /* reason code, 0 when none */
  const char *reason_string;    /* * the server's own words, "" when none */
  const char *server_reference; /* * with 0x9C and 0x9D, else "" */

  /* the way there: TLS, WebSocket, proxies */
  const char *detail; /* the technical words, such as OpenSSL's errors from the
                         first to the last; "" when none */
  int status;         /* HTTP status, or the reply of a SOCKS5 proxy; 0: none */
  int alert;          /* TLS alert, received or sent; -1: none */
  int verify_code;    /* X509_V_ERR_... of OpenSSL, 0 when no certificate was
                         the matter */
  int verify_depth;   /* which one in the chain: 0 is the server's own */
  const char *subject; /* * of that certificate, "" when none */
  const char *names;   /* * that the server's is for, when ours is not among
                          them; else "" */
  long expired_days;   /* that it expired ago; 0: it did not */
} uvmqtt_error_t;

/* The end of a connection, or of an attempt to get one. */
typedef struct uvmqtt_disconnect_s {
  const uvmqtt_error_t *error; /* error->code is 0 after uvmqtt_disconnect */
  bool was_online;             /* on_connect had been called */
  uint32_t attempt; /* attempts since the last stable connection, from 1 */
  int64_t retry_in; /* ms until the next attempt, UVMQTT_OFF when none */
} uvmqtt_disconnect_t;

/* The life of a client. */
#define UVMQTT_STATE_MAP(X)                                                    \
  X(OFFLINE, "offline")             /* nothing open, nothing wanted */         \
  X(CONNECTING, "connecting")       /* resolving, opening, CONNACK awaited */  \
  X(ONLINE, "online")               /* CONNACK came */                         \
  X(DISCONNECTING, "disconnecting") /* the old connection is being closed */   \
  X(WAITING, "waiting")             /* for the next attempt */                 \
  X(CLOSED, "closed")               /* after uvmqtt_close */

typedef enum {
#define X(name, text) UVMQTT_STATE_##name,
  UVMQTT_STATE_MAP(X)
#undef X
} uvmqtt_state_t;

/* One step of that life, reported to on_state. */
typedef struct uvmqtt_transition_s {
  uvmqtt_state_t from;
  uvmqtt_state_t to;
  uvmqtt_phase_t phase;
  uint32_t attempt;            /* as in uvmqtt_disconnect_t */
  const char *address;         /* tried or in use, "" when none yet */
  const uvmqtt_error_t *error; /* why; error->code is 0 when all is well */
  int64_t retry_in;            /* ms, with to == WAITING; else UVMQTT_OFF */
} uvmqtt_transition_t;

/* Enhanced authentication (4.12): what the server and this client say to each
 * other before CONNACK, and again in a re-authentication. */
typedef enum {
  UVMQTT_AUTH_START, /* a CONNECT is about to be sent: what shall it carry? */
  UVMQTT_AUTH_CONTINUE, /* AUTH 0x18 from the server: it waits for an answer */
  UVMQTT_AUTH_SUCCESS,  /* CONNACK, or AUTH 0x00 after uvmqtt_reauthenticate */
} uvmqtt_auth_step_t;

typedef struct uvmqtt_auth_s {
  uvmqtt_auth_step_t step;
  const char *method; /* the option .auth_method */
  /* Authentication Data as the server sent it; {NULL, 0} when it sent none and
   * with START. A secret: overwritten when no callback needs it any more. */
  uvmqtt_bytes_t data;
  /* All of the AUTH or CONNACK, method and data among them; none with START.
   * A successful AUTH without properties is legal: n_properties is 0. */
  const uvmqtt_property_t *properties;
  size_t n_properties;
} uvmqtt_auth_t;

/* Things worth knowing that are neither success nor failure. */
#define UVMQTT_NOTICE_MAP(X)                                                   \
  /* session_present was 0 while we held state; the option .session_lost says  \
   * what becomes of the messages, subscriptions are restored */               \
  X(SESSION_LOST, "the server lost the session")                               \
  /* 3.1.1 or RESUME: session_present was 1 and we knew nothing of it */       \
  X(SESSION_UNKNOWN, "the server kept a session we did not know")              \
  /* 5.0 with KEEP or CLEAN: the same is a violation; next is Clean Start 1 */ \
  X(SESSION_MISMATCH, "the server claims a session that we never had")         \
  /* from now on this server is spoken to in 3.1.1 until close; others are     \
   * not, so each that falls back is told */                                   \
  X(VERSION_FALLBACK, "falling back to MQTT 3.1.1")                            \
  /* five connections in a row were ended by violations soon after CONNACK;    \
   * the back-off stays at its maximum */                                      \
  X(BROKER_MISBEHAVING, "the server keeps breaking the protocol")              \
  /* a restored subscription was refused by the server and is forgotten */     \
  X(SUBSCRIPTION_REFUSED, "the server refused to restore a subscription")      \
  /* each connect with UVMQTT_CERT_NONE; before CONNECT is sent */             \
  X(TLS_UNVERIFIED, "anybody may play this server: it is not verified")        \
  X(TLS_KEY_EXPOSED, "others may read the file with the private key")          \
  /* what was read before stays in force; uvmqtt_tls_error says why */         \
  X(TLS_RELOAD, "a changed certificate file cannot be used")                   \
  /* three connections in a row were ended by the peer without a word soon     \
   * after CONNACK; the back-off is that of UVMQTT_RETRY_TAKEN_OVER */         \
  X(DISPLACED, "another client seems to use this client identifier")

typedef enum {
#define X(name, text) UVMQTT_NOTICE_##name,
  UVMQTT_NOTICE_MAP(X)
#undef X
} uvmqtt_notice_kind_t;

typedef struct uvmqtt_notice_s {
  uvmqtt_notice_kind_t kind;
  const char *text;       /* the kind in words */
  size_t n_messages;      /* SESSION_LOST: sent and not acknowledged */
  size_t n_subscriptions; /* SESSION_LOST: to be restored */
  const char *filter;     /* SUBSCRIPTION_REFUSED: which; else NULL */
  uint8_t reason;         /* SUBSCRIPTION_REFUSED: why; else 0 */
} uvmqtt_notice_t;

/* Logging and tracing. What they show is never secret: no payload, user name,
 * password, authentication data, header or property, and of a URL only host and
 * port. Text of the server's, its Reason String, is shown; control characters
 * become '?'. */
typedef enum {
  UVMQTT_LOG_ERROR,   /* the client gives up */
  UVMQTT_LOG_WARNING, /* a connection or attempt failed; notices */
  UVMQTT_LOG_INFO,    /* attempts, online, offline as asked for */
  UVMQTT_LOG_DEBUG,   /* each step of the state */
} uvmqtt_log_level_t;

/* One packet, sent or received, without its secrets. "Sent" is: put into the
 * buffer before the kernel. Fields that its type has not are 0, false or
 * NULL. */
typedef struct uvmqtt_trace_s {
  bool sent;
  uint8_t type;    /* uvmqtt_packet_type_t */
  uint8_t version; /* 5, or 4 for MQTT 3.1.1 */
  size_t length;   /* of all of it, bytes; before TLS and WebSocket */
  int error;       /* received, but it could not be read: why. Nothing below
                      counts then */
  uint16_t id;     /* packet identifier */
  uint8_t reason;  /* as on the wire; of SUBACK and UNSUBACK the first */
  size_t n_properties;
  const char *topic; /* of PUBLISH, "" when an alias stands for it; else the
                        first filter */
  uint16_t topic_alias;
  size_t payload; /* bytes */
  uint8_t qos;    /* of SUBSCRIBE that of the first filter */
  bool retain, dup;
  size_t n_filters;
  const char *client_id; /* CONNECT */
  bool clean_start;
  uint16_t keep_alive;
  bool session_present; /* CONNACK */
} uvmqtt_trace_t;

/* Writes a line such as "-> PUBLISH id=7 qos=1 topic=a/b payload=12 length=21"
 * (topics are cut at 199 bytes), as snprintf does: at most size bytes with the
 * NUL; returns the length that the whole has. buffer may be NULL with size 0.
 * Any thread. */
UVMQTT_EXTERN size_t uvmqtt_trace_print(const uvmqtt_trace_t *trace,
                                        char *buffer, size_t size);

UVMQTT_EXTERN const char *uvmqtt_phase_name(uvmqtt_phase_t phase);
UVMQTT_EXTERN const char *uvmqtt_state_name(uvmqtt_state_t state);

#ifdef __cplusplus
}
#endif

#endif
