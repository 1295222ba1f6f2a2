#include "net/tls_bio.h"

#include <string.h>

static int on_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static int on_read(BIO *bio, char *to, size_t size, size_t *ret_n) {
  struct um_tls_pipe *p = BIO_get_data(bio);
  size_t n = p->len < size ? p->len : size;
  BIO_clear_retry_flags(bio);
  if (n == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  memcpy(to, p->data, n);
  p->data += n;
  p->len -= n;
  *ret_n = n;
  return 1;
}

/* Never "try again": what cannot be kept is lost, and with it the stream. */
static int on_write(BIO *bio, const char *from, size_t len, size_t *ret_n) {
  struct um_tls_pipe *p = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (um_buf_append(p->out, from, len))
    return 0;
  *ret_n = len;
  return 1;
}

static long on_ctrl(BIO *bio, int command, long number, void *arg) {
  const struct um_tls_pipe *p = BIO_get_data(bio);
  (void)number;
  (void)arg;
  switch (command) {
  case BIO_CTRL_FLUSH:
    return 1;
  case BIO_CTRL_PENDING:
    return (long)p->len;
  default: /* no kernel TLS, no end, nothing to be chained with */
    return 0;
  }
}

BIO_METHOD *um_tls_bio_method(void) {
  BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "uvmqtt");
  if (m == NULL)
    return NULL;
  BIO_meth_set_create(m, on_create);
  BIO_meth_set_read_ex(m, on_read);
  BIO_meth_set_write_ex(m, on_write);
  BIO_meth_set_ctrl(m, on_ctrl);
  return m;
}

BIO *um_tls_bio_new(BIO_METHOD *method, struct um_tls_pipe *pipe) {
  BIO *bio = BIO_new(method);
  if (bio != NULL)
    BIO_set_data(bio, pipe);
  return bio;
}
