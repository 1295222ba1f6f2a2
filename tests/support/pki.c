#include "support/pki.h"

#include "support/planted.h"
#include <assert.h>
#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400L

static char *text_of(BIO *b) {
  char *data;
  long n = BIO_get_mem_data(b, &data);
  char *text = malloc((size_t)n + 1);
  memcpy(text, data, (size_t)n);
  text[n] = '\0';
  BIO_free(b);
  return text;
}

static char *pem_of_cert(X509 *cert) {
  BIO *b = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(b, cert);
  return text_of(b);
}

static char *pem_of_key(EVP_PKEY *key, const char *passphrase) {
  BIO *b = BIO_new(BIO_s_mem());
  BIO_puts(b, PLANTED_SECRET "\n"); /* whoever reads PEM skips it */
  PEM_write_bio_PKCS8PrivateKey(
      b, key, passphrase == NULL ? NULL : EVP_aes_128_cbc(), passphrase,
      passphrase == NULL ? 0 : (int)strlen(passphrase), NULL, NULL);
  return text_of(b);
}

static EVP_PKEY *make_key(const struct pki_wish *w) {
  if (w->key != NULL) {
    EVP_PKEY_up_ref(w->key);
    return w->key;
  }
  return w->rsa_bits != 0 ? EVP_RSA_gen((unsigned)w->rsa_bits)
                          : EVP_EC_gen("P-256");
}

static void add_extension(X509 *cert, int nid, const char *value) {
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
  X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  cr_assert_not_null(e, "%s", value);
  X509_add_ext(cert, e, -1);
  X509_EXTENSION_free(e);
}

static void add_nul_name(X509 *cert) {
  static const char name[] = "localhost\0.evil";
  GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
  GENERAL_NAME *n = GENERAL_NAME_new();
  ASN1_IA5STRING *text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, name, sizeof name - 1);
  GENERAL_NAME_set0_value(n, GEN_DNS, text);
  sk_GENERAL_NAME_push(names, n);
  X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
  GENERAL_NAMES_free(names);
}

static void add_extensions(X509 *cert, const struct pki_wish *w) {
  if (w->ca)
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
  if (w->ca)
    add_extension(cert, NID_key_usage, "keyCertSign,cRLSign,digitalSignature");
  if (w->san != NULL)
    add_extension(cert, NID_subject_alt_name, w->san);
  if (w->nul_name)
    add_nul_name(cert);
}

struct pki pki_make(const struct pki_wish *w, const struct pki *issuer) {
  static long serial = 1;
  struct pki p = {.cert = X509_new(), .key = make_key(w)};
  const EVP_MD *digest =
      EVP_get_digestbyname(w->digest == NULL ? "SHA256" : w->digest);
  bool usual = w->begin == 0 && w->end == 0;
  X509_set_version(p.cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(p.cert), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(p.cert), DAY * (usual ? -1 : w->begin));
  X509_gmtime_adj(X509_getm_notAfter(p.cert), DAY * (usual ? 2 : w->end));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(p.cert), "CN", MBSTRING_ASC,
                             (const unsigned char *)w->cn, -1, -1, 0);
  X509_set_issuer_name(
      p.cert, X509_get_subject_name(issuer == NULL ? p.cert : issuer->cert));
  X509_set_pubkey(p.cert, p.key);
  add_extensions(p.cert, w);
  cr_assert_gt(X509_sign(p.cert, issuer == NULL ? p.key : issuer->key, digest),
               0);
  p.pem = pem_of_cert(p.cert);
  p.key_pem = pem_of_key(p.key, NULL);
  return p;
}

void pki_done(struct pki *p) {
  X509_free(p->cert);
  EVP_PKEY_free(p->key);
  free(p->pem);
  free(p->key_pem);
  memset(p, 0, sizeof *p);
}

struct pki pki_ca(const char *cn) {
  return pki_make(&(struct pki_wish){.cn = cn, .ca = true}, NULL);
}

struct pki pki_server(const struct pki *ca) {
  return pki_make(&(struct pki_wish){.cn = "the server",
                                     .san = "DNS:localhost,IP:127.0.0.1"},
                  ca);
}

const char *pki_plain_key(const struct pki *p) {
  return strstr(p->key_pem, "-----BEGIN");
}

char *pki_encrypted_key(const struct pki *p, const char *passphrase) {
  return pem_of_key(p->key, passphrase);
}

static void revoke(X509_CRL *crl, const X509 *cert) {
  X509_REVOKED *r = X509_REVOKED_new();
  ASN1_TIME *now = X509_gmtime_adj(NULL, -60);
  X509_REVOKED_set_serialNumber(
      r, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(cert));
  X509_REVOKED_set_revocationDate(r, now);
  X509_CRL_add0_revoked(crl, r);
  ASN1_TIME_free(now);
}

char *pki_crl(const struct pki *ca, const X509 *revoked, int end) {
  X509_CRL *crl = X509_CRL_new();
  ASN1_TIME *begin = X509_gmtime_adj(NULL, -9 * DAY);
  ASN1_TIME *next = X509_gmtime_adj(NULL, end * DAY);
  X509_CRL_set_version(crl, X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert));
  X509_CRL_set1_lastUpdate(crl, begin);
  X509_CRL_set1_nextUpdate(crl, next);
  if (revoked != NULL)
    revoke(crl, revoked);
  X509_CRL_sort(crl);
  X509_CRL_sign(crl, ca->key, EVP_sha256());
  BIO *b = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_CRL(b, crl);
  X509_CRL_free(crl);
  ASN1_TIME_free(begin);
  ASN1_TIME_free(next);
  return text_of(b);
}

void pki_pin(const struct pki *p, char ret[65]) {
  unsigned char *der = NULL, digest[32];
  int n = i2d_PUBKEY(p->key, &der);
  size_t len;
  EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)n, digest, &len);
  OPENSSL_free(der);
  for (size_t i = 0; i < sizeof digest; i++)
    snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

/* Files. */

static char directory[200];

static void make_directory(void) {
  const char *tmp = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/uvmqtt-pki-XXXXXX",
           tmp == NULL ? "/tmp" : tmp);
  cr_assert_not_null(mkdtemp(directory));
}

static const char *path_of(const char *name) {
  static char memory[8][300];
  static unsigned next;
  char *ret = memory[next++ % 8];
  snprintf(ret, sizeof memory[0], "%s/%s", directory, name);
  return ret;
}

const char *pki_file(const char *name, const char *text) {
  if (directory[0] == '\0')
    make_directory();
  const char *path = path_of(name);
  unlink(path); /* another inode: a change shows within one tick, too */
  FILE *f = fopen(path, "w");
  cr_assert_not_null(f);
  fputs(text, f);
  fclose(f);
  chmod(path, 0600);
  return path;
}

void pki_files_done(void) {
  char command[300];
  if (directory[0] == '\0')
    return;
  snprintf(command, sizeof command, "rm -rf '%s'", directory);
  cr_assert_eq(system(command), 0);
  directory[0] = '\0';
}
