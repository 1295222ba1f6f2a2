/* client/report.h: the error object and what is told about the link. */
#ifndef UM_CLIENT_REPORT_H
#define UM_CLIENT_REPORT_H

#include "client/client.h"

void um_report_clear(uvmqtt_t *m);
/* Fills m->error from the code, the stream and the session's ending. */
void um_report_error(uvmqtt_t *m, int code, uvmqtt_phase_t phase);
/* on_state, with m->error and m->retry_in as they are. */
void um_report_state(uvmqtt_t *m, uvmqtt_state_t from);
void um_report_disconnect(uvmqtt_t *m, bool was_online);
uvmqtt_phase_t um_report_phase(const uvmqtt_t *m);

#endif
