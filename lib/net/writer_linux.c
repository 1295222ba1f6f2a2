/* libuv writes sockets without MSG_NOSIGNAL, so a peer that went away would
 * kill the program. Here libuv connects and reads, and never writes: the bytes
 * go by sendmsg, and the wait for room is a uv_poll_t. libuv allows one watcher
 * per descriptor and the stream is that, hence the dup. */
#include "net/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct wait {
  uv_poll_t poll;
  int fd;
};

void um_writer_stop(struct um_writer *w) {
  struct wait *wait = w->wait;
  if (wait == NULL)
    return;
  w->wait = NULL;
  um_handle_close(&wait->poll); /* lets go of the descriptor at once */
  close(wait->fd);
}

static bool is_full(int err) {
  return err == EAGAIN || err == EWOULDBLOCK || err == ENOBUFS;
}

int um_writer_send(struct um_writer *w, struct um_buf *b, size_t *ret_n) {
  struct iovec iov = {um_buf_head(b), b->len};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  uv_os_fd_t fd;
  ssize_t n;
  int r = uv_fileno((uv_handle_t *)w->io, &fd);
  if (r)
    return r;
  do
    n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0 && !is_full(errno))
    return uv_translate_sys_error(errno);
  *ret_n = n < 0 ? 0 : (size_t)n;
  um_buf_consume(b, *ret_n);
  return 0;
}

/* An error condition on the socket stops the poll with UV_EBADF; what it was
 * the send will tell, and if that has no complaint the wait goes on. */
static void on_writable(uv_poll_t *poll, int status, int events) {
  struct um_writer *w = poll->data;
  size_t n = 0;
  int r =
      um_handle_open(w->io) ? um_writer_send(w, &w->rest, &n) : UV_ECANCELED;
  (void)events;
  if (r == 0 && w->rest.len > 0 && status < 0)
    r = uv_poll_start(poll, UV_WRITABLE, on_writable);
  if (r || w->rest.len == 0)
    um_writer_stop(w);
  if (w->rest.len == 0)
    um_buf_release(&w->rest);
  if (r || n > 0)
    w->cb(w->arg, n, r);
}

void um_writer_finish(struct um_writer *w) {
  uv_os_fd_t fd;
  if (uv_fileno((uv_handle_t *)w->io, &fd) == 0)
    shutdown(fd, SHUT_WR);
}

static int open_poll(struct um_writer *w, struct wait *wait) {
  uv_os_fd_t fd;
  int r = uv_fileno((uv_handle_t *)w->io, &fd);
  if (r)
    return r;
  wait->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (wait->fd < 0)
    return uv_translate_sys_error(errno);
  r = uv_poll_init(w->handles->turns->loop, &wait->poll, wait->fd);
  if (r)
    close(wait->fd);
  return r;
}

int um_writer_wait(struct um_writer *w) {
  struct wait *wait = um_handle_alloc(sizeof *wait);
  int r = wait == NULL ? UV_ENOMEM : open_poll(w, wait);
  if (r) {
    um_handle_free(wait);
    return r;
  }
  wait->poll.data = w;
  um_handles_add(w->handles, &wait->poll);
  w->wait = wait;
  r = uv_poll_start(&wait->poll, UV_WRITABLE, on_writable);
  if (r)
    um_writer_stop(w);
  return r;
}
