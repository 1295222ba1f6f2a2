#include "client/hints_tls.h"

#include "client/text.h"
#include "net/fault.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt/error.h>

/* X509_V_ERR_... of OpenSSL; 24 is what 79 was before OpenSSL 3. */
static const struct {
  int verify_code;
  const char *text;
} by_verify_code[] = {
    {2, "the certificate of an authority in the chain is missing"},
    {3, "there is no revocation list for this certificate"},
    {7, "the signature of a certificate is wrong: a forgery, or another "
        "authority of the same name"},
    {9, "the certificate is not valid yet; is this machine's clock right?"},
    {10, "the certificate has expired; is this machine's clock right?"},
    {11, "the revocation list is not valid yet; is this machine's clock "
         "right?"},
    {12, "the revocation list has expired"},
    {18, "the server's certificate is signed by itself; to trust it make it "
         "your CA"},
    {19, "the chain ends in a root that is not trusted here; give it as your "
         "CA"},
    {20, "the authority that signed the certificate is not trusted here; give "
         "it as your CA, or the server must send the whole chain"},
    {21, "the chain is incomplete and cannot be verified; the server must send "
         "all of it"},
    {22, "the chain of certificates is too long"},
    {23, "the certificate has been revoked"},
    {25, "the chain is longer than one of its authorities allows"},
    {26, "the certificate is not for servers"},
    {27, "the authority is not trusted for servers"},
    {28, "the authority is marked as not to be trusted for servers"},
    {32, "a certificate in the chain may not sign others"},
    {34, "the certificate demands something that is not known here"},
    {47, "an authority in the chain may not sign for this name"},
    {48, "an authority in the chain may not sign for this name"},
    {62, "the certificate is for another name"},
    {64, "the certificate is for another address"},
    {66, "the server's key is too short to be safe"},
    {67, "the key of an authority in the chain is too short to be safe"},
    {68, "a signature in the chain is too weak to be safe"},
    {73, "the server stapled no OCSP response, which is required here; is "
         "stapling switched on there?"},
    {74, "the OCSP response that the server stapled proves nothing; .detail "
         "says why"},
    {75, "the OCSP responder does not know the server's certificate"},
    {79, "a certificate in the chain may not sign others"},
};

/* TLS alerts (RFC 8446, 6.2) of the server; some are as true of ours. */
static const struct {
  int alert;
  bool both;
  const char *text;
} by_alert[] = {
    {20, false, "the server could not read us: is the PSK the right one?"},
    {20, true, "what came was damaged on the way, or the keys differ"},
    {40, true,
     "the server and we share no TLS parameters, or it wants a client "
     "certificate"},
    {42, false, "the server does not accept our certificate"},
    {43, false, "the server does not accept this type of certificate"},
    {44, false, "the server says that our certificate was revoked"},
    {45, false, "the server says that our certificate has expired"},
    {46, false, "the server does not accept our certificate"},
    {47, false,
     "the server does not take what we sent: is the PSK the right one?"},
    {48, false,
     "the server does not know the authority that signed our certificate"},
    {49, false, "the server does not allow our certificate"},
    {51, true,
     "a signature or key did not match; are certificate and key, or the "
     "PSK, the right ones?"},
    {70, true, "the server and we have no version of TLS in common"},
    {71, true, "the TLS parameters are too weak for the server or for us"},
    {80, false, "the server failed inside"},
    {112, false, "the server does not know this host name"},
    {115, false, "the server does not know this PSK identity"},
    {116, false, "the server wants a client certificate"},
    {120, false, "the server does not offer this ALPN protocol"},
};

#define EACH(i, table)                                                         \
  size_t i = 0;                                                                \
  i < sizeof table / sizeof table[0];                                          \
  i++

/* What came instead of TLS. */
static const struct {
  const char *bytes;
  size_t n;
  const char *text;
} by_first[] = {
    {"\x20", 1, "this port speaks plain MQTT, not TLS: use mqtt://"},
    {"\xe0", 1, "this port speaks plain MQTT, not TLS: use mqtt://"},
    {"HTTP/", 5,
     "this port speaks plain HTTP, not TLS; for MQTT over WebSocket use ws://"},
    {"SSH-", 4, "this port speaks SSH, not TLS"},
    {"AMQP", 4, "this port speaks AMQP, not TLS"},
    {"220 ", 4, "this port speaks SMTP or FTP, not TLS"},
};

static bool begins_with(const struct um_fault *f, const char *bytes, size_t n) {
  return f->n_first >= n && memcmp(f->first, bytes, n) == 0;
}

static bool is_no_tls(const struct um_fault *fault) {
  return strstr(fault->text, "wrong version number") != NULL ||
         strstr(fault->text, "packet length too long") != NULL ||
         strstr(fault->text, "http request") != NULL;
}

const char *um_hint_of_foreigner(const struct um_fault *fault) {
  for (EACH(i, by_first))
    if (begins_with(fault, by_first[i].bytes, by_first[i].n))
      return by_first[i].text;
  return fault->n_first == 0 && !is_no_tls(fault)
             ? NULL
             : "this port does not speak TLS: is it the one for mqtt:// (or "
               "ws://)?";
}

/* As servers do that want another client certificate and do not say so. */
const char *um_hint_of_break(const struct um_hint_facts *f) {
  if (f->fault->answered && f->code == UV_EOF)
    return "the server closed in the middle of the TLS handshake; does it want "
           "a client certificate, or another one?";
  if (f->fault->answered && f->code == UV_ECONNRESET)
    return "the server reset the connection in the middle of the TLS "
           "handshake; does it want a client certificate, or another one?";
  return NULL;
}

static const char *expired(const struct um_fault *fault, char *buffer) {
  char subject[UM_FAULT_TEXT];
  um_text_copy(subject, sizeof subject, fault->subject);
  snprintf(buffer, UM_HINT_MAX,
           "the certificate expired %ld day%s ago%s%.200s; is this machine's "
           "clock right?",
           fault->expired_days, fault->expired_days == 1 ? "" : "s",
           *subject == '\0' ? "" : ": ", subject);
  return buffer;
}

static const char *other_names(const struct um_fault *fault, char *buffer) {
  char names[UM_FAULT_TEXT];
  um_text_copy(names, sizeof names, fault->names);
  snprintf(buffer, UM_HINT_MAX, "the certificate is for another name: %s",
           names);
  return buffer;
}

static const char *hint_of_verify_code(const struct um_fault *fault) {
  for (EACH(i, by_verify_code))
    if (by_verify_code[i].verify_code == fault->verify_code)
      return by_verify_code[i].text;
  return NULL;
}

const char *um_hint_of_certificate(const struct um_fault *fault, char *buffer) {
  if (buffer != NULL && *fault->names != '\0')
    return other_names(fault, buffer);
  if (buffer != NULL && fault->expired_days > 0)
    return expired(fault, buffer);
  return fault->verify_code == 0 ? NULL : hint_of_verify_code(fault);
}

/* Where the verdict on the server was ours, so was the alert. */
static bool is_our_verdict(int code) {
  return code == UVMQTT_ECERT || code == UVMQTT_EHOSTNAME ||
         code == UVMQTT_EPIN || code == UVMQTT_ETLSCONFIG;
}

const char *um_hint_of_alert(const struct um_hint_facts *f) {
  if (is_our_verdict(f->code))
    return NULL;
  for (EACH(i, by_alert))
    if (by_alert[i].alert == f->fault->alert &&
        (by_alert[i].both || !f->fault->alert_ours))
      return by_alert[i].text;
  return NULL;
}
