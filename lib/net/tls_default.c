/* The context of clients that were given none. */
#include "net/tls.h"
#include "net/tls_config.h"

#include <assert.h>

const bool um_tls_available = true;

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t mutex;
static uvmqtt_tls_t *shared; /* while any of them lives; under the mutex */

static void init(void) {
  int r = uv_mutex_init(&mutex); /* needs no memory where we run */
  assert(r == 0);
  (void)r;
}

static int make(void) {
  int r = uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &shared);
  if (r == 0)
    shared->is_default = true;
  return r;
}

int um_tls_default(uvmqtt_tls_t **ret) {
  int r = 0;
  uv_once(&once, init);
  uv_mutex_lock(&mutex);
  if (shared == NULL)
    r = make();
  else
    uvmqtt_tls_ref(shared);
  if (r == 0)
    *ret = shared;
  uv_mutex_unlock(&mutex);
  return r;
}

void um_tls_default_free(uvmqtt_tls_t *tls) {
  uv_mutex_lock(&mutex);
  bool last = atomic_fetch_sub(&tls->refs, 1) == 1;
  if (last)
    shared = NULL;
  uv_mutex_unlock(&mutex);
  if (last)
    um_tls_config_done(tls);
}
