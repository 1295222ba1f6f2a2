/* base/err.h: libuv's error numbers without libuv's functions. */
#ifndef UM_BASE_ERR_H
#define UM_BASE_ERR_H

#include <uv/errno.h>
#include <uvmqtt/error.h>

enum {
  UM_EINVAL = UV__EINVAL,
  UM_ENOMEM = UV__ENOMEM,
  UM_ECANCELED = UV__ECANCELED,
  UM_ECONNRESET = UV__ECONNRESET,
  UM_ETIMEDOUT = UV__ETIMEDOUT,
  UM_ENOTCONN = UV__ENOTCONN,
  UM_EOF = UV__EOF,
};

#endif
