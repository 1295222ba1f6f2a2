/* net/grudge.h: which addresses failed recently; they are tried last. Shared
 * by the clients of a loop, by what addresses look like (um_address_print), so
 * that also who only knows the text can say that one was no good. */
#ifndef UM_NET_GRUDGE_H
#define UM_NET_GRUDGE_H

#include <stdint.h>

#define UM_GRUDGES 32u      /* remembered; the oldest gives way */
#define UM_GRUDGE_MS 60000u /* for so long */

struct um_grudges {
  struct um_grudge {
    uint64_t key; /* of the address, 0: none */
    uint64_t since;
  } of[UM_GRUDGES];
};

void um_grudge_bear(struct um_grudges *g, const char *address, uint64_t now);
void um_grudge_forget(struct um_grudges *g, const char *address);
/* When it failed last, at least 1; 0: not of late. */
uint64_t um_grudge_since(const struct um_grudges *g, const char *address,
                         uint64_t now);

#endif
