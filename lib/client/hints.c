#include "client/hints.h"

#include "client/hints_tls.h"
#include "net/fault.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt/error.h>
#include <uvmqtt/reason.h>

/* In each table the first row that fits counts; 0 fits all. */

static const struct {
  int code;
  uint8_t reason;
  const char *text;
} by_code[] = {
    {0, UVMQTT_REASON_BAD_USER_NAME_OR_PASSWORD,
     "the server rejects this user name or password"},
    {0, UVMQTT_REASON_NOT_AUTHORIZED,
     "the server does not allow this client or these credentials"},
    {0, UVMQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
     "the server does not accept this client identifier"},
    {0, UVMQTT_REASON_SESSION_TAKEN_OVER,
     "another client connected with the same client identifier"},
    {0, UVMQTT_REASON_BANNED, "the server has banned this client"},
    {0, UVMQTT_REASON_USE_ANOTHER_SERVER,
     "the server sends its clients to another one for now; see .on_redirect"},
    {0, UVMQTT_REASON_SERVER_MOVED,
     "the server has moved; see .on_redirect, or change the URL"},
    {0, UVMQTT_REASON_SERVER_UNAVAILABLE,
     "the server is running but not ready; trying again later"},
    {0, UVMQTT_REASON_SERVER_BUSY, "the server is busy; trying again later"},
    {0, UVMQTT_REASON_SERVER_SHUTTING_DOWN, "the server is shutting down"},
    {0, UVMQTT_REASON_QUOTA_EXCEEDED,
     "the server's quota for this client is used up; trying again later"},
    {0, UVMQTT_REASON_CONNECTION_RATE_EXCEEDED,
     "there were too many connections in a short time; trying again later"},
    {0, UVMQTT_REASON_MESSAGE_RATE_TOO_HIGH,
     "this client sends more messages than the server allows"},
    {0, UVMQTT_REASON_PACKET_TOO_LARGE,
     "this client sent a larger packet than the server allows"},
    {0, UVMQTT_REASON_ADMINISTRATIVE_ACTION,
     "somebody at the server ended this connection"},
    {0, UVMQTT_REASON_MAXIMUM_CONNECT_TIME,
     "the server lets no connection last longer than that"},
    {0, UVMQTT_REASON_KEEP_ALIVE_TIMEOUT,
     "the server heard nothing for one and a half Keep Alives; does something "
     "block the loop?"},
    {UVMQTT_EREFUSED, UVMQTT_REASON_BAD_AUTHENTICATION_METHOD,
     "the server does not know this .auth_method"},
    {UVMQTT_EAUTH, 0, "the server kept asking and never decided"},
    {UVMQTT_EVERSION, 0,
     "the server does not speak this MQTT version; leave .version at "
     "UVMQTT_VERSION_ANY or pin the other one"},
    {UVMQTT_EMALFORMED, 0,
     "what came was not MQTT; is this the right port, and does it want TLS?"},
    {UVMQTT_EPROTOCOL, 0, "the server broke the MQTT standard"},
    {UVMQTT_EQUOTA, 0,
     "the server sent more messages at once than Receive Maximum allows"},
    {UVMQTT_ETOPICALIAS, 0,
     "the server used a topic alias that it may not use or never set"},
    {UVMQTT_EREFUSED, 0,
     "the server refuses this client; its reason code says why"},
    {UVMQTT_EDISCONNECTED, 0,
     "the server sent the client away; its reason code may say why"},
    {UVMQTT_ENOCLIENTID, 0,
     "the server gave this client no identifier; set .client_id"},
    {UVMQTT_EINSECURE, 0,
     "credentials would travel in clear text; use mqtts:// or wss://, or set "
     ".plain_credentials to allow it"},
    {UVMQTT_ESTORE, 0,
     "what is to be kept could not be written; make a new client when the disk "
     "is well again"},
    {UVMQTT_EKEEPALIVE, 0,
     "no answer to PINGREQ; the server or the network is gone"},
    {UVMQTT_ESTALLED, 0,
     "the server or the network takes no more bytes; see .write_timeout"},
    {UVMQTT_ENOTSUP, 0,
     "MQTT 3.1.1 has no password without a user name; set both, or neither"},
    {UVMQTT_ECLIENTID, 0,
     "a session that is kept needs a client identifier in MQTT 3.1.1; set "
     ".client_id"},
    {UVMQTT_EURL, 0,
     "this URL leads nowhere; names of hosts are in ASCII (xn--...)"},
    {UVMQTT_ETOOBIG, 0, "a packet was larger than .maximum_packet_size"},
    {UVMQTT_ETLS, 0,
     "the server and we do not agree about TLS; .detail has the words of "
     "OpenSSL"},
    {UVMQTT_ECERT, 0,
     "the server's certificate is not accepted here; .detail says why"},
    {UVMQTT_EHOSTNAME, 0,
     "the server's certificate is for another name than the one in the URL"},
    {UVMQTT_EPIN, 0,
     "the server has a new key, or this is another server: none of the pinned "
     "keys is in its chain"},
    {UVMQTT_ETLSCONFIG, 0,
     "a certificate, key or other setting of .tls cannot be used; .detail says "
     "which"},
    {UVMQTT_EWSHANDSHAKE, 0,
     "what answers does not speak MQTT over WebSocket; is it the right port "
     "and path?"},
    {UVMQTT_EWSPROTOCOL, 0,
     "the server broke the rules of WebSocket; is something in between that "
     "changes bytes?"},
    {UVMQTT_EWSCLOSED, 0,
     "the server closed the WebSocket; .detail has its code and its words"},
    {UVMQTT_EPROXY, 0,
     "the proxy did not make the connection; .detail has its answer"},
    {UVMQTT_EPROXYAUTH, 0,
     "the proxy wants a user name and a password, or others than these"},
    {UVMQTT_EPROXYPROTOCOL, 0,
     "what answers is not such a proxy; are scheme and port in .proxy the "
     "right ones?"},
    {UVMQTT_EHEADER, 0,
     "a header or the path cannot be sent: control characters, or a header "
     "that the handshake itself uses"},
    {UVMQTT_EHEADERS, 0,
     "the program answered .on_ws_headers with a failure; trying again later"},
    {UVMQTT_EPATH, 0,
     "a unix socket needs an absolute path of at most 107 bytes, or @name on "
     "Linux"},
    {UV_ECONNREFUSED, 0, "nothing listens at this address and port"},
    {UV_ETIMEDOUT, 0, "no answer in time; is a firewall in the way?"},
    {UV_EOF, 0, "the server closed the connection"},
    {UV_ECONNRESET, 0, "the server reset the connection"},
    {UV_EPIPE, 0, "the server closed the connection"},
    {UV_EAI_NONAME, 0, "this host name is not known"},
    {UV_EAI_NODATA, 0, "this host name has no address"},
    {UV_EAI_AGAIN, 0, "the name server does not answer, or cannot now"},
    {UV_EAI_FAIL, 0, "the name server cannot answer for this host name"},
    {UV_EAI_ADDRFAMILY, 0, "this host name has no address"},
    {UV_EADDRNOTAVAIL, 0,
     "this machine cannot connect from such an address: is .bind_address one "
     "of its own, and of the same family? Without it, no port is left"},
    {UV_ENODEV, 0,
     "there is no such network interface; see .interface, and what follows % "
     "in the host"},
    {UV_EACCES, 0, "this system does not allow this connection"},
    {UV_EPERM, 0, "this system does not allow this connection"},
    {UV_EAFNOSUPPORT, 0,
     "this system does not speak this kind of address; is IPv6 off?"},
    {UV_ENETUNREACH, 0, "there is no network to this address"},
    {UV_EHOSTUNREACH, 0, "there is no way to this address"},
    {UV_EMFILE, 0, "this process has too many files open; see ulimit -n"},
    {UV_ENFILE, 0, "this system has too many files open"},
    {UV_ENOMEM, 0, "out of memory"},
};

