/* driver.h: what the drivers share. One process is one run:
 *
 *   drive_NAME PORT WORKLOAD MESSAGES
 *
 * prints one line of JSON, or says on stderr what failed and exits with 1.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#define IN_FLIGHT 100 /* QoS 1, kept full */

#define WORKLOAD_MAP(X)                                                        \
  X(PUB0, "pub0_64")   /* publish QoS 0; a QoS 1 PUBLISH proves delivery */    \
  X(PUB1, "pub1_64")   /* publish QoS 1 */                                     \
  X(RECV0, "recv0_64") /* receive QoS 0 until the marker */

enum workload {
#define X(name, text) name,
  WORKLOAD_MAP(X)
#undef X
};

struct driver {
  const char *client;
  int port;
  enum workload workload;
  uint64_t messages;
};

/* Reads the command line into *d. */
void driver_init(struct driver *d, const char *client, int argc, char **argv);

/* Starts the clocks: right after CONNACK. */
void driver_begin(void);

/* Stops them and prints the line. done is what the client saw completed; any
 * other number than asked for is a failure. */
void driver_end(const struct driver *d, uint64_t done);

/* "flood/N" for RECV0. Static. */
const char *driver_filter(const struct driver *d);

/* Exits with 1 when ok is 0. */
void driver_check(int ok, const char *what);

#endif
