#include "support/suite.h"
#include "wire/reader.h"
#include "wire/writer.h"

#include <stdlib.h>

SUITE(reader);

Test(reader, first_error_sticks_and_later_reads_are_empty) {
  uint8_t bytes[] = {1, 2, 3};
  struct um_reader r = um_reader_of(bytes, 3);
  cr_assert_eq(um_read_u8(&r), 1);
  cr_assert_eq(um_read_u32(&r), 2u << 24 | 3u << 16);
  cr_assert_eq(r.err, UVMQTT_EMALFORMED);
  um_reader_fail(&r, UVMQTT_EPROTOCOL);
  cr_assert_eq(r.err, UVMQTT_EMALFORMED);
  cr_assert_eq(um_read_u8(&r), 0);
  cr_assert_str_eq(um_read_str(&r), "");
  cr_assert_eq(um_read_bin(&r).len, 0);
  cr_assert_eq(um_read_varint(&r), 0);
}

Test(reader, strings_are_ended_inside_their_own_bytes) {
  uint8_t bytes[] = {0, 2, 'a', 'b', 0, 0, 0, 1, 'c', 7};
  struct um_reader r = um_reader_of(bytes, sizeof bytes);
  const char *a = um_read_str(&r), *b = um_read_str(&r), *c = um_read_str(&r);
  cr_assert_str_eq(a, "ab");
  cr_assert_str_eq(b, "");
  cr_assert_str_eq(c, "c");
  cr_assert_eq(um_read_u8(&r), 7);
}

/* [MQTT-1.5.5-1/5] */
Test(reader, varint_is_what_the_writer_wrote) {
  for (uint32_t v = 0; v <= 268435455; v += v < 40000 ? 1 : 99991) {
    uint8_t *bytes = malloc(4);
    size_t size = (size_t)(um_write_varint(bytes, v) - bytes);
    cr_assert_eq(size, um_varint_size(v));
    struct um_reader r = um_reader_of(bytes, size);
    cr_assert_eq(um_read_varint(&r), v);
    cr_assert_eq(r.err, 0);
    r = um_reader_of(bytes, size - 1);
    um_read_varint(&r);
    cr_assert_eq(r.err, UVMQTT_EMALFORMED);
    free(bytes);
  }
}
