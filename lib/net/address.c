#include "net/address.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libuv knows the names of interfaces but not their numbers, and takes an
 * unknown one for no zone at all. */
static int set_zone(struct sockaddr_in6 *in6, const char *zone) {
  char *end;
  unsigned long n;
  if (zone == NULL || in6->sin6_scope_id != 0)
    return 0;
  if (zone[0] < '0' || zone[0] > '9')
    return UV_ENODEV;
  n = strtoul(zone, &end, 10);
  if (*end != '\0' || n == 0 || n > INT_MAX)
    return UV_ENODEV;
  in6->sin6_scope_id = (unsigned)n;
  return 0;
}

int um_address_parse(const char *host, uint16_t port, struct um_address *ret) {
  struct um_address a;
  const char *zone = strchr(host, '%');
  int r = 0;
  memset(&a, 0, sizeof a);
  if (uv_ip4_addr(host, port, &a.u.in) == 0)
    *ret = a;
  else if (uv_ip6_addr(host, port, &a.u.in6) != 0)
    r = UV_EINVAL;
  else if ((r = set_zone(&a.u.in6, zone == NULL ? NULL : zone + 1)) == 0)
    *ret = a;
  return r;
}

static const struct addrinfo *next_of(const struct addrinfo *ai, bool six) {
  int family = six ? AF_INET6 : AF_INET;
  while (ai != NULL && ai->ai_family != family)
    ai = ai->ai_next;
  return ai;
}

static struct um_address copy(const struct addrinfo *ai) {
  struct um_address a;
  memset(&a, 0, sizeof a);
  if (ai->ai_family == AF_INET6)
    memcpy(&a.u.in6, ai->ai_addr, sizeof a.u.in6);
  else
    memcpy(&a.u.in, ai->ai_addr, sizeof a.u.in);
  return a;
}

size_t um_address_order(const struct addrinfo *found, struct um_address *ret,
                        size_t max) {
  const struct addrinfo *next[2] = {next_of(found, false),
                                    next_of(found, true)};
  bool six = found != NULL && found->ai_family == AF_INET6;
  size_t n = 0;
  for (; n < max && (next[0] != NULL || next[1] != NULL); six = !six) {
    const struct addrinfo *ai = next[six];
    if (ai == NULL)
      continue;
    ret[n++] = copy(ai);
    next[six] = next_of(ai->ai_next, six);
  }
  return n;
}

void um_address_set_port(struct um_address *a, uint16_t port) {
  if (a->u.any.sa_family == AF_INET6)
    a->u.in6.sin6_port = htons(port);
  else
    a->u.in.sin_port = htons(port);
}

static void print6(const struct sockaddr_in6 *in6, char *ret, size_t size) {
  char ip[INET6_ADDRSTRLEN] = "", zone[UV_IF_NAMESIZE] = "";
  size_t len = sizeof zone;
  uv_ip6_name(in6, ip, sizeof ip);
  if (in6->sin6_scope_id != 0 &&
      uv_if_indextoname(in6->sin6_scope_id, zone, &len) != 0)
    snprintf(zone, sizeof zone, "%u", (unsigned)in6->sin6_scope_id);
  snprintf(ret, size, "[%s%s%s]:%u", ip, zone[0] != '\0' ? "%" : "", zone,
           (unsigned)ntohs(in6->sin6_port));
}

void um_address_print(const struct um_address *a, char *ret, size_t size) {
  char ip[INET_ADDRSTRLEN] = "";
  if (a->u.any.sa_family == AF_INET6) {
    print6(&a->u.in6, ret, size);
    return;
  }
  uv_ip4_name(&a->u.in, ip, sizeof ip);
  snprintf(ret, size, "%s:%u", ip, (unsigned)ntohs(a->u.in.sin_port));
}

bool um_address_is_loopback(const struct um_address *a) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  static const uint8_t one[16] = {[15] = 1};
  const uint8_t *six = (const uint8_t *)&a->u.in6.sin6_addr;
  const uint8_t *four = (const uint8_t *)&a->u.in.sin_addr;
  if (a->u.any.sa_family == AF_INET)
    return four[0] == 127;
  if (a->u.any.sa_family != AF_INET6)
    return false;
  if (memcmp(six, mapped, sizeof mapped) == 0)
    return six[12] == 127;
  return memcmp(six, one, sizeof one) == 0;
}
