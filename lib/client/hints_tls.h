/* client/hints_tls.h: hints.h about TLS. Each is NULL when it knows none. Part
 * of the hints. */
#ifndef UM_CLIENT_HINTS_TLS_H
#define UM_CLIENT_HINTS_TLS_H

#include "client/hints.h"

/* In the handshake of TLS: who answers does not speak it. */
const char *um_hint_of_foreigner(const struct um_fault *fault);
/* It does, and broke off without a word. */
const char *um_hint_of_break(const struct um_hint_facts *f);
/* buffer as in um_hint. */
const char *um_hint_of_certificate(const struct um_fault *fault, char *buffer);
const char *um_hint_of_alert(const struct um_hint_facts *f);

#endif
