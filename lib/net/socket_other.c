/* Where there is neither SO_BINDTODEVICE nor TCP_USER_TIMEOUT. */
#include "net/socket.h"

int um_socket_bind_interface(uv_os_sock_t fd, const char *name) {
  (void)fd;
  (void)name;
  return UV_ENOTSUP;
}

int um_socket_user_timeout(uv_os_sock_t fd, unsigned ms) {
  (void)fd;
  (void)ms;
  return UV_ENOTSUP;
}
