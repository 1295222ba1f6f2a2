/* A second decoder, transcribed from the two standards without a look at
 * lib/wire: slow, copying nothing, allocating nothing. */
#ifndef TESTS_WIRE_REFERENCE_H
#define TESTS_WIRE_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum verdict { FINE, MALFORMED, PROTOCOL, ALIAS };

/* One property of table 2-4 of the standard. */
struct ref_property {
  unsigned id;
  const char *name;
  char type;         /* 1 2 4 bytes, v varint, s string, b binary, p pair */
  const char *where; /* packets, by letter: see ref_letter */
  const char *often; /* where it may stand more than once */
  uint32_t min, max;
};

extern const struct ref_property ref_properties[27];

/* "CANPRLMSsUuDX" and w for the Will: which letter stands for a packet type
 * (0: Will), '-' for one without properties. */
char ref_letter(int type);

/* May this packet carry the code? By the tables of the standard. */
bool ref_reason_legal(int type, int version, bool from_server, int code);

/* A whole packet, fixed header included; writes what trace_packet writes for
 * the same packet when it is FINE. */
enum verdict ref_decode(const uint8_t *p, size_t len, int version,
                        bool from_server, FILE *trace);

/* Naive, one code point at a time. */
bool ref_utf8(const uint8_t *s, size_t len);
bool ref_topic_name(const uint8_t *s, size_t len);
bool ref_topic_filter(const uint8_t *s, size_t len);
bool ref_topic_match(const char *filter, const char *name);

#endif
