/* uvmqtt/tls.h: how a client speaks TLS, in the shape of tls.SSLContext.
 *
 *   uvmqtt_tls_t *tls;
 *   uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &tls);
 *   uvmqtt_tls_load_verify_locations(tls, "/etc/iot/ca.pem");
 *   uvmqtt_tls_load_cert_chain(tls, "/etc/iot/me.pem", "/etc/iot/me.key");
 *   options.url = "mqtts://broker.example";
 *   options.tls = tls;
 *   uvmqtt_new(loop, &options, &client);
 *   uvmqtt_tls_free(tls);   // the client holds its own reference
 *
 * One context may serve any number of clients, on any loops and threads; each
 * call here is legal in any thread. A change takes effect with the next
 * connection of each client. A client with an mqtts:// URL and no context uses
 * one with the defaults, which all such clients of the process share.
 *
 * Defaults: TLS 1.2 and 1.3; the server's chain must lead to a CA of the
 * system and its certificate must be for the host of the URL (an IP address in
 * the URL must be among the certificate's IP addresses; the Common Name counts
 * only for certificates without any DNS name; "*" stands for one whole leftmost
 * label); OpenSSL's security level 2, so no RSA below 2,048 bits and no SHA-1;
 * SNI for names, none for addresses; no compression, no renegotiation, no early
 * data. Not a byte of MQTT is sent before all of this has been checked.
 *
 * Functions return 0 or a negative code. What an argument is wrong in is in the
 * text of uvmqtt_tls_error. UV_EINVAL is a NULL context or argument, UV_ENOMEM
 * no memory, UVMQTT_ETLSCONFIG anything that cannot be used; then nothing has
 * changed. A library built without TLS answers UVMQTT_ENOTSUP to everything.
 *
 * "PEM or file" means: a string with "-----BEGIN" in it is PEM text and is
 * copied; any other is the path of a PEM file. Files are looked at again
 * whenever a client connects, and read anew when they have changed (a
 * certificate that was renewed needs no restart). A changed file that cannot
 * be used leaves what was read before in force; the client says so with
 * UVMQTT_NOTICE_TLS_RELOAD each time. */
#ifndef UVMQTT_TLS_H
#define UVMQTT_TLS_H

#include <stdbool.h>
#include <uvmqtt/property.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvmqtt_tls_s uvmqtt_tls_t;

typedef enum {
  UVMQTT_TLS_CLIENT = 1,
} uvmqtt_tls_protocol_t;

typedef enum {
  UVMQTT_CERT_NONE = 0,
  UVMQTT_CERT_REQUIRED = 2,
} uvmqtt_verify_mode_t;

typedef enum {
  UVMQTT_TLS_1_2 = 0x0303,
  UVMQTT_TLS_1_3 = 0x0304,
} uvmqtt_tls_version_t;

typedef enum {
  UVMQTT_CRL_CHAIN, /* the server's and all CA certificates up to the root */
  UVMQTT_CRL_LEAF,  /* the server's certificate only */
} uvmqtt_crl_scope_t;

/* Gives the passphrase of an encrypted key: writes at most size bytes to
 * buffer, which need no NUL, and returns how many; negative: there is none.
 * The bytes are wiped after use. Called inside uvmqtt_tls_load_cert_chain, and
 * in the thread of a client whenever a changed key file is read. Must not call
 * functions of the same context. */
typedef int (*uvmqtt_tls_passphrase_cb)(char *buffer, size_t size, void *arg);

/* protocol: UVMQTT_TLS_CLIENT, else UV_EINVAL. The caller owns one reference;
 * uvmqtt_tls_free gives it back. */
UVMQTT_EXTERN int uvmqtt_tls_new(uvmqtt_tls_protocol_t protocol,
                                 uvmqtt_tls_t **ret);

