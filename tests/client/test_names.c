#include "support/suite.h"
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

SUITE(names);

Test(names, every_code_of_ours_has_its_name_and_text) {
#define X(name, number, text)                                                  \
  cr_expect_eq(UVMQTT_##name, number);                                         \
  cr_expect_str_eq(uvmqtt_strerror(number), text);                             \
  cr_expect_str_eq(uvmqtt_err_name(number), "UVMQTT_" #name);
  UVMQTT_ERRNO_MAP(X)
#undef X
}

Test(names, every_code_of_libuv_passes_through) {
#define X(name, text)                                                          \
  cr_expect_str_eq(uvmqtt_strerror(UV_##name), uv_strerror(UV_##name));        \
  cr_expect_str_eq(uvmqtt_err_name(UV_##name), uv_err_name(UV_##name));
  UV_ERRNO_MAP(X)
#undef X
}

Test(names, codes_of_ours_are_distinct_and_below_those_of_libuv) {
  static const int codes[] = {
#define X(name, number, text) number,
      UVMQTT_ERRNO_MAP(X)
#undef X
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    cr_expect(codes[i] <= -5000);
    for (size_t k = 0; k < i; k++)
      cr_expect_neq(codes[i], codes[k]);
#define X(name, text) cr_expect_neq(codes[i], UV_##name);
    UV_ERRNO_MAP(X)
#undef X
  }
}

Test(names, anything_else_is_unknown_and_never_null) {
  static const int others[] = {1, 42, -4999, -5999, -1000000};
  for (size_t i = 0; i < 5; i++) {
    cr_expect_str_eq(uvmqtt_strerror(others[i]), "unknown error");
    cr_expect(uvmqtt_err_name(others[i]) != NULL);
  }
  cr_expect(uvmqtt_strerror(0) != NULL);
  cr_expect(strcmp(uvmqtt_strerror(0), "unknown error") != 0);
}

Test(names, states_and_phases_have_words) {
#define X(name, text)                                                          \
  cr_expect_str_eq(uvmqtt_state_name(UVMQTT_STATE_##name), text);
  UVMQTT_STATE_MAP(X)
#undef X
#define X(name, text)                                                          \
  cr_expect_str_eq(uvmqtt_phase_name(UVMQTT_PHASE_##name), text);
  UVMQTT_PHASE_MAP(X)
#undef X
  cr_expect(uvmqtt_state_name((uvmqtt_state_t)99) != NULL);
  cr_expect(uvmqtt_phase_name((uvmqtt_phase_t)99) != NULL);
}
