/* client/check.h: whole requests, as the public calls take them. */
#ifndef UM_CLIENT_CHECK_H
#define UM_CLIENT_CHECK_H

#include "wire/packet.h"

/* Each 0, or what the call is refused with. */
int um_check_publish(const uvmqtt_message_t *message); /* may be NULL: EINVAL */
int um_check_subscriptions(const uvmqtt_subscription_t *filters, size_t n,
                           const uvmqtt_property_t *properties,
                           size_t n_properties);
int um_check_filters(const char *const *filters, size_t n,
                     const uvmqtt_property_t *properties, size_t n_properties);

#endif