/* A context around an SSL_CTX (OpenSSL 3) of the caller's own, for what is not
 * offered here; one for servers or datagrams is UVMQTT_ETLSCONFIG. It gets one
 * more reference, is used as it is and not changed; leave it alone while
 * clients use it. Host name and SNI are set for each connection; whether the
 * verdict counts is for its verify mode to say. Of the functions below only
 * uvmqtt_tls_set_server_name works with it, the others are UVMQTT_ETLSCONFIG. A
 * verify callback of its own that lets an error pass must also set it to
 * X509_V_OK, else the connection is refused all the same. Each connection is
 * without renegotiation, read-ahead and partial writes. Sessions are resumed as
 * below, unless its cache mode is SSL_SESS_CACHE_OFF when a client connects;
 * its callbacks are left to you, and app data of the SSL (not of the SSL_CTX)
 * to us. */
struct ssl_ctx_st;
UVMQTT_EXTERN int uvmqtt_tls_wrap(struct ssl_ctx_st *ssl_ctx,
                                  uvmqtt_tls_t **ret);

/* One more reference; returns tls. NULL is fine. */
UVMQTT_EXTERN uvmqtt_tls_t *uvmqtt_tls_ref(uvmqtt_tls_t *tls);
/* One less; the last one frees and wipes. NULL is fine. */
UVMQTT_EXTERN void uvmqtt_tls_free(uvmqtt_tls_t *tls);

/* Why the last call on it failed, in plain words with OpenSSL's beside them;
 * "" when it did not. Valid until the next call on it, so meant for the thread
 * that sets it up. Never NULL. */
UVMQTT_EXTERN const char *uvmqtt_tls_error(const uvmqtt_tls_t *tls);

/* UVMQTT_CERT_REQUIRED is the default (in MicroPython it is CERT_NONE).
 * UVMQTT_CERT_NONE: anybody on the way may play the server and read all.
 * Each connect then says UVMQTT_NOTICE_TLS_UNVERIFIED, and .security of
 * uvmqtt_limits_t is UVMQTT_SECURITY_UNVERIFIED. Pins hold in any case. */
UVMQTT_EXTERN int uvmqtt_tls_set_verify_mode(uvmqtt_tls_t *tls,
                                             uvmqtt_verify_mode_t mode);

/* Trusted certificates: PEM or file, or a directory as `openssl rehash` makes
 * it (its certificates are read when one is needed). The first call replaces
 * the CAs of the system, further calls add. What is given is trusted as it
 * stands, be it a root, an intermediate CA or a self-signed server certificate.
 */
UVMQTT_EXTERN int uvmqtt_tls_load_verify_locations(uvmqtt_tls_t *tls,
                                                   const char *ca);

/* The client's own certificate: PEM or file, its own first, then intermediate
 * CAs. key: PEM or file; NULL: it is in cert, too; or a URI for OpenSSL's
 * OSSL_STORE: "file:/etc/iot/me.key", or what a provider offers that
 * openssl.cnf activates. "handle:0x81000001" is a key in a TPM: the tpm2
 * provider (Debian's tpm2-openssl) before the default one in openssl.cnf, a
 * resource manager (tpm2-abrmd), TLS 1.3; tests/e2e/tpm shows all of it.
 * "pkcs11:..." is not tested by us. Signing then takes the loop's time. Wrong
 * are: no certificate or no key in it, broken PEM, an encrypted key without a
 * passphrase callback or with a wrong passphrase, a key that belongs to another
 * certificate, a certificate that has expired or is not yet valid. A key file
 * that others may read works, but each connect says
 * UVMQTT_NOTICE_TLS_KEY_EXPOSED. */
UVMQTT_EXTERN int uvmqtt_tls_load_cert_chain(uvmqtt_tls_t *tls,
                                             const char *cert, const char *key);

/* To be set before uvmqtt_tls_load_cert_chain; NULL takes it away. Nothing is
 * ever asked on a terminal. */
UVMQTT_EXTERN int uvmqtt_tls_set_passphrase_cb(uvmqtt_tls_t *tls,
                                               uvmqtt_tls_passphrase_cb cb,
                                               void *arg);

/* Certificate revocation lists, PEM or file; further calls add. From then on
 * each certificate in scope needs a current list of its issuer; one that is
 * missing or has expired fails the handshake as a revoked certificate does. The
 * last call's scope counts. */
UVMQTT_EXTERN int uvmqtt_tls_load_crl(uvmqtt_tls_t *tls, const char *crl,
                                      uvmqtt_crl_scope_t scope);

