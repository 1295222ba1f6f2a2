/* Names of hosts, as certificates and SNI want them. */
#include "net/tls_name.h"

#include "base/alloc.h"
#include "net/tls.h"
#include <string.h>
#include <uvmqtt/error.h>

/* A dot in front would mean all names below to OpenSSL, no name any. */
int um_tls_check_host(const char *host) {
  if (*host == '.' || *host == '\0')
    return UVMQTT_EURL;
  for (; *host != '\0'; host++)
    if ((unsigned char)*host > 0x7F || (unsigned char)*host <= ' ')
      return UVMQTT_EURL;
  return 0;
}

bool um_tls_is_address(const char *host) {
  unsigned char room[16];
  return uv_inet_pton(AF_INET, host, room) == 0 ||
         uv_inet_pton(AF_INET6, host, room) == 0;
}

/* "fe80::1%eth0" is fe80::1, "host." is host. "host%x" is itself: who looks it
 * up asks for all of it, so all of it is compared. */
char *um_tls_name_of(const char *host) {
  char *name = um_strdup(host);
  if (name == NULL)
    return NULL;
  size_t len = strlen(name);
  char *zone = um_tls_is_address(name) ? strchr(name, '%') : NULL;
  if (zone != NULL)
    *zone = '\0';
  else if (len > 1 && name[len - 1] == '.')
    name[len - 1] = '\0';
  return name;
}
