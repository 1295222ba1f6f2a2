#include "net/pipe.h"

#include <fcntl.h>
#include <string.h>

socklen_t um_pipe_address(const char *path, struct sockaddr_un *ret) {
  size_t len = strlen(path);
  memset(ret, 0, sizeof *ret);
  ret->sun_family = AF_UNIX;
  if (*path == '@' || len >= sizeof ret->sun_path)
    return 0;
  memcpy(ret->sun_path, path, len);
  return sizeof *ret;
}

int um_pipe_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd >= 0) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return fd;
}
