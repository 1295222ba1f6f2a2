/* base/err.h: libuv's error numbers without libuv's functions. */
#ifndef UM_BASE_ERR_H
#define UM_BASE_ERR_H

#include <uvmqtt/error.h>

/* uv.h takes the macros of uv/errno.h away again and has constants instead. */
#ifdef UV_H
#define UM_NUMBER(name) UV_##name
#else
#include <uv/errno.h>
#define UM_NUMBER(name) UV__##name
#endif

enum {
  UM_EINVAL = UM_NUMBER(EINVAL),
  UM_ENOMEM = UM_NUMBER(ENOMEM),
  UM_ECANCELED = UM_NUMBER(ECANCELED),
  UM_ECONNRESET = UM_NUMBER(ECONNRESET),
  UM_ETIMEDOUT = UM_NUMBER(ETIMEDOUT),
  UM_ENOENT = UM_NUMBER(ENOENT),
  UM_ENOTCONN = UM_NUMBER(ENOTCONN),
  UM_EALREADY = UM_NUMBER(EALREADY),
  UM_EOF = UM_NUMBER(EOF),
};

#undef UM_NUMBER

#endif