/* What a code means only there. */
static const struct {
  int code;
  uvmqtt_phase_t phase;
  const char *text;
} by_phase[] = {
    {UV_ETIMEDOUT, UVMQTT_PHASE_PREPARE,
     ".on_before_connect was not answered with uvmqtt_go in time"},
    {UV_ETIMEDOUT, UVMQTT_PHASE_RESOLVE,
     "nobody says in time which address this host has: neither the name server "
     "nor .on_resolve, if that is used"},
    {UV_ETIMEDOUT, UVMQTT_PHASE_TLS,
     "no TLS handshake in time; does this port speak TLS, or plain MQTT "
     "(mqtt://)?"},
    {UV_ETIMEDOUT, UVMQTT_PHASE_PROXY,
     "the proxy took the connection and does not answer; are scheme and port "
     "in .proxy the right ones?"},
    {UV_ETIMEDOUT, UVMQTT_PHASE_WEBSOCKET,
     "no answer to the WebSocket handshake in time; does this port speak "
     "HTTP?"},
    {UV_ETIMEDOUT, UVMQTT_PHASE_HANDSHAKE,
     "no CONNACK in time; is this an MQTT port, and does it want TLS?"},
    {UV_ETIMEDOUT, UVMQTT_PHASE_ONLINE,
     "what was sent was not confirmed in time; the server or the network is "
     "gone"},
    {UV_ENOENT, UVMQTT_PHASE_CONNECT,
     "there is no such unix socket; is the server running?"},
    {UV_EINVAL, UVMQTT_PHASE_CONNECT,
     "this system does not connect to such an address; one that begins with "
     "fe80 needs an interface, as in fe80::1%eth0"},
    {UV_EOF, UVMQTT_PHASE_TLS,
     "the server closed during the TLS handshake; does this port speak TLS, or "
     "plain MQTT (mqtt://)?"},
    {UV_ECONNRESET, UVMQTT_PHASE_TLS,
     "the server reset the connection during the TLS handshake; does this "
     "port speak TLS, or plain MQTT (mqtt://)?"},
    {UV_EOF, UVMQTT_PHASE_PROXY,
     "the proxy closed without an answer; are scheme and port in .proxy the "
     "right ones?"},
    {UV_ECONNRESET, UVMQTT_PHASE_PROXY,
     "the proxy reset the connection without an answer; are scheme and port in "
     ".proxy the right ones?"},
    {UV_EOF, UVMQTT_PHASE_WEBSOCKET,
     "the server closed during the WebSocket handshake; does this port speak "
     "HTTP?"},
    {UV_ECONNRESET, UVMQTT_PHASE_WEBSOCKET,
     "the server reset the connection during the WebSocket handshake; does "
     "this port speak HTTP?"},
    {UV_EOF, UVMQTT_PHASE_HANDSHAKE,
     "the server closed without an answer to CONNECT; is this an MQTT port, "
     "and does it want TLS?"},
    {UV_ECONNRESET, UVMQTT_PHASE_HANDSHAKE,
     "the server reset the connection without an answer to CONNECT; is this "
     "an MQTT port, and does it want TLS?"},
};

