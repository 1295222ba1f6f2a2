#include "script/codes.h"

#include "base/err.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  int code;
  const char *name;
} codes[] = {
#define X(name, number, text) {UVMQTT_##name, "UVMQTT_" #name},
    UVMQTT_ERRNO_MAP(X)
#undef X
        {0, "0"},
    {UM_EINVAL, "EINVAL"},
    {UM_ENOMEM, "ENOMEM"},
    {UM_ECANCELED, "ECANCELED"},
    {UM_ECONNRESET, "ECONNRESET"},
    {UM_ETIMEDOUT, "ETIMEDOUT"},
    {UM_ENOTCONN, "ENOTCONN"},
    {UM_ENOENT, "ENOENT"},
    {UM_EALREADY, "EALREADY"},
    {UM_EOF, "EOF"},
};
#define N_CODES (sizeof codes / sizeof codes[0])

const char *code_name(int code) {
  for (size_t i = 0; i < N_CODES; i++)
    if (codes[i].code == code)
      return codes[i].name;
  return "unknown";
}

int code_named(const char *name) {
  for (size_t i = 0; i < N_CODES; i++)
    if (strcmp(codes[i].name, name) == 0)
      return codes[i].code;
  fprintf(stderr, "no such code: %s\n", name);
  abort();
}
