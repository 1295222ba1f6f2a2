/* net/resolver.h: this program's getaddrinfo. libuv's thread pool finds it
 * instead of libc's. Names:
 *   pair.test    127.0.0.1, 127.0.0.2     mixed.test   ::1, 127.0.0.1
 *   sync.test    fe80::1 without zone (connect fails at once), 127.0.0.1
 *   dead.test    ::1, 127.0.0.1, 127.0.0.2 ...: 20 addresses
 *   four.test    ::1, 127.0.0.1, 127.0.0.2, 127.0.0.3
 *   slow.test    127.0.0.1, after resolver_let_go
 *   once.test    127.0.0.1, and from the second time on EAI_AGAIN
 *   empty.test   nothing, but no error either
 * all others: EAI_NONAME. */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

void resolver_let_go(unsigned times);
unsigned resolver_started(void); /* look-ups of slow.test begun */

#endif