/* Where it is no server that was not reached. */
static const struct {
  enum um_hint_peer peer;
  int code;
  const char *text;
} by_peer[] = {
    {UM_HINT_PROXY, UV_ECONNREFUSED,
     "nothing listens at the address and port of the proxy"},
    {UM_HINT_PROXY, UV_ETIMEDOUT,
     "the proxy does not answer; is a firewall in the way?"},
    {UM_HINT_PROXY, UV_EAI_NONAME, "the host name of the proxy is not known"},
    {UM_HINT_PROXY, UV_EAI_NODATA, "the host name of the proxy has no address"},
    {UM_HINT_SOCKET, UV_ECONNREFUSED,
     "nothing listens at this socket; is the server running?"},
    {UM_HINT_SOCKET, UV_ENOENT, "there is no socket at this path"},
    {UM_HINT_SOCKET, UV_ENOTDIR, "there is no socket at this path"},
    {UM_HINT_SOCKET, UV_EACCES,
     "this program has no permission to write to the socket"},
    {UM_HINT_SOCKET, UV_EPROTOTYPE,
     "this socket is of another kind; MQTT needs a stream"},
    {UM_HINT_SOCKET, UV_ETIMEDOUT,
     "the server does not accept connections at this socket"},
};

/* Instead of CONNACK, over TLS: what servers do, too, that want another client
 * certificate and do not say so. */
