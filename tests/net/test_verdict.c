/* Which of many failures is told. */
#include "net/verdict.h"

#include "support/suite.h"
#include <uv.h>
#include <uvmqtt/message.h>

SUITE(verdict);

/* The later, the more it says. */
static const int rising[] = {
    UV_ECANCELED,  UV_EADDRNOTAVAIL, UV_EAFNOSUPPORT, UV_EAI_ADDRFAMILY,
    UV_ENETDOWN,   UV_ENETUNREACH,   UV_EAI_AGAIN,    UV_EAI_FAIL,
    UV_EAI_NODATA, UV_EAI_NONAME,    UV_EHOSTDOWN,    UV_EHOSTUNREACH,
    UV_ETIMEDOUT,  UV_ECONNRESET,    UV_ECONNREFUSED, UV_EMFILE,
};

#define N (sizeof rising / sizeof rising[0])

static int told(int first, int second) {
  struct um_verdict v = {.status = 0};
  um_verdict_note(&v, first, UVMQTT_PHASE_CONNECT, "a");
  um_verdict_note(&v, second, UVMQTT_PHASE_CONNECT, "b");
  return v.status;
}

Test(verdict, what_says_more_is_told_whichever_came_first) {
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) {
      cr_expect_eq(told(rising[i], rising[j]), rising[i], "%s, %s",
                   uv_err_name(rising[i]), uv_err_name(rising[j]));
      cr_expect_eq(told(rising[j], rising[i]), rising[i], "%s, %s",
                   uv_err_name(rising[j]), uv_err_name(rising[i]));
    }
}

Test(verdict, of_two_that_say_as_much_the_later_one_is_told) {
  struct um_verdict v = {.status = 0};
  um_verdict_note(&v, UV_ECONNREFUSED, UVMQTT_PHASE_CONNECT, "a");
  um_verdict_note(&v, UV_ECONNREFUSED, UVMQTT_PHASE_CONNECT, "b");
  cr_expect_str_eq(v.address, "b");
}

Test(verdict, our_own_are_not_the_other_end_s_doing) {
  for (size_t i = 0; i + 1 < N; i++)
    cr_expect(!um_verdict_is_ours(rising[i]), "%s", uv_err_name(rising[i]));
  cr_expect(um_verdict_is_ours(UV_EMFILE));
  cr_expect(um_verdict_is_ours(UV_ENOMEM));
}
