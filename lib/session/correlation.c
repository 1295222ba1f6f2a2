#include "session/correlation.h"

static void put_number(uint8_t *at, uint64_t number) {
  for (size_t i = 0; i < 8; i++)
    at[i] = (uint8_t)(number >> (56 - 8 * i));
}

static uint64_t get_number(const uint8_t *at) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; i++)
    number = number << 8 | at[i];
  return number;
}

void um_correlation_write(uint8_t ret[UM_CORRELATION_SIZE], uint64_t seed,
                          uint64_t id) {
  put_number(ret, seed);
  put_number(ret + 8, id);
}

bool um_correlation_read(uvmqtt_bytes_t data, uint64_t seed, uint64_t *ret_id) {
  const uint8_t *at = data.data;
  if (data.len != UM_CORRELATION_SIZE || get_number(at) != seed)
    return false;
  *ret_id = get_number(at + 8);
  return true;
}
