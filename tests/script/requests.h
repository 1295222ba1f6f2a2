/* script/requests.h: publish, subscribe and the others that complete. */
#ifndef SCRIPT_REQUESTS_H
#define SCRIPT_REQUESTS_H

#include "script/player.h"

void request_make(struct player *p, struct words *w);
/* "p1", or the number when there is none; buf holds it. */
const char *request_name(struct player *p, uint64_t id, char buf[24]);
/* What completions carry; the session must not call it itself. */
void request_never_called(uvmqtt_t *m, const uvmqtt_result_t *result,
                          void *arg);
/* "data=" is empty data, no such word is none. */
uvmqtt_bytes_t request_auth_data(const struct words *w);

#endif