/* The SHA-256 of a public key (SubjectPublicKeyInfo) as 64 hex digits or in
 * base64, also with "sha256//" before it. Further calls add. One certificate of
 * the verified chain must have one of the keys, else UVMQTT_EPIN; with
 * UVMQTT_CERT_NONE the server's own. A server that knows the shared key of
 * uvmqtt_tls_set_psk and shows no certificate is UVMQTT_EPIN, too: with pins a
 * shared key alone is not enough. */
UVMQTT_EXTERN int uvmqtt_tls_add_pin(uvmqtt_tls_t *tls, const char *pin);

/* The server must staple a valid OCSP response for its certificate, else
 * UVMQTT_ECERT; so it must have one, a shared key is not enough. A response
 * that does not say when the next one comes (nextUpdate) is valid for 24 hours
 * from its thisUpdate. Off by default. With UVMQTT_CERT_NONE it would prove
 * nothing, so every server is refused then. */
UVMQTT_EXTERN int uvmqtt_tls_require_staple(uvmqtt_tls_t *tls, bool on);

/* Names of protocols for ALPN in the order of preference, 1 to 255 bytes each;
 * n 0: none, the default. A server that chooses none of them is fine. */
UVMQTT_EXTERN int uvmqtt_tls_set_alpn(uvmqtt_tls_t *tls,
                                      const char *const *names, size_t n);

/* Default UVMQTT_TLS_1_2 and UVMQTT_TLS_1_3. Older ones are UV_EINVAL. */
UVMQTT_EXTERN int uvmqtt_tls_set_versions(uvmqtt_tls_t *tls,
                                          uvmqtt_tls_version_t min,
                                          uvmqtt_tls_version_t max);

/* In OpenSSL's words: for TLS 1.2 a cipher list ("ECDHE+AESGCM"; "@SECLEVEL=1"
 * lowers the security level), for 1.3 names of cipher suites between colons.
 * NULL is the default. */
UVMQTT_EXTERN int uvmqtt_tls_set_ciphers(uvmqtt_tls_t *tls, const char *list);
UVMQTT_EXTERN int uvmqtt_tls_set_ciphersuites(uvmqtt_tls_t *tls,
                                              const char *list);

/* A key shared with the server, for 1.2 and 1.3: identity of 1 to 255 bytes,
 * key of 16 to 512 bytes (some TLS stacks take less: ask your server). CAs of
 * the system are not trusted then, so that nobody but who knows the key is;
 * those of uvmqtt_tls_load_verify_locations are. */
UVMQTT_EXTERN int uvmqtt_tls_set_psk(uvmqtt_tls_t *tls, const char *identity,
                                     uvmqtt_bytes_t key);

/* The name to verify and to send as SNI instead of the URL's host; NULL: that
 * one. An IP address is verified as one. Names of more than ASCII must be given
 * in their "xn--" form. */
UVMQTT_EXTERN int uvmqtt_tls_set_server_name(uvmqtt_tls_t *tls,
                                             const char *name);

/* Appends the secrets of all connections to this file (made with mode 0600),
 * for Wireshark. Who reads it can read all the traffic. NULL: stop. Never set
 * from the environment. */
UVMQTT_EXTERN int uvmqtt_tls_set_keylog_file(uvmqtt_tls_t *tls,
                                             const char *path);

/* Sessions are resumed with the tickets (1.3) or sessions (1.2) of earlier
 * connections to the same host and port under the same settings; at most 64
 * are kept, in memory. On by default. The server's certificate is not looked
 * at again while a session lasts, which is for the server to say: with TLS 1.3
 * a week at most. */
UVMQTT_EXTERN int uvmqtt_tls_set_resumption(uvmqtt_tls_t *tls, bool on);

/* Idle connections give their buffers back: some 33 KiB less for each (27
 * instead of 60 KiB with OpenSSL 3.0), and more work for each message. Off by
 * default. */
UVMQTT_EXTERN int uvmqtt_tls_set_low_memory(uvmqtt_tls_t *tls, bool on);

#ifdef __cplusplus
}
#endif

#endif
