#include "net/tls_source.h"

#include "base/alloc.h"
#include <openssl/err.h>
#include <string.h>
#include <uv.h>

#define OTHERS_MAY_READ 044u

/* The calling thread waits: local files, as OpenSSL itself reads them. */
static int look(const char *path, uv_stat_t *ret) {
  uv_fs_t request;
  int r = uv_fs_stat(NULL, &request, path, NULL);
  *ret = request.statbuf;
  uv_fs_req_cleanup(&request);
  return r;
}

static struct um_tls_stamp stamp_of(const char *path) {
  uv_stat_t s;
  if (look(path, &s))
    return (struct um_tls_stamp){.device = UINT64_MAX};
  return (struct um_tls_stamp){
      .device = s.st_dev,
      .inode = s.st_ino,
      .size = s.st_size,
      .seconds = {(int64_t)s.st_mtim.tv_sec, (int64_t)s.st_ctim.tv_sec},
      .nanoseconds = {(int64_t)s.st_mtim.tv_nsec, (int64_t)s.st_ctim.tv_nsec}};
}

static bool is_directory(const char *path) {
  uv_stat_t s;
  return look(path, &s) == 0 && (s.st_mode & 0170000) == 0040000;
}

/* "file:", "pkcs11:", "handle:": letters, digits and a colon, two at least, as
 * "c:" is a drive. */
static bool is_uri(const char *what) {
  size_t n = strspn(what, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
  return n > 1 && what[n] == ':';
}

static enum um_tls_kind kind_of(const char *what, bool may_be_uri) {
  if (strstr(what, "-----BEGIN") != NULL)
    return UM_TLS_TEXT;
  if (may_be_uri && is_uri(what))
    return UM_TLS_URI;
  return is_directory(what) ? UM_TLS_DIRECTORY : UM_TLS_FILE;
}

int um_tls_source_init(struct um_tls_source *s, const char *what,
                       bool may_be_uri) {
  memset(s, 0, sizeof *s);
  s->text = um_strdup(what);
  if (s->text == NULL)
    return UV_ENOMEM;
  s->kind = kind_of(what, may_be_uri);
  return 0;
}

void um_tls_source_done(struct um_tls_source *s) {
  if (s->text != NULL)
    um_wipe(s->text, strlen(s->text));
  um_free(s->text);
  memset(s, 0, sizeof *s);
}

/* NULL: it is no file. "file:/path" is one, "file:///path" too. */
static const char *path_of(const struct um_tls_source *s) {
  if (s->text == NULL)
    return NULL;
  if (s->kind == UM_TLS_URI && strncmp(s->text, "file:///", 8) == 0)
    return s->text + 7;
  if (s->kind == UM_TLS_URI && strncmp(s->text, "file:/", 6) == 0)
    return s->text + 5;
  return s->kind == UM_TLS_FILE ? s->text : NULL;
}

/* Before reading: a change meanwhile shows. */
static void note_stamp(struct um_tls_source *s) {
  const char *path = path_of(s);
  if (path != NULL)
    s->stamp = stamp_of(path);
}

BIO *um_tls_source_open(struct um_tls_source *s) {
  if (s->kind == UM_TLS_TEXT)
    return BIO_new_mem_buf(s->text, -1);
  note_stamp(s);
  return BIO_new_file(s->text, "rb");
}

const char *um_tls_source_uri(struct um_tls_source *s) {
  note_stamp(s);
  return s->text;
}

bool um_tls_source_changed(const struct um_tls_source *s) {
  const char *path = path_of(s);
  if (path == NULL)
    return false;
  struct um_tls_stamp now = stamp_of(path);
  return memcmp(&now, &s->stamp, sizeof now) != 0;
}

bool um_tls_source_exposed(const struct um_tls_source *s) {
  const char *path = path_of(s);
  uv_stat_t stat;
  return path != NULL && look(path, &stat) == 0 &&
         (stat.st_mode & OTHERS_MAY_READ) != 0;
}

const char *um_tls_source_name(const struct um_tls_source *s) {
  return s->kind == UM_TLS_TEXT ? "PEM text" : s->text;
}
