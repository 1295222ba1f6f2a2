#include "net/tls_text.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#define NAME_SIZE 256u /* a name has 253 bytes at the most */

static void add(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(char *to, size_t size, const char *format, ...) {
  size_t used = strlen(to);
  va_list ap;
  va_start(ap, format);
  vsnprintf(to + used, size - used, format, ap);
  va_end(ap);
}

/* What the peer wrote must not move a terminal's cursor. */
static void make_printable(char *s) {
  for (; *s != '\0'; s++)
    if ((unsigned char)*s < ' ' || (unsigned char)*s >= 0x7F)
      *s = '?';
}

static void add_error(char *to, size_t size, unsigned long e,
                      const char *data) {
  const char *reason = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e))
                                           : ERR_reason_error_string(e);
  if (*to != '\0')
    add(to, size, ": ");
  if (reason != NULL)
    add(to, size, "%s", reason);
  else
    add(to, size, "OpenSSL error %08lX", e);
  if (data != NULL && *data != '\0')
    add(to, size, " (%s)", data);
}

void um_tls_text_errors(char *to, size_t size) {
  unsigned long e;
  const char *data;
  int flags;
  while ((e = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0)
    add_error(to, size, e, flags & ERR_TXT_STRING ? data : NULL);
  make_printable(to);
}

void um_tls_text_subject(const X509 *cert, char *to, size_t size) {
  BIO *out = BIO_new(BIO_s_mem());
  *to = '\0';
  if (out == NULL)
    return;
  X509_NAME_print_ex(out, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
  int n = BIO_read(out, to, (int)size - 1);
  to[n > 0 ? n : 0] = '\0';
  BIO_free(out);
  make_printable(to);
}

/* A NUL inside is shown as what it is: somebody's trick. */
static void add_dns(char *to, size_t size, const ASN1_IA5STRING *name) {
  const char *data = (const char *)ASN1_STRING_get0_data(name);
  int len = ASN1_STRING_length(name);
  for (int i = 0; i < len; i++)
    add(to, size, "%c", data[i] == '\0' ? '?' : data[i]);
}

static void add_ip(char *to, size_t size, const ASN1_OCTET_STRING *ip) {
  char text[64] = "?";
  int len = ASN1_STRING_length(ip);
  if (len == 4 || len == 16)
    uv_inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text,
                 sizeof text);
  add(to, size, "%s", text);
}

#define MORE ", ..."

/* As a whole, with room for MORE after it, or not at all; but the first one in
 * any case. */
static bool add_name(char *to, size_t size, const GENERAL_NAME *name) {
  char text[NAME_SIZE] = "";
  const char *between = *to == '\0' ? "" : ", ";
  if (name->type == GEN_DNS)
    add_dns(text, sizeof text, name->d.dNSName);
  else if (name->type == GEN_IPADD)
    add_ip(text, sizeof text, name->d.iPAddress);
  else
    return true;
  size_t len = strlen(to) + strlen(between) + strlen(text);
  if (*to != '\0' && len + sizeof MORE > size)
    return false;
  add(to, size, "%s%s", between, text);
  return true;
}

static void add_names(char *to, size_t size, GENERAL_NAMES *names) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
    if (!add_name(to, size, sk_GENERAL_NAME_value(names, i))) {
      add(to, size, MORE);
      return;
    }
}

void um_tls_text_names(const X509 *cert, char *to, size_t size) {
  GENERAL_NAMES *names =
      X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  *to = '\0';
  add_names(to, size, names);
  GENERAL_NAMES_free(names);
  if (*to == '\0')
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, to,
                              (int)size);
  make_printable(to);
}
