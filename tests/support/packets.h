/* support/packets.h: packets as lines of text, both ways.
 *
 *   20 @ 00 00 | 03 21 00 02       hex; @ is the Remaining Length of the rest
 *   30 05 00 03 "a/b"              text in quotes, | is only for the eye
 *   30 @ 00 01 "a" 78*100          a byte a hundred times
 *   CONNACK sp=1 receive_maximum=2 symbolic, written by lib/wire
 *
 * Symbolic text is a set: the words after the type may stand in any order.
 * What has its default (dup=0, reason=0x00 and so on) is left out. */
#ifndef SUPPORT_PACKETS_H
#define SUPPORT_PACKETS_H

#include "wire/packet.h"

#define TEXT_MAX 4096
#define WORDS_MAX 64

/* A line taken apart at its blanks; the words point into copy. */
struct words {
  char copy[TEXT_MAX];
  char *word[WORDS_MAX];
  size_t n;
};

void words_split(struct words *w, const char *line);
/* The value of the word "key=...", NULL when there is none. */
const char *words_value(const struct words *w, const char *key);
uint64_t words_number(const struct words *w, const char *key, uint64_t absent);
/* Sorted from `from` on, defaults dropped, joined by blanks into ret. */
void words_join(struct words *w, size_t from, char ret[TEXT_MAX]);

/* Room for the properties of one line. */
struct text_properties {
  uvmqtt_property_t p[WORDS_MAX];
  size_t n;
  char copy[TEXT_MAX];
  size_t used;
};

/* Those words that name a property, with `prefix` before the name. */
void text_properties_read(struct text_properties *t, const struct words *w,
                          const char *prefix);
/* Appends " name=value" for each. */
void text_properties_write(char text[TEXT_MAX], const char *prefix,
                           const uvmqtt_property_t *p, size_t n);

/* "x*70000" is 70,000 times x. To be freed. */
char *text_bytes_read(const char *value, size_t *ret_len);
void text_add(char text[TEXT_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_add_bytes(char text[TEXT_MAX], const char *key, const void *p,
                    size_t len);

bool packet_text_is_hex(const char *line);
/* The bytes of a line; to be freed. NULL when it says nothing sensible. */
uint8_t *packet_text_bytes(const char *line, uint8_t version, size_t *ret_len);
/* "filters=a/+:1,b:0n" as n subscriptions into ret, at most WORDS_MAX. Letters
 * after the QoS: n No Local, p Retain As Published, h and a digit Retain
 * Handling. The text is cut in place. */
size_t text_subscriptions(char *value, uvmqtt_subscription_t *ret);
size_t text_filters(char *value, const char **ret);

/* What the client sent, as sorted text; the bytes are consumed. Returns false
 * with the reason in ret when it is no legal packet of a client. */
bool packet_text_of(uint8_t *data, size_t len, uint8_t version,
                    char ret[TEXT_MAX]);
/* The length of the packet at data, 0 when it is not whole. */
size_t packet_text_length(const uint8_t *data, size_t len, size_t *ret_body);

#endif
