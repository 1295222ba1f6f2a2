/* simple/either.h: the calls that simple and robust have in common, so that a
 * test can be played with both. */
#ifndef SIMPLE_EITHER_H
#define SIMPLE_EITHER_H

#include "rig.h"
#include <uvmqtt/robust.h>

/* One of the two is there. */
struct either {
  uvmqtt_simple_t *simple;
  uvmqtt_robust_t *robust;
};

#define EITHER(e, call, ...)                                                   \
  ((e)->robust != NULL ? uvmqtt_robust_##call((e)->robust, __VA_ARGS__)        \
                       : uvmqtt_simple_##call((e)->simple, __VA_ARGS__))
#define EITHER_0(e, call)                                                      \
  ((e)->robust != NULL ? uvmqtt_robust_##call((e)->robust)                     \
                       : uvmqtt_simple_##call((e)->simple))

/* A robust one gives up soon. */
void either_new(struct either *e, bool robust,
                const uvmqtt_simple_options_t *options);
void either_free(struct either *e);
int either_check_msg(struct either *e);

#endif