static const struct {
  int code;
  const char *text;
} by_silence[] = {
    {UV_ETIMEDOUT, "no CONNACK in time; is this an MQTT port?"},
    {UV_EOF,
     "the server closed without an answer to CONNECT; is this an MQTT port, "
     "and does it want a client certificate, or another one?"},
    {UV_ECONNRESET,
     "the server reset the connection without an answer to CONNECT; is this "
     "an MQTT port, and does it want a client certificate, or another one?"},
};

/* Who answers CONNECT with this is no MQTT server. */
static const struct {
  const char *bytes;
  size_t n;
  const char *text;
} by_first[] = {
    {"\x15\x03", 2, "this port wants TLS: use mqtts:// (or wss://)"},
    {"HTTP/", 5,
     "this port speaks HTTP, not plain MQTT; for MQTT over WebSocket use ws:// "
     "(or wss://)"},
    {"SSH-", 4, "this port speaks SSH, not MQTT"},
    {"AMQP", 4, "this port speaks AMQP, not MQTT"},
    {"220 ", 4, "this port speaks SMTP or FTP, not MQTT"},
};

/* Replies on the way. */
static const struct {
  uvmqtt_phase_t phase;
  int least, most;
  const char *text;
} by_status[] = {
    {UVMQTT_PHASE_PROXY, 1, 1, "the proxy failed"},
    {UVMQTT_PHASE_PROXY, 2, 2, "the proxy does not allow this connection"},
    {UVMQTT_PHASE_PROXY, 3, 4, "the proxy does not reach the server"},
    {UVMQTT_PHASE_PROXY, 5, 5,
     "nothing listens at the server's address and port, says the proxy"},
    {UVMQTT_PHASE_PROXY, 6, 6, "the server did not answer the proxy in time"},
    {UVMQTT_PHASE_PROXY, 7, 8, "this SOCKS proxy cannot do that"},
    {UVMQTT_PHASE_PROXY, 401, 401,
     "the proxy wants a user name and a password, or others than these"},
    {UVMQTT_PHASE_PROXY, 407, 407,
     "the proxy wants a user name and a password, or others than these"},
    {UVMQTT_PHASE_PROXY, 403, 403, "the proxy does not allow this connection"},
    {UVMQTT_PHASE_PROXY, 400, 405,
     "what answers may be a web server and no proxy; are host and port in "
     ".proxy the right ones?"},
    {UVMQTT_PHASE_PROXY, 501, 501, "this proxy makes no tunnels"},
    {UVMQTT_PHASE_PROXY, 500, 599, "the proxy does not reach the server"},
    {UVMQTT_PHASE_WEBSOCKET, 101, 101,
     "a WebSocket, but not one for MQTT, says .detail; when only the "
     "sub-protocol is missing, .ws_any_subprotocol goes on without"},
    {UVMQTT_PHASE_WEBSOCKET, 200, 299,
     "a web server answers, but there is no WebSocket at this path; brokers "
     "often use /mqtt"},
    {UVMQTT_PHASE_WEBSOCKET, 300, 399,
     "the web server sends us to another URL, which is not followed"},
    {UVMQTT_PHASE_WEBSOCKET, 400, 400,
     "the web server does not take this for WebSocket; is it the right port?"},
    {UVMQTT_PHASE_WEBSOCKET, 401, 403,
     "the web server wants credentials, or other headers than these"},
    {UVMQTT_PHASE_WEBSOCKET, 404, 405,
     "there is no WebSocket at this path; brokers often use /mqtt"},
    {UVMQTT_PHASE_WEBSOCKET, 426, 426,
     "the web server wants another version of WebSocket or HTTP"},
    {UVMQTT_PHASE_WEBSOCKET, 500, 599,
     "the web server does not reach the broker behind it"},
};

