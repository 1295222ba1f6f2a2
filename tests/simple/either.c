#include "either.h"

#include <string.h>

void either_new(struct either *e, bool robust,
                const uvmqtt_simple_options_t *options) {
  uvmqtt_robust_options_t soon = {UVMQTT_ROBUST_OPTIONS_INIT, .delay_min = 1,
                                  .delay_max = 2, .max_attempts = 2};
  memset(e, 0, sizeof *e);
  cr_assert((robust ? uvmqtt_robust_new(options, &soon, &e->robust)
                    : uvmqtt_simple_new(options, &e->simple)) == 0);
}

void either_free(struct either *e) {
  uvmqtt_simple_free(e->simple);
  uvmqtt_robust_free(e->robust);
}

int either_check_msg(struct either *e) {
  return e->robust != NULL ? uvmqtt_robust_check_msg(e->robust, 2)
                           : uvmqtt_simple_check_msg(e->simple);
}
