/* Answers to the requests of others. */
#include "session/session.h"

#include "base/alloc.h"
#include "base/err.h"
#include <string.h>

static int answer_with(const uvmqtt_message_t *request,
                       const uvmqtt_message_t *answer, uvmqtt_property_t *list,
                       uvmqtt_message_t *ret) {
  const uvmqtt_property_t *to =
      uvmqtt_property_find(request->properties, request->n_properties,
                           UVMQTT_PROPERTY_RESPONSE_TOPIC);
  const uvmqtt_property_t *data =
      uvmqtt_property_find(request->properties, request->n_properties,
                           UVMQTT_PROPERTY_CORRELATION_DATA);
  if (to == NULL)
    return UVMQTT_ENOTSUP;
  *ret = *answer;
  ret->topic = to->value.str;
  if (answer->n_properties != 0)
    memcpy(list, answer->properties, answer->n_properties * sizeof *list);
  if (data != NULL)
    list[ret->n_properties++] = *data;
  ret->properties = list;
  return um_check_message(ret, UVMQTT_PUBLISH);
}

int um_session_respond(struct um_session *s, uint64_t now,
                       const uvmqtt_message_t *request,
                       const uvmqtt_message_t *answer, uvmqtt_request_cb cb,
                       void *arg, uint64_t *ret_id) {
  uvmqtt_message_t m;
  uvmqtt_property_t *list = um_calloc(answer->n_properties + 1, sizeof *list);
  if (list == NULL)
    return UM_ENOMEM;
  int r = answer_with(request, answer, list, &m);
  if (r == 0)
    r = um_session_publish(s, now, &m, cb, arg, ret_id);
  um_free(list);
  return r;
}
