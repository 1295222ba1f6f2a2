#include "net/pipe.h"

#include <stddef.h>
#include <string.h>

/* An abstract name begins with NUL and has no NUL at its end: its length is
 * that of the address. */
socklen_t um_pipe_address(const char *path, struct sockaddr_un *ret) {
  size_t len = strlen(path), head = offsetof(struct sockaddr_un, sun_path);
  bool abstract = *path == '@';
  memset(ret, 0, sizeof *ret);
  ret->sun_family = AF_UNIX;
  if (len + !abstract > sizeof ret->sun_path)
    return 0;
  memcpy(ret->sun_path, path, len);
  if (abstract)
    ret->sun_path[0] = '\0';
  return (socklen_t)(head + len + !abstract);
}

int um_pipe_socket(void) {
  return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
