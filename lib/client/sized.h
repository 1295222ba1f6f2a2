/* client/sized.h: structs of the user's that begin with their size. */
#ifndef UM_CLIENT_SIZED_H
#define UM_CLIENT_SIZED_H

#include <stddef.h>

/* A caller built with older headers has a shorter one: the rest is zero. A
 * longer one is legal when what we do not know of is zero. ret, of so many
 * bytes, becomes ours; its size is as the caller set it. UM_EINVAL: the caller
 * set none, or less than the first version had (least). */
int um_sized_take(const void *from, size_t least, void *ret, size_t size);

#endif
