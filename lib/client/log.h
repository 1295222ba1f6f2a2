/* client/log.h: a line for .on_log. Part of the client. */
#ifndef UM_CLIENT_LOG_H
#define UM_CLIENT_LOG_H

#include <uvmqtt/message.h>

#define UM_LOG_MAX 1024u /* longer ones are cut */

/* Nothing secret may come in; control characters go out as '?'. */
__attribute__((format(printf, 3, 4))) void
um_log(uvmqtt_t *m, uvmqtt_log_level_t level, const char *format, ...);

/* What the client says on its way. */
void um_log_attempt(uvmqtt_t *m);
void um_log_online(uvmqtt_t *m, const uvmqtt_connack_t *connack);
void um_log_end(uvmqtt_t *m, const uvmqtt_disconnect_t *end);
void um_log_state(uvmqtt_t *m, const uvmqtt_transition_t *step);
void um_log_notice(uvmqtt_t *m, const uvmqtt_notice_t *notice);

#endif
