/* net/crypto.h: what WebSocket needs of cryptography. */
#ifndef UM_NET_CRYPTO_H
#define UM_NET_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

/* From a cryptographic generator. 0, or UV_EIO when it is out of order. */
int um_random(uint8_t *ret, size_t len);
/* 20 bytes. 0, or UV_ENOTSUP. */
int um_sha1(const void *data, size_t len, uint8_t *ret);

#endif
