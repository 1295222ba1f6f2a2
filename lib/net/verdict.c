#include "net/verdict.h"

#include <string.h>
#include <uv.h>

/* The more one can do about it the more it says. What is not here is our own,
 * and says most. */
static const int light[] = {
    UV_ECANCELED,  UV_EADDRNOTAVAIL, UV_EAFNOSUPPORT, UV_EAI_ADDRFAMILY,
    UV_ENETDOWN,   UV_ENETUNREACH,   UV_EAI_AGAIN,    UV_EAI_FAIL,
    UV_EAI_NODATA, UV_EAI_NONAME,    UV_EHOSTDOWN,    UV_EHOSTUNREACH,
    UV_ETIMEDOUT,  UV_ECONNRESET,    UV_ECONNREFUSED,
};

#define LIGHT (sizeof light / sizeof light[0])

static unsigned weight_of(int status) {
  unsigned i = 0;
  while (i < LIGHT && light[i] != status)
    i++;
  return i + 1;
}

void um_verdict_note(struct um_verdict *v, int status, int phase,
                     const char *address) {
  unsigned weight = weight_of(status);
  if (weight < v->weight)
    return;
  v->status = status;
  v->phase = phase;
  v->weight = weight;
  memcpy(v->address, address, strlen(address) + 1);
}

bool um_verdict_is_ours(int status) {
  return weight_of(status) > LIGHT;
}
