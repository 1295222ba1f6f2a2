/* client/report.h: the error object and what is told about the link. */
#ifndef UM_CLIENT_REPORT_H
#define UM_CLIENT_REPORT_H

#include "client/client.h"

void um_report_clear(uvmqtt_t *m); /* online: all is well */
/* Keeps what the code, the stream and the session's ending tell. */
void um_report_error(uvmqtt_t *m, int code, uvmqtt_phase_t phase);
extern const uvmqtt_error_t um_report_none; /* code 0 */
/* The latest error; in room when there was none (but phase and address), or no
 * memory to keep all of it. */
const uvmqtt_error_t *um_report_last(const uvmqtt_t *m, uvmqtt_error_t *room);
/* on_state, with the latest error and m->retry_in as they are. */
void um_report_state(uvmqtt_t *m, uvmqtt_state_t from);
void um_report_disconnect(uvmqtt_t *m, bool was_online);
uvmqtt_phase_t um_report_phase(const uvmqtt_t *m);

#endif
