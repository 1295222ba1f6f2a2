/* A decoded packet as one line of text, so that tests can compare and read it.
 *
 *   PUBLISH qos=1 retain=0 dup=0 id=7 topic="a/b" {} payload="x"
 */
#ifndef TESTS_WIRE_TRACE_H
#define TESTS_WIRE_TRACE_H

#include "wire/packet.h"
#include <stdio.h>

void trace_packet(FILE *f, uint8_t version, const struct um_packet *p);
void trace_bytes(FILE *f, const void *p, size_t len);
/* "EMALFORMED" */
const char *trace_error(int err);

#endif
