/* Input: a byte of conditions (1: 5.0, 2: from the server), the first byte of
 * a packet, its body; the length is put in here, so that no run is wasted on
 * it. Ours must agree with the reference, and what is accepted must survive
 * encoding and decoding. */
#include "wire/build.h"
#include "wire/differ.h"
#include "wire/packet.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct build p = {.len = 0};
  if (size < 2 || size > sizeof p.bytes)
    return -1;
  build_u8(&p, data[1]);
  build_varint(&p, size - 2);
  if (p.len + size - 2 > sizeof p.bytes)
    return -1;
  build_raw(&p, data + 2, size - 2);
  char *wrong =
      differ(p.bytes, p.len, data[0] & 1 ? UM_V5 : UM_V311,
             data[0] & 2 ? UM_SERVER : UM_CLIENT, VERDICT_ONLY_WHETHER, NULL);
  if (wrong != NULL) {
    fprintf(stderr, "%s\n", wrong);
    abort();
  }
  return 0;
}
