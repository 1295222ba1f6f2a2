#include "session/correlation.h"

#include "support/suite.h"

SUITE(correlation);

#define SEED UINT64_C(0x0123456789ABCDEF)

Test(correlation, is_the_seed_and_the_number_in_bytes) {
  static const uint8_t expected[] = {
      0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0, 0, 0, 1, 0, 0, 0, 2};
  uint8_t bytes[UM_CORRELATION_SIZE];
  um_correlation_write(bytes, SEED, UINT64_C(0x100000002));
  cr_assert_arr_eq(bytes, expected, sizeof expected);
}

Test(correlation, gives_the_number_back_to_its_own_seed_only) {
  uint8_t bytes[UM_CORRELATION_SIZE + 1] = {0};
  uint64_t id = 7;
  um_correlation_write(bytes, SEED, UINT64_MAX - 1);
  uvmqtt_bytes_t data = {bytes, UM_CORRELATION_SIZE};
  cr_assert(um_correlation_read(data, SEED, &id));
  cr_assert_eq(id, UINT64_MAX - 1);
  cr_assert_not(um_correlation_read(data, SEED + 1, &id));
  data.len++;
  cr_assert_not(um_correlation_read(data, SEED, &id));
  data.len -= 2;
  cr_assert_not(um_correlation_read(data, SEED, &id));
  cr_assert_not(um_correlation_read((uvmqtt_bytes_t){NULL, 0}, SEED, &id));
}