#define EACH(i, table)                                                         \
  size_t i = 0;                                                                \
  i < sizeof table / sizeof table[0];                                          \
  i++

static const char *hint_of_peer(const struct um_hint_facts *f) {
  if (f->phase != UVMQTT_PHASE_CONNECT && f->phase != UVMQTT_PHASE_RESOLVE)
    return NULL;
  for (EACH(i, by_peer))
    if (by_peer[i].peer == f->peer && by_peer[i].code == f->code)
      return by_peer[i].text;
  return NULL;
}

static const char *hint_of_code(const struct um_hint_facts *f) {
  for (EACH(i, by_phase))
    if (by_phase[i].code == f->code && by_phase[i].phase == f->phase &&
        f->reason == 0)
      return by_phase[i].text;
  for (EACH(i, by_code))
    if ((by_code[i].code == 0 || by_code[i].code == f->code) &&
        (by_code[i].reason == 0 || by_code[i].reason == f->reason))
      return by_code[i].text;
  return uvmqtt_strerror(f->code);
}

static const char *hint_of_silence(const struct um_hint_facts *f) {
  if (!f->over_tls || f->phase != UVMQTT_PHASE_HANDSHAKE || f->reason != 0)
    return NULL;
  for (EACH(i, by_silence))
    if (by_silence[i].code == f->code)
      return by_silence[i].text;
  return NULL;
}

/* Whatever came instead of CONNACK. */
static const char *hint_of_first(const struct um_hint_facts *f) {
  if (f->phase != UVMQTT_PHASE_HANDSHAKE || f->reason != 0)
    return NULL;
  for (EACH(i, by_first))
    if (f->n_first >= by_first[i].n &&
        memcmp(f->first, by_first[i].bytes, by_first[i].n) == 0)
      return by_first[i].text;
  return NULL;
}

static const char *hint_of_status(const struct um_hint_facts *f) {
  int status = f->fault->status;
  if (f->code == UVMQTT_EPROXYAUTH)
    return NULL; /* that of a SOCKS5 login means nothing more */
  for (EACH(i, by_status))
    if (by_status[i].phase == f->phase && status >= by_status[i].least &&
        status <= by_status[i].most)
      return by_status[i].text;
  return NULL;
}

static const char *hint_of_fault(const struct um_hint_facts *f, char *buffer) {
  const char *hint = NULL;
  if (f->fault == NULL)
    return NULL;
  if (f->phase == UVMQTT_PHASE_TLS)
    hint = um_hint_of_foreigner(f->fault);
  if (hint == NULL && f->phase == UVMQTT_PHASE_TLS)
    hint = um_hint_of_break(f);
  if (hint == NULL)
    hint = um_hint_of_certificate(f->fault, buffer);
  if (hint == NULL)
    hint = hint_of_status(f);
  return hint == NULL ? um_hint_of_alert(f) : hint;
}

const char *um_hint(const struct um_hint_facts *f, char *buffer) {
  if (f->code == 0)
    return "";
  if (f->unsigned_yet && f->code == UV_ETIMEDOUT)
    return ".on_ws_headers was not answered with uvmqtt_ws_headers in time";
  const char *hint = hint_of_first(f);
  if (hint == NULL)
    hint = hint_of_peer(f);
  if (hint == NULL)
    hint = hint_of_fault(f, buffer);
  if (hint == NULL)
    hint = hint_of_silence(f);
  return hint == NULL ? hint_of_code(f) : hint;
}
