/* uvmqtt/error.h: error codes.
 *
 * Functions return 0 or a negative code. Codes of libuv (UV_EINVAL,
 * UV_ECANCELED, UV_ECONNREFUSED, ...) pass through unchanged; our own start at
 * -5000, below every libuv code. The numbers never change.
 */
#ifndef UVMQTT_ERROR_H
#define UVMQTT_ERROR_H

#include <uvmqtt/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*    name          number  text */
#define UVMQTT_ERRNO_MAP(X)                                                    \
  /* the peer broke the standard; the connection ends, the session is kept */  \
  X(EMALFORMED, -5000, "malformed packet")                                     \
  X(EPROTOCOL, -5001, "protocol error")                                        \
  X(ETOOBIG, -5002, "packet larger than the maximum packet size")              \
  X(EQUOTA, -5003, "receive maximum exceeded")                                 \
  X(ETOPICALIAS, -5004, "topic alias invalid")                                 \
  /* the server said no */                                                     \
  X(EREFUSED, -5010, "connection refused by the server")                       \
  X(EREASON, -5011, "the server answered with an error reason code")           \
  X(EDISCONNECTED, -5012, "the server sent DISCONNECT")                        \
  X(EVERSION, -5013, "protocol version not supported by the server")           \
  X(ENOCLIENTID, -5014, "the server assigned no client identifier")            \
  X(EKEEPALIVE, -5015, "the server stopped answering")                         \
  X(EAUTH, -5016, "authentication failed")                                     \
  X(ESTALLED, -5017, "the server stopped reading")                             \
  /* what became of an accepted request */                                     \
  X(ESESSIONLOST, -5020, "the server lost the session")                        \
  X(EEXPIRED, -5021, "message expired before it was sent")                     \
  X(ENOTSUP, -5022, "not supported by the server or by the version")           \
  X(EDROPPED, -5023, "dropped from the queue")                                 \
  X(ESTALE, -5024, "belongs to an earlier connection")                         \
  /* the caller passed something that cannot work */                           \
  X(ETOPIC, -5030, "invalid topic name")                                       \
  X(EFILTER, -5031, "invalid topic filter")                                    \
  X(EPROPERTY, -5032, "invalid property")                                      \
  X(ECLIENTID, -5033, "invalid client identifier")                             \
  X(EUTF8, -5034, "not a valid UTF-8 string")                                  \
  X(EQOS, -5035, "invalid QoS")                                                \
  X(EURL, -5036, "invalid URL")                                                \
  X(EINSECURE, -5037, "credentials would travel in clear text")                \
  X(EFULL, -5038, "queue is full")                                             \
  X(EDEADLOCK, -5039, "would wait for itself")                                 \
  X(ECONFLICT, -5040, "conflicts with another handler of this filter")         \
  X(ESTORE, -5041, "the store failed")                                         \
  X(ETHREAD, -5042, "called from another thread than the loop's")              \
  X(ENOCALLBACK, -5045, "set a message callback before subscribing")           \
  /* TLS; it is never answered with less security */                           \
  X(ETLS, -5050, "TLS failed")                                                 \
  X(ECERT, -5051, "the server's certificate is not accepted")                  \
  X(EHOSTNAME, -5052, "the server's certificate is for another name")          \
  X(EPIN, -5053, "the server's key is none of those pinned")                   \
  X(ETLSCONFIG, -5054, "the TLS settings cannot be used")                      \
  /* on the way to the server */                                               \
  X(EWSHANDSHAKE, -5060, "the server refused to speak WebSocket")              \
  X(EWSPROTOCOL, -5061, "the server broke the WebSocket protocol")             \
  X(EWSCLOSED, -5062, "the server closed the WebSocket with an error code")    \
  X(EPROXY, -5063, "the proxy did not make the connection")                    \
  X(EPROXYAUTH, -5064, "the proxy wants other credentials")                    \
  X(EPROXYPROTOCOL, -5065, "what the proxy said is not its protocol")          \
  X(EHEADER, -5066, "invalid HTTP header or path")                             \
  X(EHEADERS, -5067, "the program could not make the HTTP headers")            \
  X(EPATH, -5068, "invalid socket path")

typedef enum {
#define X(name, number, text) UVMQTT_##name = number,
  UVMQTT_ERRNO_MAP(X)
#undef X
} uvmqtt_errno_t;

/* A short text for a code of ours or of libuv, "unknown error" for any other.
 * Static or thread-independent; never NULL. Any thread. */
UVMQTT_EXTERN const char *uvmqtt_strerror(int err);

/* The name of the code: "UVMQTT_EFULL", "ECONNREFUSED" (libuv's codes without
 * their prefix, as uv_err_name does). Never NULL. Any thread. */
UVMQTT_EXTERN const char *uvmqtt_err_name(int err);

#ifdef __cplusplus
}
#endif

#endif
