/* Names of hosts, as certificates and SNI want them. */
#include "net/tls_name.h"

#include "base/alloc.h"
#include "net/tls.h"
#include <string.h>
#include <uvmqtt/error.h>

#define NAME_MAX_LEN 253u
#define LABEL_MAX_LEN 63u

static bool is_printable_ascii(const char *s) {
  for (; *s != '\0'; s++)
    if ((unsigned char)*s > 0x7E || (unsigned char)*s <= ' ')
      return false;
  return true;
}

/* A dot in front would mean all names below to OpenSSL, no name any. */
static bool has_good_labels(const char *name) {
  size_t len = strcspn(name, ".");
  while (len > 0 && len <= LABEL_MAX_LEN) {
    name += len;
    if (strlen(name) <= 1) /* the end, or the dot there */
      return true;
    len = strcspn(++name, ".");
  }
  return false;
}

int um_tls_check_host(const char *host) {
  if (!is_printable_ascii(host))
    return UVMQTT_EURL;
  if (um_tls_is_address(host))
    return 0;
  size_t len = strlen(host);
  if (len > 0 && host[len - 1] == '.')
    len--;
  return len <= NAME_MAX_LEN && has_good_labels(host) ? 0 : UVMQTT_EURL;
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
