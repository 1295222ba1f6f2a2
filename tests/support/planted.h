/* support/planted.h: secrets that each client of each test has, and the search
 * for them in all that it says.
 *
 * Every test executable is linked so that uvmqtt_new is the one of
 * support/overheard.c. It plants what the test did not set itself (login, Will,
 * User Property, headers and path of a WebSocket) and listens to log, trace,
 * errors and notices; support/wiped.c looks into memory that is freed. Whoever
 * finds a marker there, in whatever encoding, or what the test itself told its
 * client in confidence (support/told.c), ends the test. tests/run looks
 * through all that was printed, too (tests/lib/planted.sh). */
#ifndef SUPPORT_PLANTED_H
#define SUPPORT_PLANTED_H

#include <stdbool.h>
#include <stddef.h>

/* In what is neither shown nor left in memory: user name, password,
 * authentication data, headers, URL and path, keys, passphrases. */
#define PLANTED_SECRET "p1antedS3cret"
/* In what is not shown: payloads and properties. */
#define PLANTED_PAYLOAD "p1antedPay1oad"

#define PLANTED_USER PLANTED_SECRET "-user"
#define PLANTED_PASSWORD PLANTED_SECRET "-word"
#define PLANTED_TOPIC "planted/will" /* topics are shown */

/* What the clients of this test are not given, since it would change what the
 * test means; from here to its end. */
enum {
  PLANTED_LOGIN = 1,
  PLANTED_WILL = 2,
  PLANTED_PROPERTY = 4,
  PLANTED_HEADER = 8,
  PLANTED_PATH = 16,
  PLANTED_CONNECT = PLANTED_LOGIN | PLANTED_WILL | PLANTED_PROPERTY,
  PLANTED_ALL = 31,
};
void planted_off(unsigned what);
bool planted_is_on(unsigned what);

/* Is a marker in there: as it is, in hexadecimal, as %XX or in base64? */
bool planted_in(const void *p, size_t len);
/* The first of the two? */
bool planted_secret_in(const void *p, size_t len);
/* Is this word of support/packets.h there because of what was planted? */
bool planted_word(const char *word);

/* Aborts when one is in there, and says where; NULL is fine. */
void planted_look(const char *where, const char *text);

#endif
