/* Whom we trust, and whom no longer. */
#include "base/alloc.h"
#include "net/tls_pem.h"
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

static void sources_done(struct um_tls_source *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    um_tls_source_done(&s[i]);
  um_free(s);
}

void um_tls_trust_done(struct um_tls_trust *t) {
  sources_done(t->cas, t->n_cas);
  sources_done(t->crls, t->n_crls);
  X509_STORE_free(t->store);
  memset(t, 0, sizeof *t);
}

/* The store. */

/* "0a1b2c3d.0" */
static bool is_hash(const char *name) {
  size_t n = strspn(name, "0123456789abcdef");
  return n == 8 && name[n] == '.' && name[n + 1] >= '0' && name[n + 1] <= '9';
}

static bool has_hashes(const char *directory) {
  uv_fs_t request;
  uv_dirent_t entry;
  bool found = false;
  if (uv_fs_scandir(NULL, &request, directory, 0, NULL) >= 0)
    while (uv_fs_scandir_next(&request, &entry) == 0) /* all: it frees them */
      found |= is_hash(entry.name);
  uv_fs_req_cleanup(&request);
  return found;
}

/* OpenSSL looks into it when it needs something, by the hash of its name. */
static int add_directory(uvmqtt_tls_t *tls, const struct um_tls_source *s,
                         X509_STORE *store) {
  if (!has_hashes(s->text))
    return um_tls_wrong(tls,
                        "no file in %s is named by its hash, as `openssl "
                        "rehash` does it",
                        s->text);
  if (X509_STORE_load_path(store, s->text))
    return 0;
  return um_tls_wrong(tls, "cannot use the directory %s", s->text);
}

static int add_ca(uvmqtt_tls_t *tls, struct um_tls_source *s,
                  X509_STORE *store) {
  STACK_OF(X509) *certs = NULL;
  if (s->kind == UM_TLS_DIRECTORY)
    return add_directory(tls, s, store);
  int r = um_tls_read_certs(tls, s, &certs);
  for (int i = 0; r == 0 && i < sk_X509_num(certs); i++)
    if (!X509_STORE_add_cert(store, sk_X509_value(certs, i)))
      r = UV_ENOMEM;
  sk_X509_pop_free(certs, X509_free);
  return r;
}

/* What the user gives is an end of a chain as it stands; what the system gives
 * must be a root. Who knows a shared key needs no CA at all. */
static int add_cas(uvmqtt_tls_t *tls, X509_STORE *store) {
  struct um_tls_trust *t = &tls->trust;
  int r = 0;
  for (size_t i = 0; r == 0 && i < t->n_cas; i++)
    r = add_ca(tls, &t->cas[i], store);
  if (t->n_cas > 0)
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  else if (tls->psk.identity == NULL && !X509_STORE_set_default_paths(store))
    r = um_tls_wrong(tls, "cannot read the CAs of the system");
  return r;
}

static int add_crls(uvmqtt_tls_t *tls, X509_STORE *store) {
  struct um_tls_trust *t = &tls->trust;
  int r = 0;
  for (size_t i = 0; r == 0 && i < t->n_crls; i++)
    r = um_tls_read_crls(tls, &t->crls[i], store);
  if (t->n_crls > 0)
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  if (t->n_crls > 0 && t->crl_chain)
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK_ALL);
  return r;
}

int um_tls_trust_make(uvmqtt_tls_t *tls) {
  X509_STORE *store = X509_STORE_new();
  int r = store == NULL ? UV_ENOMEM : add_cas(tls, store);
  if (r == 0)
    r = add_crls(tls, store);
  tls->trust.torn = r != 0;
  if (r) {
    X509_STORE_free(store);
    return r;
  }
  X509_STORE_free(tls->trust.store);
  tls->trust.store = store;
  return 0;
}

/* Sources. */

static int append(struct um_tls_source **list, size_t *n, const char *what) {
  struct um_tls_source *more = um_realloc(*list, (*n + 1) * sizeof *more);
  if (more == NULL)
    return UV_ENOMEM;
  *list = more;
  int r = um_tls_source_init(&more[*n], what, false);
  if (r == 0)
    ++*n;
  return r;
}

/* Everything is read again, so that a source that cannot be used is known
 * before it counts. */
static int add_source(uvmqtt_tls_t *tls, struct um_tls_source **list, size_t *n,
                      const char *what) {
  int r = append(list, n, what);
  if (r)
    return r;
  r = um_tls_trust_make(tls);
  if (r)
    um_tls_source_done(&(*list)[--*n]);
  return r;
}

int uvmqtt_tls_load_verify_locations(uvmqtt_tls_t *tls, const char *ca) {
  if (ca == NULL)
    return UV_EINVAL;
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls,
                    add_source(tls, &tls->trust.cas, &tls->trust.n_cas, ca));
}

static int add_crl(uvmqtt_tls_t *tls, const char *crl, bool chain) {
  bool before = tls->trust.crl_chain;
  tls->trust.crl_chain = chain;
  int r = add_source(tls, &tls->trust.crls, &tls->trust.n_crls, crl);
  if (r)
    tls->trust.crl_chain = before;
  return r;
}

int uvmqtt_tls_load_crl(uvmqtt_tls_t *tls, const char *crl,
                        uvmqtt_crl_scope_t scope) {
  if (crl == NULL || (scope != UVMQTT_CRL_CHAIN && scope != UVMQTT_CRL_LEAF))
    return UV_EINVAL;
  int r = um_tls_begin(tls);
  if (r)
    return r;
  return um_tls_end(tls, add_crl(tls, crl, scope == UVMQTT_CRL_CHAIN));
}

static bool any_changed(const struct um_tls_source *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (um_tls_source_changed(&s[i]))
      return true;
  return false;
}

int um_tls_trust_reload(uvmqtt_tls_t *tls, bool *ret_changed) {
  const struct um_tls_trust *t = &tls->trust;
  if (!t->torn && !any_changed(t->cas, t->n_cas) &&
      !any_changed(t->crls, t->n_crls))
    return 0;
  int r = um_tls_trust_make(tls);
  *ret_changed |= r == 0;
  return r;
}
