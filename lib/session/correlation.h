/* session/correlation.h: Correlation Data of our requests: the program's seed
 * and the request's number, so that it is nobody else's and ours only once. */
#ifndef UM_SESSION_CORRELATION_H
#define UM_SESSION_CORRELATION_H

#include <stdbool.h>
#include <stdint.h>
#include <uvmqtt/property.h>

#define UM_CORRELATION_SIZE 16u

void um_correlation_write(uint8_t ret[UM_CORRELATION_SIZE], uint64_t seed,
                          uint64_t id);
/* false: it was not made with this seed. */
bool um_correlation_read(uvmqtt_bytes_t data, uint64_t seed, uint64_t *ret_id);

#endif
