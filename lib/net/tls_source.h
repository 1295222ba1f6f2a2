/* net/tls_source.h: where certificates and keys come from: PEM text, a file, a
 * directory, a URI; and whether a file has changed since. Part of TLS. */
#ifndef UM_NET_TLS_SOURCE_H
#define UM_NET_TLS_SOURCE_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stdint.h>

enum um_tls_kind { UM_TLS_TEXT, UM_TLS_FILE, UM_TLS_DIRECTORY, UM_TLS_URI };

/* Two of a file are equal when it has not changed. */
struct um_tls_stamp {
  uint64_t device, inode, size;
  int64_t seconds[2];
  int64_t nanoseconds[2];
};

struct um_tls_source {
  enum um_tls_kind kind;
  char *text; /* PEM, path or URI; NULL: nothing */
  struct um_tls_stamp stamp;
};

/* Copies what. A URI is one only when may_be_uri. 0, or UV_ENOMEM. */
int um_tls_source_init(struct um_tls_source *s, const char *what,
                       bool may_be_uri);
void um_tls_source_done(struct um_tls_source *s); /* wipes */

/* To read it from its beginning; notes the stamp of a file. NULL with
 * OpenSSL's error; not for directories and URIs. */
BIO *um_tls_source_open(struct um_tls_source *s);
/* To load it from; notes the stamp when it is that of a file. */
const char *um_tls_source_uri(struct um_tls_source *s);
bool um_tls_source_changed(const struct um_tls_source *s);
/* A file that others than its owner may read. */
bool um_tls_source_exposed(const struct um_tls_source *s);
/* For error texts: the path or URI, or "PEM text". */
const char *um_tls_source_name(const struct um_tls_source *s);

#endif
