#include "client/sized.h"

#include "base/err.h"
#include <string.h>

int um_sized_take(const void *from, size_t least, void *ret, size_t size) {
  size_t said;
  memcpy(&said, from, sizeof said);
  if (said < least || said < sizeof said)
    return UM_EINVAL;
  for (size_t i = size; i < said; i++)
    if (((const char *)from)[i] != 0)
      return UM_EINVAL;
  memset(ret, 0, size);
  memcpy(ret, from, said < size ? said : size);
  return 0;
}
