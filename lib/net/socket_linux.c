#define _GNU_SOURCE /* IFNAMSIZ */
#include "net/socket.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

int um_socket_bind_interface(uv_os_sock_t fd, const char *name) {
  size_t len = strlen(name);
  if (len >= IFNAMSIZ)
    return UV_ENODEV;
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)len + 1))
    return -errno;
  return 0;
}

int um_socket_user_timeout(uv_os_sock_t fd, unsigned ms) {
  if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms))
    return -errno;
  return 0;
}
