/* net/security.h: what protects the bytes of a stream. */
#ifndef UM_NET_SECURITY_H
#define UM_NET_SECURITY_H

#include <stdbool.h>

struct um_security {
  bool verified;       /* the peer is who it should be */
  bool resumed;        /* by a session of an earlier connection */
  const char *version; /* "TLSv1.3" */
  const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
  char protocol[256];  /* chosen by ALPN, "" when none */
};

#endif
