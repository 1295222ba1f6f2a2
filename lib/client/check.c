#include "client/check.h"

#include "base/err.h"

int um_check_publish(const uvmqtt_message_t *message) {
  return message == NULL ? UM_EINVAL
                         : um_check_message(message, UVMQTT_PUBLISH);
}

int um_check_subscriptions(const uvmqtt_subscription_t *filters, size_t n,
                           const uvmqtt_property_t *properties,
                           size_t n_properties) {
  if (filters == NULL || n == 0) /* [MQTT-3.8.3-2/5], [MQTT-3.8.3-3/311] */
    return UM_EINVAL;
  for (size_t i = 0; i < n; i++) {
    int r = um_check_subscription(&filters[i]);
    if (r)
      return r;
  }
  return um_check_properties(properties, n_properties, UVMQTT_SUBSCRIBE);
}

int um_check_filters(const char *const *filters, size_t n,
                     const uvmqtt_property_t *properties, size_t n_properties) {
  if (filters == NULL || n == 0) /* [MQTT-3.10.3-2/both] */
    return UM_EINVAL;
  for (size_t i = 0; i < n; i++) {
    int r = um_check_filter(filters[i]);
    if (r)
      return r;
  }
  return um_check_properties(properties, n_properties, UVMQTT_UNSUBSCRIBE);
}
