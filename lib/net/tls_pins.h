/* net/tls_pins.h: public keys the user knows. Part of TLS. */
#ifndef UM_NET_TLS_PINS_H
#define UM_NET_TLS_PINS_H

#include "net/tls_config.h"

/* Under the lock: one certificate of the chain has one of the first n pins, or
 * n is 0. */
bool um_tls_pins_fit(const uvmqtt_tls_t *tls, size_t n, STACK_OF(X509) * chain);
bool um_tls_pin_fits(const uvmqtt_tls_t *tls, size_t n, const X509 *cert);

#endif
